//! Only what the guard left is believed, and who is not sure answers 500 or 503, never nobody.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::TestRequest;
use actix_web::{App, Error as ActixError, HttpMessage, HttpRequest, body::MessageBody, dev, test, web};
use async_trait::async_trait;
use common::{World, request, send, serve, served, with_token};
use portcullis_actix::portcullis::authentication::Authenticator;
use portcullis_actix::portcullis::permission::permission_fn;
use portcullis_actix::portcullis::{
    Access, Account, AuthRequest, Decision, Denial, Error, Guard, Identity, RequestHead, Scheme, Unavailable,
    User, UserId,
};
use portcullis_actix::{
    Auth, Authorized, LoadObject, MaybeAuth, Public, Rejection, Router, Seal, Session, get, resource,
};

struct Member;

impl User for Member {
    fn id(&self) -> UserId {
        1.into()
    }
    fn username(&self) -> &'static str {
        "member"
    }
    fn is_active(&self) -> bool {
        true
    }
    fn auth_epoch(&self) -> i64 {
        0
    }
}

struct Thing;

impl LoadObject for Thing {
    async fn load(_: &HttpRequest) -> Result<Option<Self>, Rejection> {
        Ok(Some(Self))
    }
}

async fn whoami(auth: Auth) -> String {
    auth.user().username.clone()
}

async fn maybe(auth: MaybeAuth) -> String {
    auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
}

const SERVER_ERROR: &str = r#"{"detail":"A server error occurred."}"#;

/// Would serve nobody in particular, if `None` could mean "could not tell".
async fn option(auth: Option<Auth>) -> String {
    auth.map_or_else(|| "nobody".to_owned(), |auth| auth.user().username.clone())
}

fn foreign(config: &mut web::ServiceConfig) {
    config
        .route("/auth", web::get().to(whoami))
        .route("/maybe", web::get().to(maybe))
        .route("/option", web::get().to(option))
        .route("/session", web::get().to(|_: Session| async { "secret" }))
        .route("/authorized", web::get().to(|_: Authorized<Thing>| async { "secret" }))
        .route("/option-session", web::get().to(|_: Option<Session>| async { "secret" }))
        .route("/option-authorized", web::get().to(|_: Option<Authorized<Thing>>| async { "secret" }))
        .route("/result", web::get().to(|_: Result<Auth, Rejection>| async { "secret" }));
}

#[actix_web::test]
async fn without_the_guard_nobody_is_served() {
    let world = World::new().await;
    let bare = served(test::init_service(App::new().configure(foreign)).await, TestRequest::to_request);
    let sealed = App::new().configure(foreign).wrap(Seal);
    let sealed = served(test::init_service(sealed).await, TestRequest::to_request);
    let public = App::new().service(web::scope("").wrap(Public).configure(foreign)).wrap(Seal);
    let public = served(test::init_service(public).await, TestRequest::to_request);
    for (name, app) in [("bare", bare), ("sealed", sealed), ("public", public)] {
        for path in ["/auth", "/maybe", "/session", "/authorized"] {
            for request in [request("GET", path), with_token("GET", path, &world.john)] {
                let answer = send(&app, request).await;
                let row = format!("{name}: {path}");
                assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, SERVER_ERROR), "{row}");
            }
        }
        // actix-web makes a `None` of the error, so that only the seal can tell.
        for path in ["/option", "/option-session", "/option-authorized", "/result"] {
            let answer = send(&app, with_token("GET", path, &world.john)).await;
            assert_eq!(answer.status == 500, name != "bare", "{name}: {path}");
        }
    }
}

#[actix_web::test]
async fn another_user_type_serves_nobody() {
    let world = World::new().await;
    let router = world
        .router()
        .service(resource("/auth").route(get().to(|_: Auth<Member>| async { "secret" })))
        .service(resource("/maybe").route(get().to(|_: MaybeAuth<Member>| async { "secret" })).public())
        .service(resource("/option").route(get().to(|_: Option<Auth<Member>>| async { "secret" })).public())
        .service(resource("/session").route(get().to(|_: Session<Member>| async { "secret" })))
        .service(resource("/two").route(get().to(|_: Option<Session<Member>>| async { "secret" })).public());
    let app = serve(router).await;
    for path in ["/auth", "/maybe", "/option", "/session", "/two"] {
        let answer = send(&app, with_token("GET", path, &world.john)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, SERVER_ERROR), "{path}");
    }
}

