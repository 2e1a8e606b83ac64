//! Forms in scopes of actix-web's own, and a payload that breaks off.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use actix_web::dev::{Payload, Service, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use actix_web::{App, test, web};
use common::{TwoUsers, from_browser, log_in, send, served, with_login};
use futures_util::StreamExt;
use portcullis_actix::portcullis::Policy;
use portcullis_actix::{GuardMiddleware, Router, post, resource};

const FORM: &str = "application/x-www-form-urlencoded";

async fn echo(body: Bytes) -> Bytes {
    body
}

#[actix_web::test]
async fn a_form_reaches_a_foreign_scope_unchanged() {
    let world = TwoUsers::new().await;
    let foreign = world.guard().route(&Policy::default()).unwrap();
    let routes = with_login(&world, Router::new(world.guard())).build().unwrap();
    let foreign = web::scope("/foreign").wrap(GuardMiddleware::new(foreign)).route("/echo", web::to(echo));
    let app = App::new().service(foreign).configure(|config| routes.configure(config));
    let app = served(test::init_service(app).await, TestRequest::to_request);
    let (cookies, token) = log_in(&world, &app).await;
    let form = format!("a=1&a=2&csrfmiddlewaretoken={token}&c=%zz&&d=%C3%A9;é=+");
    let multipart = format!(
        "--x\r\ncontent-disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{token}\r\n--x\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n\r\n--x--\r\ntrailer"
    );
    for (name, kind, body) in
        [("a form", FORM, &form), ("multipart", "multipart/form-data; boundary=x", &multipart)]
    {
        let request = from_browser("POST", "/foreign/echo", &cookies).insert_header(("content-type", kind));
        let answer = send(&app, request.set_payload(body.clone())).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, body), "{name}");
    }
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_400() {
    let world = TwoUsers::new().await;
    let routes =
        with_login(&world, Router::new(world.guard()).service(resource("/echo").route(post().to(echo))))
            .build()
            .unwrap();
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
