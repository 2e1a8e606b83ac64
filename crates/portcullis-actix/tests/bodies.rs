//! A body is read by the guard for one purpose only, and the handler gets the same bytes.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::{Payload, Service, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use actix_web::{App, test, web};
use common::{Served, World, from_browser, log_in, request, send, served, with_token};
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

async fn app(world: &World, router: Router) -> (Served, Arc<AtomicUsize>) {
    app_with(world, router, 2_000).await
}

async fn app_with(world: &World, router: Router, size: usize) -> (Served, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let foreign = world.guard().route(&Policy::default()).unwrap();
    let routes = world.with_login(router).build().unwrap();
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

fn routes(world: &World) -> Router {
    world
        .router()
        .service(resource("/echo").route(post().to(echo)).route(put().to(echo)))
        .service(resource("/pieces").route(post().to(pieces)))
}

async fn csrf(app: &Served, cookies: &str) -> String {
    send(app, from_browser("GET", "/csrf", cookies)).await.body
}

#[actix_web::test]
async fn a_form_that_proves_its_origin_reaches_the_handler_unchanged() {
    let world = World::new().await;
    let (app, _) = app(&world, routes(&world)).await;
    let cookies = log_in(&app).await;
    let token = csrf(&app, &cookies).await;
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
async fn a_form_without_a_good_token_is_refused() {
    let world = World::new().await;
    let (app, _) = app(&world, routes(&world)).await;
    let cookies = log_in(&app).await;
    let token = csrf(&app, &cookies).await;
    for (name, kind, body) in [
        ("no token", FORM, "a=1".to_owned()),
        ("a made-up token", FORM, format!("csrfmiddlewaretoken={}", "a".repeat(64))),
        ("an empty token", FORM, "csrfmiddlewaretoken=".to_owned()),
        ("a token in JSON", "application/json", format!(r#"{{"csrfmiddlewaretoken":"{token}"}}"#)),
        ("a token in text", "text/plain", format!("csrfmiddlewaretoken={token}")),
        ("a token without a type", "", format!("csrfmiddlewaretoken={token}")),
    ] {
        let request = from_browser("POST", "/echo", &cookies).insert_header(("content-type", kind));
        assert_eq!(send(&app, request.set_payload(body)).await.status, 403, "{name}");
    }
}

#[actix_web::test]
async fn the_guard_reads_64_kib_and_no_more() {
    let world = World::new().await;
    let (app, _) = app(&world, routes(&world)).await;
    let cookies = log_in(&app).await;
    let token = csrf(&app, &cookies).await;
    let start = format!("csrfmiddlewaretoken={token}&a=");
    let fill = |length: usize| format!("{start}{}", "x".repeat(length - start.len()));
    for (length, status) in [(64 * 1024, 200), (64 * 1024 + 1, 413)] {
        let request = from_browser("POST", "/echo", &cookies).insert_header(("content-type", FORM));
        let answer = send(&app, request.set_payload(fill(length))).await;
        assert_eq!(answer.status, status, "{length}");
        assert_eq!(answer.body.len() == length, status == 200, "{length}");
    }
    let (app, read) = app_with(&world, routes(&world), 16 * 1024).await;
    let request = from_browser("POST", "/echo", &cookies).insert_header(("content-type", FORM));
    assert_eq!(send(&app, request.set_payload(fill(64 * 16 * 1024))).await.status, 413);
    assert_eq!(read.load(Ordering::SeqCst), 5, "it goes on reading");
}

#[actix_web::test]
async fn an_upload_with_the_header_streams() {
    let world = World::new().await;
    let (app, _) = app(&world, routes(&world)).await;
    let cookies = log_in(&app).await;
    let token = csrf(&app, &cookies).await;
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
    let world = World::new().await;
    let (app, read) = app(&world, routes(&world)).await;
    let cookies = log_in(&app).await;
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
        assert_eq!(read.load(Ordering::SeqCst), 0, "{name}");
    }
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_400() {
    let world = World::new().await;
    let routes = world.with_login(routes(&world)).build().unwrap();
    let app = App::new().configure(|config| routes.configure(config)).wrap_fn(|request, next| {
        let (request, payload) = request.into_parts();
        let rest = futures_util::stream::iter([Err(PayloadError::Incomplete(None))]);
        let broken = payload.chain(rest);
        let payload = Payload::Stream { payload: Box::pin(broken) as _ };
        next.call(ServiceRequest::from_parts(request, payload))
    });
    let app = served(test::init_service(app).await, TestRequest::to_request);
    let cookies = log_in(&app).await;
    let request = from_browser("POST", "/echo", &cookies).insert_header(("content-type", FORM));
    let answer = send(&app, request.set_payload("a=1")).await;
    let unreadable = r#"{"detail":"The request body could not be read."}"#;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (400, unreadable));
}

#[actix_web::test]
async fn an_endpoint_takes_64_kib_and_no_more() {
    let world = World::new().await;
    let (app, _) = app(&world, world.router().service(world.tokens.obtain_endpoint("/api/login"))).await;
    for (length, status) in [(64 * 1024, 400), (64 * 1024 + 1, 413)] {
        let body = format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
        assert_eq!(body.len(), length);
        let request = request("POST", "/api/login").insert_header(("content-type", "application/json"));
        assert_eq!(send(&app, request.set_payload(body)).await.status, status, "{length}");
    }
}
