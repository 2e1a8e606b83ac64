//! The routes, and what guards each of them, on every framework.

use std::sync::Arc;

use http::HeaderName;
use portcullis::permission::{
    IsSuperuser, ModelObjectPermissions, ModelPermissions, ModelPermissionsOrAnonReadOnly, PermissionError,
};
use portcullis::store::{CounterStore, RefreshStore, UserBySession, UserByToken};
use portcullis::{
    Account, AllowAny, CsrfConfig, Guard, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly, Jwt,
    JwtConfig, KeyRing, Permissions, Policy, Scheme, SessionConfig, Sessions, Throttle, TokenConfig, Tokens,
    Users,
};

use crate::auth::{CustomToken, IsAuthorOrAdmin, IsOwnerOrReadOnly};
use crate::domain::{Book, BookStore};
use crate::pages::Page;
use crate::views::View;

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

/// The mechanisms of the bookshop.
struct Mechanisms {
    users: Users,
    tokens: Tokens,
    sessions: Sessions,
    jwt: Jwt,
}

/// The key that the contract names: for tests only. A program of yours reads its own from where it keeps secrets.
const SIGNING_KEY: &str = "bookshop-test-only-jwt-signing-key-do-not-use-in-production";

/// One path: what it asks, and what answers there.
#[derive(Debug)]
pub struct Place {
    /// The path, in the notation that all frameworks share.
    pub path: String,
    /// What is asked, whatever the method.
    pub policy: Policy,
    /// What answers.
    pub view: View,
}

/// The whole application, which each framework mounts.
#[derive(Debug)]
pub struct Site {
    /// Who is this, may they.
    pub guard: Guard,
    /// What every handler may use.
    pub shop: Shop,
    /// Every path.
    pub places: Vec<Place>,
}

impl Site {
    /// Lends the paths alone, to those who stand outside of the routers.
    #[must_use]
    pub fn paths(&self) -> Paths {
        Paths(self.places.iter().map(|place| place.path.clone()).collect())
    }
}

/// The paths of the application.
#[derive(Debug, Clone)]
pub struct Paths(Arc<[String]>);

impl Paths {
    /// Tells whether a path is one of the application's: nothing that is secret, and nothing that decides.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let is_same =
            |(known, asked): (&str, &str)| known == asked || (known.starts_with('{') && !asked.is_empty());
        self.0.iter().any(|known| {
            known.split('/').count() == path.split('/').count()
                && known.split('/').zip(path.split('/')).all(is_same)
        })
    }
}

fn place(path: &str, policy: Policy, view: View) -> Place {
    Place { path: path.to_owned(), policy, view }
}

/// Puts the application together: users and tokens are found in `store`, sessions, refresh tokens and counters in
/// `records`, which is the same one or knows where the users are.
///
/// # Errors
///
/// What is wrong with it; there is nothing wrong with this one.
pub fn site<S, R>(store: &S, records: &R, books: Arc<dyn BookStore>) -> Result<Site, Failure>
where
    S: UserByToken<Account> + Clone,
    R: UserBySession<Account> + RefreshStore + CounterStore + Clone,
{
    let jwt = JwtConfig::simplejwt().with_rotation().with_schemes(["Bearer", "JWT"]);
    let csrf =
        CsrfConfig::django().with_trusted_origins(["https://trusted.example", "https://*.wild.example"]);
    let mechanisms = Mechanisms {
        users: Users::new(store.clone()),
        tokens: Tokens::new(store.clone()).with_config(TokenConfig::drf()),
        sessions: Sessions::new(records.clone(), SessionConfig::django().with_csrf(csrf)),
        jwt: Jwt::new(KeyRing::from_secret(SIGNING_KEY)?, records.clone())?.with_config(jwt)?,
    };
    let Mechanisms { users, tokens, sessions, jwt } = &mechanisms;
    let guard = Guard::builder(users.clone())
        .authenticate(tokens.authenticator())
        .authenticate(sessions.authenticator())
        .authenticate(jwt.authenticator())
        .trusted_proxies(["127.0.0.0/8", "10.0.0.0/8", "::1/128"])
        .drf()
        .build()?;
    let mut places = book_places()?;
    places.extend(whoami_places(&mechanisms)?);
    places.extend(session_places(&mechanisms));
    places.extend(jwt_places(jwt));
    places.push(throttled_place(&mechanisms, records)?);
    places.extend(pages(sessions));
    let shop = Shop { books, users: users.clone(), sessions: sessions.clone() };
    Ok(Site { guard, shop, places })
}

