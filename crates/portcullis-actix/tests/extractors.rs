//! Only what the guard left is believed, and who is not sure answers 500 or 503, never nobody.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::TestRequest;
use actix_web::{App, Error as ActixError, HttpMessage, HttpRequest, body::MessageBody, dev, test, web};
use async_trait::async_trait;
use common::{TwoUsers, request, send, serve, served, with_token};
use portcullis_actix::portcullis::authentication::Authenticator;
use portcullis_actix::portcullis::{
    Account, Denial, Error, Guard, Identity, RequestHead, Scheme, Unavailable,
};
use portcullis_actix::{
    Auth, Authorized, LoadObject, MaybeAuth, Public, Rejection, Router, Seal, Session, get, resource,
};
use portcullis_testing::suite::adapter::Member;

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
    let world = TwoUsers::new().await;
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
async fn an_option_of_another_user_type_serves_nobody() {
    let world = TwoUsers::new().await;
    let router = Router::new(world.guard())
        .service(resource("/option").route(get().to(|_: Option<Auth<Member>>| async { "secret" })).public())
        .service(resource("/two").route(get().to(|_: Option<Session<Member>>| async { "secret" })).public());
    let app = serve(router).await;
    for path in ["/option", "/two"] {
        let answer = send(&app, with_token("GET", path, &world.john)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, SERVER_ERROR), "{path}");
    }
}

#[actix_web::test]
async fn a_session_without_sessions_is_a_misconfiguration() {
    let world = TwoUsers::new().await;
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
    let world = TwoUsers::new().await;
    let open = resource("/open").route(get().to(option)).public();
    let app =
        serve(Router::new(world.guard()).service(open).service(resource("/closed").route(get().to(option))))
            .await;
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
    let world = TwoUsers::new().await;
    let router = Router::new(world.guard()).service(resource("/auth").route(get().to(whoami)));
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
async fn a_refusal_in_an_error_of_the_applications_is_answered_as_such() {
    let world = TwoUsers::new().await;
    let wrapped = || async { Err::<String, _>(AppError(Denial::new("Not today.").into())) };
    let router = Router::new(world.guard())
        .service(resource("/wrapped").route(get().to(wrapped)))
        .service(resource("/auth").route(get().to(whoami)).public());
    let app = serve(router).await;
    let answer = send(&app, with_token("GET", "/wrapped", &world.john)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (403, r#"{"detail":"Not today."}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("vary"), Some("authorization, cookie"));
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
