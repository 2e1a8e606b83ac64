//! What the guard says of a session stands beside a handler's own headers.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use actix_web::HttpResponse;
use common::{TwoUsers, from_browser, log_in, send, serve, with_login};
use portcullis_actix::{Rejection, Router, Session, get, resource};

/// Sets what the guard will touch, too.
async fn own_cookie(session: Session) -> Result<HttpResponse, Rejection> {
    session.cycle_id().await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header(("set-cookie", "mine=1")).insert_header(("cache-control", "public"));
    Ok(answer.insert_header(("vary", "accept")).insert_header(("x-mine", "1")).body("mine"))
}

#[actix_web::test]
async fn what_the_guard_adds_stands_beside_what_the_handler_says() {
    let world = TwoUsers::new().await;
    let router = with_login(&world, Router::new(world.guard()));
    let app = serve(router.service(resource("/own-cookie").route(get().to(own_cookie)))).await;
    let (cookies, _) = log_in(&world, &app).await;
    let answer = send(&app, from_browser("GET", "/own-cookie", &cookies)).await;
    let all =
        |name: &str| answer.headers.get_all(name).map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!((answer.status.as_u16(), answer.body.as_str(), all("x-mine")), (200, "mine", vec!["1"]));
    assert_eq!(all("set-cookie")[0], "mine=1");
    assert!(all("set-cookie")[1].starts_with("__Host-session="), "{:?}", all("set-cookie"));
    assert_eq!(all("cache-control"), ["no-store"]);
    assert_eq!(all("vary"), ["accept", "authorization, cookie"]);
}