#[actix_web::test]
async fn a_session_without_sessions_is_a_misconfiguration() {
    let world = World::new().await;
    let guard =
        Guard::builder(world.users.clone()).authenticate(world.tokens.authenticator()).build().unwrap();
    let router = Router::new(guard)
        .service(resource("/").route(get().to(|_: Session| async { "secret" })).public())
        .service(resource("/option").route(get().to(|_: Option<Session>| async { "secret" })).public());
    let app = serve(router).await;
    for path in ["/", "/option"] {
        assert_eq!(send(&app, request("GET", path)).await.status, 500, "{path}");
    }
}

#[actix_web::test]
async fn an_option_is_none_for_nobody_and_nothing_else() {
    let world = World::new().await;
    let open = resource("/open").route(get().to(option)).public();
    let app = serve(world.router().service(open).service(resource("/closed").route(get().to(option)))).await;
    let broken = Guard::builder(world.users.clone()).authenticate(Broken).build().unwrap();
    let broken = serve(Router::new(broken).service(resource("/open").route(get().to(option)).public())).await;
    for (name, app, request, status, body) in [
        ("nothing sent", &app, request("GET", "/open"), 200, "nobody"),
        ("a good token", &app, with_token("GET", "/open", &world.john), 200, "john"),
        ("a bad token", &app, with_token("GET", "/open", "pct_bad"), 401, ""),
        ("nobody, closed", &app, request("GET", "/closed"), 401, ""),
        ("an outage", &broken, with_token("GET", "/open", &world.john), 503, ""),
    ] {
        let answer = send(app, request).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        assert!(body.is_empty() || answer.body == body, "{name}: {}", answer.body);
    }
}

/// What a careless or hostile middleware could put into the extensions.
async fn forge(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<dev::ServiceResponse<impl MessageBody>, ActixError> {
    let account = Arc::new(Account::new(2, "mary"));
    let mut head = http::Extensions::new();
    head.insert(Identity::new(Arc::clone(&account), Scheme::TOKEN));
    {
        let mut extensions = request.extensions_mut();
        extensions.insert(Identity::new(Arc::clone(&account), Scheme::TOKEN));
        extensions.insert(Some(Identity::new(Arc::clone(&account), Scheme::TOKEN)));
        extensions.insert((*account).clone());
        extensions.insert(account);
        extensions.insert(head);
        extensions.insert(http::Request::new(()).into_parts().0);
    }
    next.call(request).await
}

#[actix_web::test]
async fn what_other_code_inserts_is_not_believed() {
    let world = World::new().await;
    let router = world.router().service(resource("/auth").route(get().to(whoami)));
    let routes = router.service(resource("/maybe").route(get().to(maybe)).public()).build().unwrap();
    let app = App::new().configure(|config| routes.configure(config)).wrap(from_fn(forge));
    let app = served(test::init_service(app).await, TestRequest::to_request);
    assert_eq!(send(&app, request("GET", "/auth")).await.status, 401);
    assert_eq!(send(&app, request("GET", "/maybe")).await.body, "nobody");
    assert_eq!(send(&app, with_token("GET", "/auth", &world.john)).await.body, "john");
    let bare = App::new().configure(foreign).wrap(from_fn(forge));
    let bare = served(test::init_service(bare).await, TestRequest::to_request);
    assert_eq!(send(&bare, request("GET", "/auth")).await.status, 500);
}

#[actix_web::test]
async fn nobody_is_let_in_only_as_nobody() {
    let world = World::new().await;
    let router = world.router().service(resource("/maybe").route(get().to(maybe)).public());
    let app = serve(router.service(resource("/auth").route(get().to(whoami)).public())).await;
    let bearer = |value: &str| request("GET", "/maybe").insert_header(("authorization", value));
    for (name, request, status, body) in [
        ("nothing sent", request("GET", "/maybe"), 200, "nobody"),
        ("a good token", bearer(&format!("Token {}", world.john)), 200, "john"),
        ("a bad token", bearer("Token pct_bad"), 401, ""),
        ("an empty token", bearer("Token"), 401, ""),
        ("a good token, cut", bearer(&format!("Token {}", &world.john[..20])), 401, ""),
        ("`Auth` on an open route", request("GET", "/auth"), 401, ""),
    ] {
        let answer = send(&app, request).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        assert!(body.is_empty() || answer.body == body, "{name}: {}", answer.body);
        assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401, "{name}");
    }
}

