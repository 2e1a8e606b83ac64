//! A session is saved with the answer, or not at all.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use common::{
    Answer, App, Outcome, Request, World, anonymous, empty, from_browser, full, log_in, page, request, send,
    serve, session, status_of, text_of, with_token,
};
use http::StatusCode;
use portcullis_tower::get;
use portcullis_tower::portcullis::{Auth, Rejection, Session};

async fn count(session: Session) -> Result<u32, Rejection> {
    let count = session.get::<u32>("count").await?.unwrap_or(0) + 1;
    session.insert("count", &count).await?;
    Ok(count)
}

async fn peek(request: Request) -> Outcome {
    text_of(session(&request).await?.get::<u32>("count").await?.unwrap_or(0).to_string())
}

async fn counted(request: Request) -> Outcome {
    text_of(count(session(&request).await?).await?.to_string())
}

async fn fails(request: Request) -> Outcome {
    count(session(&request).await?).await?;
    status_of(StatusCode::BAD_GATEWAY)
}

async fn refuses(request: Request) -> Outcome {
    count(session(&request).await?).await?;
    status_of(StatusCode::NOT_FOUND)
}

async fn panics(request: Request) -> Outcome {
    count(session(&request).await?).await?;
    panic!("a bug of the handler");
}

async fn waits(request: Request) -> Outcome {
    count(session(&request).await?).await?;
    std::future::pending().await
}

async fn logs_out_and_fails(request: Request) -> Outcome {
    session(&request).await?.log_out().await?;
    status_of(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn whoami(request: Request) -> Outcome {
    let auth: Auth = Auth::of(request.extensions())?;
    text_of(auth.user().username.clone())
}

fn app(world: &World) -> App {
    let router = world
        .router()
        .route("/peek", get(page(peek)))
        .route("/count", get(page(counted)))
        .route("/fails", get(page(fails)))
        .route("/refuses", get(page(refuses)))
        .route("/panics", get(page(panics)))
        .route("/waits", get(page(waits)))
        .route("/logs-out-and-fails", get(page(logs_out_and_fails)))
        .route("/whoami", get(page(whoami)).post(page(whoami)));
    serve(world.with_login(router))
}

async fn get_with(app: &App, path: &str, cookies: &str) -> Answer {
    send(app, from_browser("GET", path, cookies).body(empty()).unwrap()).await
}

#[tokio::test]
async fn a_login_sets_a_cookie_that_is_believed() {
    let world = World::new().await;
    let app = app(&world);
    let answer = send(&app, anonymous("POST", "/log-in")).await;
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

#[tokio::test]
async fn what_a_handler_keeps_is_saved_with_its_answer_only() {
    let world = World::new().await;
    let app = app(&world);
    let cookies = log_in(&app).await;
    for (path, status, afterwards) in
        [("/count", 200, "1"), ("/fails", 502, "1"), ("/refuses", 404, "2"), ("/count", 200, "3")]
    {
        assert_eq!(get_with(&app, path, &cookies).await.status, status, "{path}");
        assert_eq!(get_with(&app, "/peek", &cookies).await.body, afterwards, "after {path}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_or_is_dropped_saves_nothing() {
    let world = World::new().await;
    let app = app(&world);
    let cookies = log_in(&app).await;
    let panicking = from_browser("GET", "/panics", &cookies).body(empty()).unwrap();
    let task = tokio::spawn({
        let app = app.clone();
        async move { send(&app, panicking).await.status }
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(get_with(&app, "/peek", &cookies).await.body, "0");
    let waiting = from_browser("GET", "/waits", &cookies).body(empty()).unwrap();
    let dropped = tokio::time::timeout(std::time::Duration::from_millis(20), send(&app, waiting)).await;
    assert!(dropped.is_err());
    assert_eq!(get_with(&app, "/peek", &cookies).await.body, "0");
}

#[tokio::test]
async fn a_logout_holds_whatever_the_answer_is() {
    let world = World::new().await;
    let app = app(&world);
    let cookies = log_in(&app).await;
    assert_eq!(get_with(&app, "/logs-out-and-fails", &cookies).await.status, 500);
    assert_eq!(get_with(&app, "/whoami", &cookies).await.status, 401);
}

#[tokio::test]
async fn a_session_must_prove_where_an_unsafe_request_comes_from() {
    let world = World::new().await;
    let app = app(&world);
    let cookies = log_in(&app).await;
    let token = get_with(&app, "/csrf", &cookies).await.body;
    assert!(token.len() >= 32, "{token}");
    let post = || from_browser("POST", "/whoami", &cookies);
    let foreign = request("POST", "/whoami").header("cookie", &cookies).header("host", "localhost");
    for (name, request, status) in [
        ("without a token", post(), 403),
        ("with a token", post().header("x-csrftoken", &token), 200),
        ("with a made-up token", post().header("x-csrftoken", "a".repeat(64)), 403),
        (
            "from another site",
            foreign.header("origin", "http://evil.test").header("x-csrftoken", &token),
            403,
        ),
        (
            "with a token in the query",
            from_browser("POST", &format!("/whoami?csrfmiddlewaretoken={token}"), &cookies),
            403,
        ),
    ] {
        assert_eq!(send(&app, request.body(empty()).unwrap()).await.status, status, "{name}");
    }
    assert_eq!(
        send(&app, with_token("POST", "/whoami", &world.john)).await.status,
        200,
        "a token proves it by itself"
    );
}

#[tokio::test]
async fn the_session_endpoints_are_mounted() {
    let world = World::new().await;
    let john = world.users.find_by_name("john").await.unwrap().unwrap();
    world.users.set_password(&john.id, "right").await.unwrap();
    let router = world
        .router()
        .route("/whoami", get(page(whoami)))
        .merge(world.sessions.endpoints("/api/session"))
        .merge(world.tokens.obtain_endpoint("/api/login"));
    let app = serve(router);
    let log_in = |path: &str, password: &str| {
        let body = format!(r#"{{"username":"john","password":"{password}"}}"#);
        let request =
            request("POST", path).header("content-type", "application/json").header("host", "localhost");
        request.header("origin", "http://localhost").body(full(body)).unwrap()
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
    assert_eq!(send(&app, log_out().body(empty()).unwrap()).await.status, 403, "no CSRF token");
    let answer = get_with(&app, "/api/session/csrf", &cookies).await;
    let token = answer.body.split('"').nth(3).unwrap().to_owned();
    let answer = send(&app, log_out().header("x-csrftoken", token).body(empty()).unwrap()).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(get_with(&app, "/whoami", &cookies).await.status, 401);
    assert_eq!(send(&app, anonymous("PUT", "/api/login")).await.status, 405);
    assert_eq!(
        send(&app, anonymous("GET", "/api/session")).await.status,
        403,
        "a session cannot be asked for"
    );
}
