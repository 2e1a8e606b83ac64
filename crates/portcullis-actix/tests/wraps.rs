//! However the middlewares stand, nothing opens that was not opened by a word.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Condition, DefaultHeaders, Logger, Next, NormalizePath, from_fn};
use actix_web::test::TestRequest;
use actix_web::{App, Error, HttpResponse, error, test, web};
use common::{Served, TwoUsers, request, send, served, with_token};
use portcullis_actix::portcullis::Policy;
use portcullis_actix::portcullis::permission::IsAdminUser;
use portcullis_actix::{Auth, GuardMiddleware, Public, Router, Routes, Seal, any, get, resource};

async fn ok() -> &'static str {
    "secret"
}

async fn staff(auth: Auth) -> String {
    format!("secret of {}", auth.user().username)
}

async fn pass(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    next.call(request).await
}

fn routes(world: &TwoUsers) -> Routes {
    Router::new(world.guard())
        .service(resource("/ours").route(any().to(ok)))
        .service(resource("/ours/open").route(get().to(ok)).public())
        .build()
        .unwrap()
}

fn guard(world: &TwoUsers) -> GuardMiddleware {
    GuardMiddleware::new(world.guard().route(&Policy::default().require(IsAdminUser)).unwrap())
}

/// A foreign scope, to be wrapped.
fn foreign() -> actix_web::Scope {
    web::scope("/foreign").route("/x", web::to(ok)).route("/staff", web::get().to(staff))
}

macro_rules! apps {
    ($($app:expr),* $(,)?) => {
        vec![$(served(test::init_service($app).await, TestRequest::to_request)),*]
    };
}

async fn apps(world: &TwoUsers) -> Vec<Served> {
    let ours = routes(world);
    let configure = |config: &mut web::ServiceConfig| ours.configure(config);
    let guard = || guard(world);
    let log = Logger::default;
    let header = || DefaultHeaders::new().add(("x-a", "1"));
    apps![
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(Seal),
        App::new().service(foreign().wrap(guard())).configure(configure).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(log()).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(Seal).wrap(log()),
        App::new()
            .configure(configure)
            .service(foreign().wrap(guard()))
            .wrap(Seal)
            .wrap(header())
            .wrap(log()),
        App::new()
            .configure(configure)
            .service(foreign().wrap(guard()))
            .wrap(header())
            .wrap(Seal)
            .wrap(log()),
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(Seal).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(from_fn(pass)).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(Condition::new(true, Seal)),
        App::new()
            .configure(configure)
            .service(foreign().wrap(guard()))
            .wrap(NormalizePath::trim())
            .wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard()).wrap(Public)).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(Public).wrap(guard())).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard()).wrap(guard())).wrap(Seal),
        App::new()
            .configure(configure)
            .service(foreign().wrap(log()).wrap(guard()).wrap(header()))
            .wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(Seal).wrap(guard())).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard()).wrap(Seal)),
        App::new().configure(configure).service(web::scope("").wrap(guard()).service(foreign())).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(Public).wrap(Seal),
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(Seal).wrap(Public),
        App::new().configure(configure).service(foreign().wrap(guard())).wrap(from_fn(pass)),
        App::new().service(web::scope("").configure(configure).service(foreign().wrap(guard()))).wrap(Seal),
        App::new().configure(configure).service(foreign()).wrap(guard()),
        App::new().configure(configure).service(foreign()).wrap(guard()).wrap(Seal),
        App::new().configure(configure).service(foreign()).wrap(Seal).wrap(guard()),
        App::new().configure(configure).service(foreign()).wrap(Seal),
    ]
}

