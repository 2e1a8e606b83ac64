//! The routes, and what guards each of them.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::HeaderName;
use portcullis::endpoint::Endpoint;
use portcullis::permission::{
    IsSuperuser, ModelObjectPermissions, ModelPermissions, ModelPermissionsOrAnonReadOnly, PermissionError,
};
use portcullis::store::{CounterStore, RefreshStore, UserBySession, UserByToken};
use portcullis::{
    Account, AllowAny, CsrfConfig, Guard, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly, Jwt,
    JwtConfig, KeyRing, Permissions, Scheme, SessionConfig, Sessions, Throttle, TokenConfig, Tokens, Users,
};
use portcullis_axum::{MethodRouter, RouteTable, Router, get, post};

use crate::auth::{CustomToken, IsAuthorOrAdmin, IsOwnerOrReadOnly};
use crate::domain::{Book, BookStore};
use crate::views::{books, session, throttled, whoami};
use crate::{negotiation, pages};

/// Whatever goes wrong while the program starts.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What every handler may use.
#[derive(Debug, Clone)]
pub struct Shop {
    /// The books.
    pub books: Arc<dyn BookStore>,
    /// The users.
    pub users: Users,
    /// The sessions.
    pub sessions: Sessions,
}

/// The mechanisms of the bookshop, all on one store.
struct Mechanisms {
    users: Users,
    tokens: Tokens,
    sessions: Sessions,
    jwt: Jwt,
}

/// The key that the contract names: for tests only. A program of yours reads its own from where it keeps secrets.
const SIGNING_KEY: &str = "bookshop-test-only-jwt-signing-key-do-not-use-in-production";

/// Puts the application together: the table of its routes, and the service.
///
/// # Errors
///
/// What is wrong with a route; there is nothing wrong with these.
pub fn app<S>(store: &S, books: Arc<dyn BookStore>) -> Result<(RouteTable, axum::Router), Failure>
where
    S: UserByToken<Account> + UserBySession<Account> + RefreshStore + CounterStore + Clone,
{
    let jwt = JwtConfig::simplejwt().with_rotation().with_schemes(["Bearer", "JWT"]);
    let csrf =
        CsrfConfig::django().with_trusted_origins(["https://trusted.example", "https://*.wild.example"]);
    let mechanisms = Mechanisms {
        users: Users::new(store.clone()),
        tokens: Tokens::new(store.clone()).with_config(TokenConfig::drf()),
        sessions: Sessions::new(store.clone(), SessionConfig::django().with_csrf(csrf)),
        jwt: Jwt::new(KeyRing::from_secret(SIGNING_KEY)?, store.clone())?.with_config(jwt)?,
    };
    let Mechanisms { users, tokens, sessions, jwt } = &mechanisms;
    let guard = Guard::builder(users.clone())
        .authenticate(tokens.authenticator())
        .authenticate(sessions.authenticator())
        .authenticate(jwt.authenticator())
        .trusted_proxies(["127.0.0.0/8", "10.0.0.0/8", "::1/128"])
        .drf()
        .build()?;
    let router = Router::new(guard);
    let router = book_routes(router)?;
    let router = whoami_routes(router, &mechanisms)?;
    let router = session_routes(router, &mechanisms);
    let router = jwt_routes(router, jwt);
    let router = throttled_route(router, &mechanisms, store)?;
    let router = pages::routes(router, sessions);
    let table = router.table()?;
    let shop = Shop { books, users: users.clone(), sessions: sessions.clone() };
    let service = router.into_router(shop)?;
    Ok((table, service.route_layer(axum::middleware::from_fn(negotiation::negotiate))))
}

/// The same books nine times, each under another permission.
fn book_routes(router: Router<Shop>) -> Result<Router<Shop>, PermissionError> {
    let routes = [
        ("books", Permissions::new(IsAuthenticated & IsOwnerOrReadOnly)?),
        ("public-books", Permissions::new(IsAuthenticatedOrReadOnly)?),
        ("admin-books", Permissions::new(IsAdminUser)?),
        ("open-books", Permissions::new(AllowAny)?),
        ("author-books", Permissions::new(IsAuthorOrAdmin)?),
        ("model-books", Permissions::new(ModelPermissions::new("books", "book"))?),
        ("anon-model-books", Permissions::new(ModelPermissionsOrAnonReadOnly::new("books", "book"))?),
        ("object-books", Permissions::new(ModelObjectPermissions::<Book>::new("books", "book"))?),
        ("composed-books", Permissions::new((IsAuthenticated & !IsAdminUser) | IsSuperuser)?),
    ];
    Ok(routes.into_iter().fold(router, |router, (name, permission)| {
        router
            .route(
                &format!("/api/{name}/"),
                books::list_routes(&permission).require(permission.clone()).without_object(),
            )
            .route(&format!("/api/{name}/{{id}}/"), books::detail_routes(&permission).require(permission))
    }))
}

