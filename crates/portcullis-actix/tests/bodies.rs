//! A body that comes in pieces: the guard reads what it must of it, and the handler gets the same bytes.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::{Payload, Service, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use actix_web::{App, test, web};
use common::{Served, TwoUsers, from_browser, log_in, request, send, served, with_login, with_token};
use futures_util::StreamExt;
use portcullis_actix::portcullis::Policy;
use portcullis_actix::{GuardMiddleware, Router, post, put, resource};

const FORM: &str = "application/x-www-form-urlencoded";

async fn echo(body: Bytes) -> Bytes {
    body
}

/// Says in how many pieces the body has come.
async fn pieces(mut body: web::Payload) -> String {
    let mut pieces = 0;
    while body.next().await.is_some_and(|piece| piece.is_ok()) {
        pieces += 1;
    }
    pieces.to_string()
}

async fn app(world: &TwoUsers, router: Router) -> (Served, Arc<AtomicUsize>) {
    app_with(world, router, 2_000).await
}

async fn app_with(world: &TwoUsers, router: Router, size: usize) -> (Served, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let foreign = world.guard().route(&Policy::default()).unwrap();
    let routes = with_login(world, router).build().unwrap();
    let foreign = web::scope("/foreign").wrap(GuardMiddleware::new(foreign)).route("/echo", web::to(echo));
    let app = App::new().service(foreign).configure(|config| routes.configure(config));
    let app = app.wrap_fn(move |request, next| {
        let (request, payload) = request.into_parts();
        let counter = Arc::clone(&counter);
        let cut = payload.flat_map(move |piece| {
            let piece = piece.unwrap();
            let cut: Vec<_> =
                piece.chunks(size).map(|cut| Ok::<_, PayloadError>(Bytes::copy_from_slice(cut))).collect();
            futures_util::stream::iter(cut)
        });
        let counted = cut.inspect(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let payload = Payload::Stream { payload: Box::pin(counted) as _ };
        next.call(ServiceRequest::from_parts(request, payload))
    });
    (served(test::init_service(app).await, TestRequest::to_request), read)
}

fn routes(world: &TwoUsers) -> Router {
    Router::new(world.guard())
        .service(resource("/echo").route(post().to(echo)).route(put().to(echo)))
        .service(resource("/pieces").route(post().to(pieces)))
}

#[actix_web::test]
async fn a_form_that_proves_its_origin_reaches_the_handler_unchanged() {
    let world = TwoUsers::new().await;
    let (app, _) = app(&world, routes(&world)).await;
    let (cookies, token) = log_in(&world, &app).await;
    let form = format!("a=1&a=2&csrfmiddlewaretoken={token}&c=%zz&&d=%C3%A9;é=+");
    let multipart = format!(
        "--x\r\ncontent-disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{token}\r\n--x\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n\r\n--x--\r\ntrailer"
    );
    for (name, kind, body) in
        [("a form", FORM, &form), ("multipart", "multipart/form-data; boundary=x", &multipart)]
    {
        let request = from_browser("POST", "/echo", &cookies).insert_header(("content-type", kind));
        let answer = send(&app, request.set_payload(body.clone())).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        assert_eq!(&answer.body, body, "{name}");
        let foreign = from_browser("POST", "/foreign/echo", &cookies).insert_header(("content-type", kind));
        assert_eq!(
            &send(&app, foreign.set_payload(body.clone())).await.body,
            body,
            "{name}, in a foreign scope"
        );
    }
}

#[actix_web::test]
async fn the_guard_stops_reading_after_64_kib() {
    let world = TwoUsers::new().await;
    let (app, read) = app_with(&world, routes(&world), 16 * 1024).await;
    let (cookies, token) = log_in(&world, &app).await;
    let form = format!("csrfmiddlewaretoken={token}&a={}", "x".repeat(64 * 16 * 1024));
    read.store(0, Ordering::SeqCst);
    let request = from_browser("POST", "/echo", &cookies).insert_header(("content-type", FORM));
    assert_eq!(send(&app, request.set_payload(form)).await.status, 413);
    assert_eq!(read.load(Ordering::SeqCst), 5, "it goes on reading");
}

#[actix_web::test]
async fn an_upload_with_the_header_streams() {
    let world = TwoUsers::new().await;
    let (app, _) = app(&world, routes(&world)).await;
    let (cookies, token) = log_in(&world, &app).await;
    for (name, request) in [
        (
            "a form with the header",
            from_browser("POST", "/pieces", &cookies).insert_header(("x-csrftoken", token.as_str())),
        ),
        ("a form with a token of the API", with_token("POST", "/pieces", &world.john)),
    ] {
        let answer =
            send(&app, request.insert_header(("content-type", FORM)).set_payload("x".repeat(5_000))).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "3"), "{name}");
    }
}

#[actix_web::test]
async fn the_body_of_a_refused_request_is_not_read() {
    let world = TwoUsers::new().await;
    let (app, read) = app(&world, routes(&world)).await;
    let (cookies, _) = log_in(&world, &app).await;
    read.store(0, Ordering::SeqCst);
    let foreign_site = ("sec-fetch-site", "cross-site");
    for (name, request, kind, status) in [
        ("a stranger", request("POST", "/echo"), "text/plain", 401),
        ("a bad token", with_token("POST", "/echo", "pct_bad"), "text/plain", 401),
        (
            "another site",
            from_browser("POST", "/echo", &cookies).insert_header(foreign_site),
            "text/plain",
            403,
        ),
        ("JSON without a token", from_browser("POST", "/echo", &cookies), "application/json", 403),
        ("an unknown path", request("POST", "/unknown"), "text/plain", 404),
    ] {
        let request = request.insert_header(("content-type", kind)).set_payload("a=1");
        assert_eq!(send(&app, request).await.status, status, "{name}");
        assert_eq!(read.swap(0, Ordering::SeqCst), 0, "{name}");
    }
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_400() {
    let world = TwoUsers::new().await;
    let routes = with_login(&world, routes(&world)).build().unwrap();
    let app = App::new().configure(|config| routes.configure(config)).wrap_fn(|request, next| {
        let is_broken = request.path() == "/echo";
        let (request, payload) = request.into_parts();
        let rest = is_broken.then_some(Err(PayloadError::Incomplete(None)));
        let rest = futures_util::stream::iter(rest);
        let broken = payload.chain(rest);
        let payload = Payload::Stream { payload: Box::pin(broken) as _ };
        next.call(ServiceRequest::from_parts(request, payload))
    });
    let app = served(test::init_service(app).await, TestRequest::to_request);
    let (cookies, _) = log_in(&world, &app).await;
    let request = from_browser("POST", "/echo", &cookies).insert_header(("content-type", FORM));
    let answer = send(&app, request.set_payload("a=1")).await;
    let unreadable = r#"{"detail":"The request body could not be read."}"#;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (400, unreadable));
}