#[actix_web::test]
async fn no_order_of_wraps_opens_anything() {
    let world = TwoUsers::new().await;
    for (number, app) in apps(&world).await.into_iter().enumerate() {
        for path in ["/ours", "/foreign/x", "/foreign/staff", "/ours/", "//ours", "/foreign/%78", "/unknown"]
        {
            for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "PROPFIND"] {
                for (name, request) in
                    [("nobody", request(method, path)), ("a bad token", with_token(method, path, "pct_bad"))]
                {
                    let answer = send(&app, request).await;
                    let row = format!("app {number}: {method} {path} of {name}");
                    assert!(answer.status.as_u16() >= 400, "{row}: {}", answer.status);
                    assert!(!answer.body.contains("secret"), "{row}: {}", answer.body);
                }
            }
        }
        let john = send(&app, with_token("GET", "/foreign/x", &world.john)).await;
        assert!(john.status.as_u16() >= 400, "app {number}: John is no staff, {}", john.status);
        let mary = send(&app, with_token("GET", "/ours", &world.mary)).await;
        assert_eq!((mary.status.as_u16(), mary.body.as_str()), (200, "secret"), "app {number}");
        let is_guarded = send(&app, with_token("GET", "/foreign/staff", &world.mary)).await;
        let expected = if number == 24 { 500 } else { 200 };
        assert_eq!(is_guarded.status, expected, "app {number}");
    }
}

#[actix_web::test]
async fn the_seal_replaces_what_no_guard_has_decided() {
    let world = TwoUsers::new().await;
    let ours = routes(&world);
    let with = |status: u16| move || async move { HttpResponse::new(StatusCode::from_u16(status).unwrap()) };
    let app = App::new()
        .configure(|config| ours.configure(config))
        .route("/101", web::to(with(101)))
        .route("/200", web::to(with(200)))
        .route("/204", web::to(with(204)))
        .route("/302", web::to(with(302)))
        .route("/304", web::to(with(304)))
        .route("/400", web::to(with(400)))
        .route("/502", web::to(with(502)))
        .service(web::redirect("/redirect", "/ours"))
        .service(web::scope("/files").wrap(Public).route("/logo", web::to(ok)))
        .service(web::resource("/one").wrap(Public).to(ok))
        .wrap(Seal);
    let app = served(test::init_service(app).await, TestRequest::to_request);
    for (path, status) in [
        ("/101", 500),
        ("/200", 500),
        ("/204", 500),
        ("/302", 500),
        ("/304", 304),
        ("/400", 400),
        ("/502", 502),
        ("/redirect", 500),
        ("/files/logo", 200),
        ("/files/unknown", 404),
        ("/one", 200),
        ("/ours", 401),
        ("/ours/open", 200),
    ] {
        let answer = send(&app, request("GET", path)).await;
        assert_eq!(answer.status, status, "{path}");
        let is_told = answer.body == r#"{"detail":"A server error occurred."}"#;
        assert_eq!(is_told, status == 500, "{path}: {}", answer.body);
        assert_eq!(answer.header("location"), None, "{path}");
    }
}

#[actix_web::test]
async fn an_error_that_opens_something_is_sealed() {
    let world = TwoUsers::new().await;
    for (status, sealed) in [(200, 500), (302, 500), (304, 304), (404, 404), (503, 503)] {
        let fails = move |_: ServiceRequest, _: &_| async move {
            Err::<ServiceResponse, _>(
                error::InternalError::new("secret", StatusCode::from_u16(status).unwrap()).into(),
            )
        };
        let app = App::new()
            .service(web::scope("/guarded").wrap_fn(fails).wrap(guard(&world)))
            .service(web::scope("/open").wrap_fn(fails))
            .wrap(Seal);
        let app = served(test::init_service(app).await, TestRequest::to_request);
        for path in ["/open", "/guarded"] {
            let answer = send(&app, with_token("GET", path, &world.mary)).await;
            assert_eq!(answer.status, sealed, "{path} {status}");
        }
        assert_eq!(send(&app, request("GET", "/guarded")).await.status, 401, "{status}");
    }
}

#[actix_web::test]
async fn a_middleware_may_answer_a_refusal_in_its_own_way() {
    let world = TwoUsers::new().await;
    let ours = routes(&world);
    let to_login = |request: ServiceRequest, next: &_| {
        let answered = Service::call(next, request);
        async move {
            let answer: ServiceResponse = answered.await?;
            let redirect = || HttpResponse::Found().insert_header(("location", "/login")).finish();
            Ok(if answer.status() == 401 { answer.into_response(redirect()) } else { answer })
        }
    };
    let app = App::new().configure(|config| ours.configure(config)).wrap_fn(to_login).wrap(Seal);
    let app = served(test::init_service(app).await, TestRequest::to_request);
    assert_eq!(send(&app, request("GET", "/ours")).await.status, 302);
}