struct Broken;

#[async_trait]
impl Authenticator for Broken {
    async fn authenticate(&self, _: &RequestHead<'_>) -> Result<Option<Identity>, Error> {
        Err(Unavailable::new("the database said 10.0.0.7 refused").into())
    }

    fn scheme(&self) -> Scheme {
        Scheme::new("broken")
    }
}

#[actix_web::test]
async fn an_outage_is_503_also_where_nobody_may_pass() {
    let world = World::new().await;
    let guard = Guard::builder(world.users.clone()).authenticate(Broken).build().unwrap();
    let router = Router::new(guard).service(resource("/maybe").route(get().to(maybe)).public());
    let app = serve(router.service(resource("/auth").route(get().to(whoami)))).await;
    for (method, path) in [("GET", "/maybe"), ("GET", "/auth"), ("PUT", "/maybe"), ("PUT", "/auth")] {
        let answer = send(&app, request(method, path)).await;
        assert_eq!(answer.status, 503, "{method} {path}");
        assert!(answer.headers.contains_key("retry-after"), "{method} {path}");
        assert!(!answer.body.contains("10.0.0.7"), "{method} {path}: {}", answer.body);
    }
}

#[actix_web::test]
async fn a_handlers_refusal_gets_the_routes_challenges() {
    let world = World::new().await;
    let refuse = |path: &str, error: fn() -> Error| {
        resource(path).route(get().to(move || async move { Err::<String, _>(Rejection::from(error())) }))
    };
    let wrapped = || async { Err::<String, _>(AppError(Denial::new("Not today.").into())) };
    let router = world
        .router()
        .service(refuse("/denied", || Denial::new("Not today.").into()))
        .service(refuse("/hidden", || Denial::default().hide().into()))
        .service(refuse("/outage", || Unavailable::new("secret").into()))
        .service(resource("/wrapped").route(get().to(wrapped)))
        .service(resource("/auth").route(get().to(whoami)).public());
    let app = serve(router).await;
    for (path, status, body) in [
        ("/denied", 403, r#"{"detail":"Not today."}"#),
        ("/wrapped", 403, r#"{"detail":"Not today."}"#),
        ("/hidden", 404, r#"{"detail":"Not found."}"#),
        ("/outage", 503, r#"{"detail":"Service temporarily unavailable, try again later."}"#),
    ] {
        let answer = send(&app, with_token("GET", path, &world.john)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(answer.header("vary"), Some("authorization, cookie"), "{path}");
    }
    let answer = send(&app, request("GET", "/auth")).await;
    assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, Some("Token")));
}

/// An application's own error, as they are written for actix-web.
#[derive(Debug)]
struct AppError(Rejection);

impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl actix_web::ResponseError for AppError {
    fn error_response(&self) -> actix_web::HttpResponse {
        self.0.error_response()
    }
}

#[actix_web::test]
async fn the_peer_is_the_servers_word() {
    let world = World::new().await;
    let is_local = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.client().is_some_and(|client| client.is_loopback()))
    });
    let app =
        serve(world.router().service(resource("/").route(get().to(|| async { "ok" }).require(is_local))))
            .await;
    let from = |address: &str| with_token("GET", "/", &world.john).peer_addr(address.parse().unwrap());
    let forwarded = || ("x-forwarded-for", "127.0.0.1");
    for (name, request, status) in [
        ("local", from("127.0.0.1:9"), 200),
        ("distant", from("192.0.2.1:9"), 403),
        ("unknown", with_token("GET", "/", &world.john), 403),
        ("forwarded by nobody we trust", from("192.0.2.1:9").insert_header(forwarded()), 403),
        ("forwarded by nobody we know", with_token("GET", "/", &world.john).insert_header(forwarded()), 403),
    ] {
        assert_eq!(send(&app, request).await.status, status, "{name}");
    }
}

#[actix_web::test]
async fn the_access_is_lent() {
    let world = World::new().await;
    async fn scheme(auth: Auth) -> String {
        let access: &Access = auth.access();
        format!("{} {}", auth.identity().scheme(), access.identity().is_some())
    }
    let app = serve(world.router().service(resource("/").route(get().to(scheme)))).await;
    assert_eq!(send(&app, with_token("GET", "/", &world.john)).await.body, "token true");
}
