//! A session is saved with the answer, or not at all.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use common::{Answer, Served, World, from_browser, log_in, request, send, serve, with_token};
use portcullis_actix::{Auth, Rejection, Session, get, post, resource};

async fn count(session: Session) -> Result<u32, Rejection> {
    let count = session.get::<u32>("count").await?.unwrap_or(0) + 1;
    session.insert("count", &count).await?;
    Ok(count)
}

async fn counted(session: Session) -> Result<String, Rejection> {
    Ok(count(session).await?.to_string())
}

async fn fails(session: Session) -> Result<HttpResponse, Rejection> {
    count(session).await?;
    Ok(HttpResponse::new(StatusCode::BAD_GATEWAY))
}

async fn refuses(session: Session) -> Result<HttpResponse, Rejection> {
    count(session).await?;
    Ok(HttpResponse::new(StatusCode::NOT_FOUND))
}

async fn panics(session: Session) -> HttpResponse {
    let _ = count(session).await;
    panic!("a bug of the handler");
}

async fn waits(session: Session) -> &'static str {
    let _ = count(session).await;
    std::future::pending().await
}

async fn logs_out_and_fails(session: Session) -> Result<HttpResponse, Rejection> {
    session.log_out().await?;
    Ok(HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn whoami(auth: Auth) -> String {
    auth.user().username.clone()
}

async fn peek(session: Session) -> Result<String, Rejection> {
    Ok(session.get::<u32>("count").await?.unwrap_or(0).to_string())
}

async fn app(world: &World) -> Served {
    let router = world
        .router()
        .service(resource("/peek").route(get().to(peek)))
        .service(resource("/count").route(get().to(counted)))
        .service(resource("/fails").route(get().to(fails)))
        .service(resource("/refuses").route(get().to(refuses)))
        .service(resource("/panics").route(get().to(panics)))
        .service(resource("/waits").route(get().to(waits)))
        .service(resource("/logs-out-and-fails").route(get().to(logs_out_and_fails)))
        .service(resource("/whoami").route(get().to(whoami)).route(post().to(whoami)))
        .service(resource("/own-cookie").route(get().to(own_cookie)));
    serve(world.with_login(router)).await
}

/// Sets what the guard will touch, too.
async fn own_cookie(session: Session) -> Result<HttpResponse, Rejection> {
    session.cycle_id().await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header(("set-cookie", "mine=1")).insert_header(("cache-control", "public"));
    Ok(answer.insert_header(("vary", "accept")).insert_header(("x-mine", "1")).body("mine"))
}

async fn get_with(app: &Served, path: &str, cookies: &str) -> Answer {
    send(app, from_browser("GET", path, cookies)).await
}

#[actix_web::test]
async fn a_login_sets_a_cookie_that_is_believed() {
    let world = World::new().await;
    let app = app(&world).await;
    let answer = send(&app, request("POST", "/log-in")).await;
    let cookie = answer.header("set-cookie").unwrap();
    for attribute in ["__Host-session=", "; Secure", "; HttpOnly", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let known = get_with(&app, "/whoami", &answer.cookies()).await;
    assert_eq!((known.status.as_u16(), known.body.as_str()), (200, "john"));
    assert!(known.header("vary").unwrap().to_ascii_lowercase().contains("cookie"));
    assert_eq!(known.header("set-cookie"), None, "nothing changed");
    assert_eq!(get_with(&app, "/whoami", "__Host-session=made-up").await.status, 401);
}

#[actix_web::test]
async fn what_a_handler_keeps_is_saved_with_its_answer_only() {
    let world = World::new().await;
    let app = app(&world).await;
    let cookies = log_in(&app).await;
    for (path, status, afterwards) in
        [("/count", 200, "1"), ("/fails", 502, "1"), ("/refuses", 404, "2"), ("/count", 200, "3")]
    {
        assert_eq!(get_with(&app, path, &cookies).await.status, status, "{path}");
        assert_eq!(get_with(&app, "/peek", &cookies).await.body, afterwards, "after {path}");
    }
}

#[actix_web::test]
async fn a_handler_that_panics_or_is_dropped_saves_nothing() {
    let world = World::new().await;
    let app = app(&world).await;
    let cookies = log_in(&app).await;
    let panicking = send(&app, from_browser("GET", "/panics", &cookies));
    let panicked = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(panicking)).await;
    assert!(panicked.is_err());
    assert_eq!(get_with(&app, "/peek", &cookies).await.body, "0");
    let waiting = from_browser("GET", "/waits", &cookies);
    let dropped = tokio::time::timeout(std::time::Duration::from_millis(20), send(&app, waiting)).await;
    assert!(dropped.is_err());
    assert_eq!(get_with(&app, "/peek", &cookies).await.body, "0");
}

#[actix_web::test]
async fn what_the_guard_adds_stands_beside_what_the_handler_says() {
    let world = World::new().await;
    let app = app(&world).await;
    let cookies = log_in(&app).await;
    let answer = get_with(&app, "/own-cookie", &cookies).await;
    let all =
        |name: &str| answer.headers.get_all(name).map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!((answer.status.as_u16(), answer.body.as_str(), all("x-mine")), (200, "mine", vec!["1"]));
    assert_eq!(all("set-cookie")[0], "mine=1");
    assert!(all("set-cookie")[1].starts_with("__Host-session="), "{:?}", all("set-cookie"));
    assert_eq!(all("cache-control"), ["no-store"]);
    assert_eq!(all("vary"), ["accept", "authorization, cookie"]);
}

#[actix_web::test]
async fn a_logout_holds_whatever_the_answer_is() {
    let world = World::new().await;
    let app = app(&world).await;
    let cookies = log_in(&app).await;
    assert_eq!(get_with(&app, "/logs-out-and-fails", &cookies).await.status, 500);
    assert_eq!(get_with(&app, "/whoami", &cookies).await.status, 401);
}

#[actix_web::test]
async fn a_session_must_prove_where_an_unsafe_request_comes_from() {
    let world = World::new().await;
    let app = app(&world).await;
    let cookies = log_in(&app).await;
    let token = get_with(&app, "/csrf", &cookies).await.body;
    assert!(token.len() >= 32, "{token}");
    let post = || from_browser("POST", "/whoami", &cookies);
    let foreign = || {
        let request = request("POST", "/whoami").insert_header(("cookie", cookies.as_str()));
        request.insert_header(("host", "localhost")).insert_header(("x-csrftoken", token.as_str()))
    };
    for (name, request, status) in [
        ("without a token", post(), 403),
        ("with a token", post().insert_header(("x-csrftoken", token.as_str())), 200),
        ("with a made-up token", post().insert_header(("x-csrftoken", "a".repeat(64))), 403),
        ("from another site", foreign().insert_header(("origin", "http://evil.test")), 403),
        (
            "with a token in the query",
            from_browser("POST", &format!("/whoami?csrfmiddlewaretoken={token}"), &cookies),
            403,
        ),
    ] {
        assert_eq!(send(&app, request).await.status, status, "{name}");
    }
    assert_eq!(
        send(&app, with_token("POST", "/whoami", &world.john)).await.status,
        200,
        "a token proves it by itself"
    );
}

#[actix_web::test]
async fn the_session_endpoints_are_mounted() {
    let world = World::new().await;
    let john = world.users.find_by_name("john").await.unwrap().unwrap();
    world.users.set_password(&john.id, "right").await.unwrap();
    let router = world
        .router()
        .service(resource("/whoami").route(get().to(whoami)))
        .service(world.sessions.endpoints("/api/session"))
        .service(world.tokens.obtain_endpoint("/api/login"));
    let app = serve(router).await;
    let log_in = |path: &str, password: &str| {
        let body = format!(r#"{{"username":"john","password":"{password}"}}"#);
        let request = from_browser("POST", path, "").insert_header(("content-type", "application/json"));
        request.set_payload(body)
    };
    assert_eq!(send(&app, log_in("/api/login", "wrong")).await.status, 400);
    let issued = send(&app, log_in("/api/login", "right")).await;
    assert_eq!(issued.status, 200, "{}", issued.body);
    assert!(issued.body.starts_with(r#"{"token":"pct_"#), "{}", issued.body);
    let answer = send(&app, log_in("/api/session/login", "right")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, r#"{"user":"john"}"#));
    let cookies = answer.cookies();
    assert_eq!(get_with(&app, "/whoami", &cookies).await.body, "john");
    let log_out = || from_browser("POST", "/api/session/logout", &cookies);
    assert_eq!(send(&app, log_out()).await.status, 403, "no CSRF token");
    let answer = get_with(&app, "/api/session/csrf", &cookies).await;
    let token = answer.body.split('"').nth(3).unwrap().to_owned();
    let answer = send(&app, log_out().insert_header(("x-csrftoken", token))).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(get_with(&app, "/whoami", &cookies).await.status, 401);
    assert_eq!(send(&app, request("PUT", "/api/login")).await.status, 405);
    assert_eq!(send(&app, request("GET", "/api/session")).await.status, 403, "a session cannot be asked for");
}