/// The same books nine times, each under another permission.
fn book_places() -> Result<Vec<Place>, PermissionError> {
    let shelves = [
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
    let places = shelves.into_iter().flat_map(|(name, permission)| {
        let asks = || Policy::default().require(permission.clone());
        [
            place(&format!("/api/{name}/"), asks().without_object(), View::Books(permission.clone())),
            place(&format!("/api/{name}/{{id}}/"), asks(), View::Book(permission.clone())),
        ]
    });
    Ok(places.collect())
}

/// Who am I, by one authenticator or several: the first that knows decides, the first that refuses ends it.
fn whoami_places(mechanisms: &Mechanisms) -> Result<Vec<Place>, Failure> {
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
    let asks = || Policy::default().without_object();
    let multi = asks()
        .authenticate_with(basic())
        .authenticate_with(token())
        .authenticate_with(session())
        .authenticate_with(pair());
    let session_first = asks()
        .authenticate_with(session())
        .authenticate_with(basic())
        .authenticate_with(token())
        .authenticate_with(pair());
    let optional = multi.clone().public().authenticate_with(remote()?).authenticate_with(custom()?);
    let policies = [
        ("basic", asks().authenticate_with(basic())),
        ("token", asks().authenticate_with(token())),
        ("bearer", asks().authenticate_with(bearer)),
        ("session", asks().authenticate_with(session())),
        ("jwt", asks().authenticate_with(pair())),
        ("jwt-stateless", asks().authenticate_with(jwt.stateless())),
        ("remote", asks().authenticate_with(remote()?)),
        ("custom", asks().authenticate_with(custom()?)),
        ("multi", multi),
        ("multi-session-first", session_first),
        ("optional", optional),
    ];
    let places = policies
        .into_iter()
        .map(|(name, policy)| place(&format!("/api/whoami/{name}/"), policy, View::WhoAmI));
    Ok(places.collect())
}

fn session_places(mechanisms: &Mechanisms) -> [Place; 5] {
    let Mechanisms { users, tokens, sessions, .. } = mechanisms;
    let open = || Policy::default().public();
    let own = || Policy::default().authenticate_with(sessions.authenticator()).without_object();
    let session_or_basic =
        open().authenticate_with(sessions.authenticator()).authenticate_with(users.basic());
    let endpoint = |policy, endpoint: portcullis::endpoint::Endpoint| Place {
        path: endpoint.path().to_owned(),
        policy,
        view: View::Endpoint(endpoint),
    };
    [
        endpoint(session_or_basic, tokens.obtain_endpoint("/api/login/")),
        endpoint(open().without_authenticators(), sessions.login_endpoint("/api/session/login/")),
        endpoint(own(), sessions.logout_endpoint("/api/session/logout/")),
        place("/api/session/password/", own(), View::ChangePassword),
        endpoint(open().without_authenticators(), sessions.csrf_endpoint("/api/csrf/")),
    ]
}

/// simplejwt's routes.
fn jwt_places(jwt: &Jwt) -> [Place; 4] {
    let endpoints = [
        jwt.obtain_endpoint("/api/token/"),
        jwt.refresh_endpoint("/api/token/refresh/"),
        jwt.verify_endpoint("/api/token/verify/"),
        jwt.revoke_endpoint("/api/token/blacklist/"),
    ];
    endpoints.map(|endpoint| {
        let policy = Policy::default().public().without_authenticators();
        Place { path: endpoint.path().to_owned(), policy, view: View::Endpoint(endpoint) }
    })
}

/// Three requests a minute for nobody, five for a user.
fn throttled_place<C>(mechanisms: &Mechanisms, counters: &C) -> Result<Place, Failure>
where
    C: CounterStore + Clone,
{
    let policy = Policy::default()
        .public()
        .authenticate_with(mechanisms.tokens.authenticator())
        .throttle(Throttle::anonymous(counters.clone(), "3/min".parse()?).with_sliding_log())
        .throttle(Throttle::user(counters.clone(), "5/min".parse()?).with_sliding_log());
    Ok(place("/api/throttled/", policy, View::Throttled))
}

/// The pages, which ask the session alone.
fn pages(sessions: &Sessions) -> impl Iterator<Item = Place> {
    let policy = Policy::default().public().authenticate_with(sessions.authenticator()).without_object();
    Page::ALL.into_iter().map(move |(path, page)| place(path, policy.clone(), View::Page(page)))
}
