//! Only what the guard left is believed, and who is not sure answers 500 or 503, never nobody.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::sync::Arc;

use async_trait::async_trait;
use common::{
    Outcome, Request, World, anonymous, empty, page, request, send, serve, session, text_of, with_token,
};
use portcullis_hyper::portcullis::authentication::Authenticator;
use portcullis_hyper::portcullis::permission::permission_fn;
use portcullis_hyper::portcullis::{
    Account, AnyAccess, Auth, AuthRequest, Decision, Denial, Error, Guard, Identity, MaybeAuth, RequestHead,
    Scheme, Unavailable, User, UserId,
};
use portcullis_hyper::{Replay, get};

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

async fn whoami(request: Request) -> Outcome {
    let auth: Auth = Auth::of(request.extensions())?;
    text_of(auth.user().username.clone())
}

async fn maybe(request: Request) -> Outcome {
    let auth: MaybeAuth = MaybeAuth::of(request.extensions())?;
    text_of(auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone()))
}

async fn visits(request: Request) -> Outcome {
    session(&request).await?;
    text_of("")
}

async fn checks(request: Request) -> Outcome {
    AnyAccess::of(request.extensions())?.check_object(&1).await?;
    text_of("")
}

const SERVER_ERROR: &str = r#"{"detail":"A server error occurred."}"#;

#[tokio::test]
async fn without_the_guard_nobody_is_served() {
    let world = World::new().await;
    for (name, tag) in
        [("auth", page(whoami)), ("maybe", page(maybe)), ("session", page(visits)), ("object", page(checks))]
    {
        for request in [anonymous("GET", "/"), with_token("GET", "/", &world.john)] {
            let answer = tag.run(request.map(Replay::Right)).await.unwrap_err().into_response();
            assert_eq!(
                (answer.status().as_u16(), &answer.body()[..]),
                (500, SERVER_ERROR.as_bytes()),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn another_user_type_serves_nobody() {
    let world = World::new().await;
    let auth = page(|request| async move {
        Auth::<Member>::of(request.extensions())?;
        text_of("")
    });
    let maybe = page(|request| async move {
        MaybeAuth::<Member>::of(request.extensions())?;
        text_of("")
    });
    let app = serve(world.router().route("/auth", get(auth)).route("/maybe", get(maybe).public()));
    for path in ["/auth", "/maybe"] {
        let answer = send(&app, with_token("GET", path, &world.john)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, SERVER_ERROR), "{path}");
    }
}

#[tokio::test]
async fn a_session_without_sessions_is_a_misconfiguration() {
    let world = World::new().await;
    let guard =
        Guard::builder(world.users.clone()).authenticate(world.tokens.authenticator()).build().unwrap();
    let app = serve(common::Router::new(guard).route("/", get(page(visits)).public()));
    assert_eq!(send(&app, anonymous("GET", "/")).await.status, 500);
}

#[tokio::test]
async fn what_other_code_inserts_is_not_believed() {
    let world = World::new().await;
    let app =
        serve(world.router().route("/auth", get(page(whoami))).route("/maybe", get(page(maybe)).public()));
    let forged = |mut request: http::Request<common::Body>| {
        let account = Arc::new(Account::new(2, "mary"));
        request.extensions_mut().insert(Identity::new(Arc::clone(&account), Scheme::TOKEN));
        request.extensions_mut().insert(account);
        request
    };
    assert_eq!(send(&app, forged(anonymous("GET", "/auth"))).await.status, 401);
    assert_eq!(send(&app, forged(anonymous("GET", "/maybe"))).await.body, "nobody");
    assert_eq!(send(&app, forged(with_token("GET", "/auth", &world.john))).await.body, "john");
}

#[tokio::test]
async fn an_access_of_another_request_is_replaced() {
    let world = World::new().await;
    let inner = serve(world.router().route("/x/maybe", get(page(maybe)).public()));
    let outer = page(move |mut request| {
        let inner = inner.clone();
        async move {
            // An internal re-dispatch: the identity of the outer request does not count in the inner one.
            request.headers_mut().remove("authorization");
            let request = request.map(|_| empty());
            text_of(send(&inner, request).await.body)
        }
    });
    let app = serve(world.router().route("/x/maybe", get(outer)));
    let answer = send(&app, with_token("GET", "/x/maybe", &world.mary)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "nobody"));
}

#[tokio::test]
async fn nobody_is_let_in_only_as_nobody() {
    let world = World::new().await;
    let app = serve(
        world.router().route("/maybe", get(page(maybe)).public()).route("/auth", get(page(whoami)).public()),
    );
    let bearer = |value: &str| request("GET", "/maybe").header("authorization", value);
    for (name, request, status, body) in [
        ("nothing sent", request("GET", "/maybe"), 200, "nobody"),
        ("a good token", bearer(&format!("Token {}", world.john)), 200, "john"),
        ("a bad token", bearer("Token pct_bad"), 401, ""),
        ("an empty token", bearer("Token"), 401, ""),
        ("a good token, cut", bearer(&format!("Token {}", &world.john[..20])), 401, ""),
        ("`Auth` on an open route", request("GET", "/auth"), 401, ""),
    ] {
        let answer = send(&app, request.body(empty()).unwrap()).await;
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
    let app = serve(
        common::Router::new(guard)
            .route("/maybe", get(page(maybe)).public())
            .route("/auth", get(page(whoami))),
    );
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
    let app = serve(
        world
            .router()
            .route("/denied", get(page(|_| async { Err(Denial::new("Not today.").into()) })))
            .route("/hidden", get(page(|_| async { Err(Denial::default().hide().into()) })))
            .route("/outage", get(page(|_| async { Err(Unavailable::new("secret").into()) }))),
    );
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
    let app = serve(world.router().route("/", get(page(|_| async { text_of("") })).require(is_local)));
    let from = |address: &str| app.with_peer(address.parse().unwrap());
    let mine = || with_token("GET", "/", &world.john);
    assert_eq!(send(&from("127.0.0.1:9"), mine()).await.status, 200);
    assert_eq!(send(&from("192.0.2.1:9"), mine()).await.status, 403);
    assert_eq!(send(&app, mine()).await.status, 403, "an unknown peer is not local");
    let mut forwarded = mine();
    forwarded.headers_mut().insert("x-forwarded-for", http::HeaderValue::from_static("127.0.0.1"));
    assert_eq!(send(&from("192.0.2.1:9"), forwarded).await.status, 403, "nobody trusts that proxy");
}
