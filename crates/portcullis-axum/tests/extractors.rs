//! Only what the guard left is believed, and who is not sure answers 500 or 503, never nobody.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use common::{World, anonymous, request, send, with_token};
use portcullis_axum::portcullis::authentication::Authenticator;
use portcullis_axum::portcullis::permission::permission_fn;
use portcullis_axum::portcullis::{
    Access, Account, AuthRequest, Decision, Denial, Error, Guard, Identity, RequestHead, Scheme, Unavailable,
    User, UserId,
};
use portcullis_axum::{Auth, Authorized, LoadObject, MaybeAuth, Rejection, Router, Session, get};

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

impl<S: Send + Sync> LoadObject<S> for Thing {
    async fn load(_: &mut http::request::Parts, _: &S) -> Result<Option<Self>, Rejection> {
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

#[tokio::test]
async fn without_the_guard_nobody_is_served() {
    let world = World::new().await;
    let app = axum::Router::new()
        .route("/auth", axum::routing::get(whoami))
        .route("/maybe", axum::routing::get(maybe))
        .route("/session", axum::routing::get(|_: Session| async {}))
        .route("/authorized", axum::routing::get(|_: Authorized<Thing>| async {}));
    let merged = world.router().merge_public(app.clone()).into_router(()).unwrap();
    for app in [app, merged] {
        for path in ["/auth", "/maybe", "/session", "/authorized"] {
            for request in [anonymous("GET", path), with_token("GET", path, &world.john)] {
                let answer = send(&app, request).await;
                assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, SERVER_ERROR), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn another_user_type_serves_nobody() {
    let world = World::new().await;
    let app = world
        .router()
        .route("/auth", get(|_: Auth<Member>| async {}))
        .route("/maybe", get(|_: MaybeAuth<Member>| async {}).public())
        .route("/session", get(|_: Session<Member>| async {}))
        .into_router(())
        .unwrap();
    for path in ["/auth", "/maybe", "/session"] {
        let answer = send(&app, with_token("GET", path, &world.john)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, SERVER_ERROR), "{path}");
    }
}

#[tokio::test]
async fn a_session_without_sessions_is_a_misconfiguration() {
    let world = World::new().await;
    let guard =
        Guard::builder(world.users.clone()).authenticate(world.tokens.authenticator()).build().unwrap();
    let app = Router::new(guard).route("/", get(|_: Session| async {}).public()).into_router(()).unwrap();
    assert_eq!(send(&app, anonymous("GET", "/")).await.status, 500);
}

/// What a careless or hostile layer could put into the extensions, the guard's own leavings of another request, too.
async fn forge(mut request: Request, next: Next) -> axum::response::Response {
    let account = Arc::new(Account::new(2, "mary"));
    let extensions = request.extensions_mut();
    extensions.insert(Identity::new(Arc::clone(&account), Scheme::TOKEN));
    extensions.insert(Some(Identity::new(Arc::clone(&account), Scheme::TOKEN)));
    extensions.insert((*account).clone());
    extensions.insert(account);
    next.run(request).await
}

#[tokio::test]
async fn what_other_code_inserts_is_not_believed() {
    let world = World::new().await;
    let router = || world.router().route("/auth", get(whoami)).route("/maybe", get(maybe).public());
    let app = router().into_router(()).unwrap().layer(from_fn(forge));
    assert_eq!(send(&app, anonymous("GET", "/auth")).await.status, 401);
    assert_eq!(send(&app, anonymous("GET", "/maybe")).await.body, "nobody");
    assert_eq!(send(&app, with_token("GET", "/auth", &world.john)).await.body, "john");
    let bare = axum::Router::new().route("/auth", axum::routing::get(whoami)).layer(from_fn(forge));
    assert_eq!(send(&bare, anonymous("GET", "/auth")).await.status, 500);
}

#[tokio::test]
async fn an_access_of_another_request_is_replaced() {
    let world = World::new().await;
    let inner = world.router().route("/x/maybe", get(maybe).public()).into_router(()).unwrap();
    let outer = move |mut request: Request| async move {
        // An internal re-dispatch: the identity of the outer request does not count in the inner one.
        request.headers_mut().remove("authorization");
        tower::ServiceExt::oneshot(inner, request).await
    };
    let app = world.router().route("/x/maybe", get(outer)).into_router(()).unwrap();
    let answer = send(&app, with_token("GET", "/x/maybe", &world.mary)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "nobody"));
}

#[tokio::test]
async fn nobody_is_let_in_only_as_nobody() {
    let world = World::new().await;
    let app = world
        .router()
        .route("/maybe", get(maybe).public())
        .route("/auth", get(whoami).public())
        .into_router(())
        .unwrap();
    let bearer = |value: &str| request("GET", "/maybe").header("authorization", value);
    for (name, request, status, body) in [
        ("nothing sent", request("GET", "/maybe"), 200, "nobody"),
        ("a good token", bearer(&format!("Token {}", world.john)), 200, "john"),
        ("a bad token", bearer("Token pct_bad"), 401, ""),
        ("an empty token", bearer("Token"), 401, ""),
        ("a good token, cut", bearer(&format!("Token {}", &world.john[..20])), 401, ""),
        ("`Auth` on an open route", request("GET", "/auth"), 401, ""),
    ] {
        let answer = send(&app, request.body(axum::body::Body::empty()).unwrap()).await;
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

#[tokio::test]
async fn an_outage_is_503_also_where_nobody_may_pass() {
    let world = World::new().await;
    let guard = Guard::builder(world.users.clone()).authenticate(Broken).build().unwrap();
    let app = Router::new(guard)
        .route("/maybe", get(maybe).public())
        .route("/auth", get(whoami))
        .into_router(())
        .unwrap();
    for (method, path) in [("GET", "/maybe"), ("GET", "/auth"), ("PUT", "/maybe"), ("PUT", "/auth")] {
        let answer = send(&app, anonymous(method, path)).await;
        assert_eq!(answer.status, 503, "{method} {path}");
        assert!(answer.headers.contains_key("retry-after"), "{method} {path}");
        assert!(!answer.body.contains("10.0.0.7"), "{method} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_handlers_refusal_gets_the_routes_challenges() {
    let world = World::new().await;
    let app = world
        .router()
        .route("/denied", get(|| async { Err::<(), _>(Rejection::from(Denial::new("Not today."))) }))
        .route("/hidden", get(|| async { Err::<(), _>(Rejection::from(Denial::default().hide())) }))
        .route("/outage", get(|| async { Err::<(), _>(Rejection::from(Unavailable::new("secret"))) }))
        .into_router(())
        .unwrap();
    for (path, status, body) in [
        ("/denied", 403, r#"{"detail":"Not today."}"#),
        ("/hidden", 404, r#"{"detail":"Not found."}"#),
        ("/outage", 503, r#"{"detail":"Service temporarily unavailable, try again later."}"#),
    ] {
        let answer = send(&app, with_token("GET", path, &world.john)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    }
}

#[tokio::test]
async fn the_peer_is_the_servers_word() {
    let world = World::new().await;
    let is_local = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.client().is_some_and(|client| client.is_loopback()))
    });
    let app = world.router().route("/", get(|| async {}).require(is_local)).into_router(()).unwrap();
    let from = |address: &str| {
        let address: SocketAddr = address.parse().unwrap();
        app.clone().layer(Extension(ConnectInfo(address)))
    };
    assert_eq!(send(&from("127.0.0.1:9"), with_token("GET", "/", &world.john)).await.status, 200);
    assert_eq!(send(&from("192.0.2.1:9"), with_token("GET", "/", &world.john)).await.status, 403);
    assert_eq!(
        send(&app, with_token("GET", "/", &world.john)).await.status,
        403,
        "an unknown peer is not local"
    );
    let forwarded = request("GET", "/")
        .header("authorization", format!("Token {}", world.john))
        .header("x-forwarded-for", "127.0.0.1")
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(send(&from("192.0.2.1:9"), forwarded).await.status, 403, "nobody trusts that proxy");
}

#[tokio::test]
async fn the_access_is_lent() {
    let world = World::new().await;
    async fn scheme(auth: Auth) -> String {
        let access: &Access = auth.access();
        format!("{} {}", auth.identity().scheme(), access.identity().is_some())
    }
    let app = world.router().route("/", get(scheme)).into_router(()).unwrap();
    assert_eq!(send(&app, with_token("GET", "/", &world.john)).await.body, "token true");
}