/// Who am I, by one authenticator or several: the first that knows decides, the first that refuses ends it.
fn whoami_routes(router: Router<Shop>, mechanisms: &Mechanisms) -> Result<Router<Shop>, Failure> {
    let Mechanisms { users, tokens, sessions, jwt } = mechanisms;
    let basic = || users.basic();
    let token = || tokens.authenticator();
    let session = || sessions.authenticator();
    let pair = || jwt.authenticator();
    let remote = || {
        let header = HeaderName::from_static("x-remote-user");
        let loopback = ["127.0.0.0/8", "::1/128"];
        users
            .remote_user(header, loopback)
            .map(portcullis::authentication::RemoteUserAuthenticator::with_unknown_users)
    };
    let custom = || CustomToken::new(users.clone());
    let bearer = token().with_keyword("Bearer", Scheme::new("bearer"))?;
    let routes = || whoami::routes().without_object();
    Ok(router
        .route("/api/whoami/basic/", routes().authenticate_with(basic()))
        .route("/api/whoami/token/", routes().authenticate_with(token()))
        .route("/api/whoami/bearer/", routes().authenticate_with(bearer))
        .route("/api/whoami/session/", routes().authenticate_with(session()))
        .route("/api/whoami/jwt/", routes().authenticate_with(pair()))
        .route("/api/whoami/jwt-stateless/", routes().authenticate_with(jwt.stateless()))
        .route("/api/whoami/remote/", routes().authenticate_with(remote()?))
        .route("/api/whoami/custom/", routes().authenticate_with(custom()?))
        .route(
            "/api/whoami/multi/",
            routes()
                .authenticate_with(basic())
                .authenticate_with(token())
                .authenticate_with(session())
                .authenticate_with(pair()),
        )
        .route(
            "/api/whoami/multi-session-first/",
            routes()
                .authenticate_with(session())
                .authenticate_with(basic())
                .authenticate_with(token())
                .authenticate_with(pair()),
        )
        .route(
            "/api/whoami/optional/",
            routes()
                .public()
                .authenticate_with(basic())
                .authenticate_with(token())
                .authenticate_with(session())
                .authenticate_with(pair())
                .authenticate_with(remote()?)
                .authenticate_with(custom()?),
        ))
}

fn session_routes(router: Router<Shop>, mechanisms: &Mechanisms) -> Router<Shop> {
    let Mechanisms { users, tokens, sessions, .. } = mechanisms;
    let own =
        |routes: MethodRouter<Shop>| routes.authenticate_with(sessions.authenticator()).without_object();
    let obtain = mounted(tokens.obtain_endpoint("/api/login/"));
    let log_in = mounted(sessions.login_endpoint("/api/session/login/"));
    let log_out = mounted(sessions.logout_endpoint("/api/session/logout/"));
    let csrf = mounted(sessions.csrf_endpoint("/api/csrf/"));
    router
        .route(
            "/api/login/",
            post(obtain)
                .options(whoami::metadata)
                .public()
                .authenticate_with(sessions.authenticator())
                .authenticate_with(users.basic()),
        )
        .route(
            "/api/session/login/",
            post(log_in).options(whoami::metadata).public().without_authenticators(),
        )
        .route("/api/session/logout/", own(post(log_out).options(whoami::metadata)))
        .route("/api/session/password/", own(post(session::change_password).options(whoami::metadata)))
        .route("/api/csrf/", get(csrf).options(whoami::metadata).public().without_authenticators())
}

/// simplejwt's routes.
fn jwt_routes(router: Router<Shop>, jwt: &Jwt) -> Router<Shop> {
    let endpoints = [
        jwt.obtain_endpoint("/api/token/"),
        jwt.refresh_endpoint("/api/token/refresh/"),
        jwt.verify_endpoint("/api/token/verify/"),
        jwt.revoke_endpoint("/api/token/blacklist/"),
    ];
    endpoints.into_iter().fold(router, |router, endpoint| {
        let path = endpoint.path().to_owned();
        let routes = post(mounted(endpoint)).options(whoami::metadata);
        router.route(&path, routes.public().without_authenticators())
    })
}

/// Three requests a minute for nobody, five for a user.
fn throttled_route<S>(
    router: Router<Shop>,
    mechanisms: &Mechanisms,
    store: &S,
) -> Result<Router<Shop>, Failure>
where
    S: CounterStore + Clone,
{
    let anonymous = Throttle::anonymous(store.clone(), "3/min".parse()?).with_sliding_log();
    let user = Throttle::user(store.clone(), "5/min".parse()?).with_sliding_log();
    Ok(router.route(
        "/api/throttled/",
        throttled::routes()
            .public()
            .authenticate_with(mechanisms.tokens.authenticator())
            .throttle(anonymous)
            .throttle(user),
    ))
}

/// Makes a handler of an endpoint, so that it can share its path with OPTIONS.
fn mounted(
    endpoint: Endpoint,
) -> impl Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static {
    move |request| {
        let endpoint = endpoint.clone();
        Box::pin(async move { portcullis_axum::call(&endpoint, request).await })
    }
}
