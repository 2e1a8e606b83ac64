//! One client for every framework.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, test, web};
use portcullis::store::MemoryStore;
use portcullis::{CsrfConfig, Guard, NewToken, SessionConfig, Sessions, Tokens, Users};
use portcullis_axum::{Auth, MaybeAuth, Router, get, post};
use portcullis_testing::{Client, ForceAuthenticate, account, request, staff};

const PASSWORD: &str = "correct horse battery";

/// An application with every mechanism, its client, and a token of John's.
async fn application(config: SessionConfig) -> (Client, String) {
    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let tokens = Tokens::new(store.clone());
    let sessions = Sessions::new(store, config);
    let john = users.create("john", PASSWORD).await.unwrap();
    let token = tokens.issue(&john.id, NewToken::default()).await.unwrap();
    let force = ForceAuthenticate::nobody();
    let guard = Guard::builder(users.clone())
        .authenticate(force.clone())
        .authenticate(tokens.authenticator())
        .authenticate(sessions.authenticator())
        .authenticate(users.basic())
        .build()
        .unwrap();
    let app = Router::new(guard)
        .route("/whoami", get(whoami).post(whoami).put(echo).patch(echo).delete(whoami).options(whoami))
        .route("/maybe", get(maybe).public())
        .route("/form", post(echo))
        .merge(sessions.endpoints("/session"))
        .into_router(())
        .unwrap();
    (Client::tower(app).with_force(force), token.expose_secret().clone())
}

async fn whoami(auth: Auth) -> String {
    format!("{} by {}", auth.user().username, auth.identity().scheme())
}

async fn maybe(auth: MaybeAuth) -> String {
    auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
}

async fn echo(_: Auth, body: String) -> String {
    body
}

#[tokio::test]
async fn credentials_go_with_every_request() {
    for (name, scheme, status, says) in [
        ("nothing", "", 401, ""),
        ("a token", "token", 200, "john by token"),
        ("a password", "basic", 200, "john by basic"),
        ("a bearer token of nobody's", "bearer", 401, ""),
    ] {
        let (client, token) = application(SessionConfig::default()).await;
        let client = match scheme {
            "token" => client.with_token(&token),
            "basic" => client.with_basic("john", PASSWORD),
            "bearer" => client.with_bearer(&token),
            _ => client,
        };
        for answer in
            [client.get("/whoami").await, client.post("/whoami", "").await, client.delete("/whoami").await]
        {
            assert_eq!(answer.status(), status, "{name}");
            assert!(says.is_empty() || answer.text() == says, "{name}: {}", answer.text());
        }
        assert_eq!(client.head("/whoami").await.text(), "", "{name}");
        assert_eq!(client.options("/whoami").await.status(), status, "{name}");
    }
}

#[tokio::test]
async fn a_session_is_kept_and_proves_its_origin() {
    for (name, config, cookie) in [
        ("ours", SessionConfig::default(), "__Host-session"),
        ("Django's", SessionConfig::django(), "sessionid"),
        (
            "a token of its own cookie",
            SessionConfig::default().with_csrf(CsrfConfig::django()),
            "__Host-session",
        ),
    ] {
        let (client, _) = application(config).await;
        let client = client.with_csrf("/session/csrf");
        assert_eq!(client.log_in("/session/login", "john", "wrong").await.status(), 400, "{name}");
        assert_eq!(client.cookie(cookie), None, "{name}");
        let answer = client.log_in("/session/login", "john", PASSWORD).await;
        assert_eq!(answer.json::<serde_json::Value>()["user"], "john", "{name}");
        assert!(client.cookie(cookie).is_some(), "{name}");
        assert_eq!(client.get("/whoami").await.text(), "john by session", "{name}");
        assert_eq!(client.post("/whoami", &1).await.text(), "john by session", "{name}");
        assert_eq!(client.put("/whoami", &["a"]).await.text(), r#"["a"]"#, "{name}");
        assert_eq!(client.patch("/whoami", "b").await.text(), r#""b""#, "{name}");
        assert_eq!(
            client.post_form("/form", &[("a", "1 2"), ("b", "é")]).await.text(),
            "a=1+2&b=%C3%A9",
            "{name}"
        );
        let wrong = request("POST", "/whoami").header("x-csrftoken", "wrong");
        assert_eq!(client.send(wrong).await.status(), 403, "{name}: what a test says itself stays");
        let foreign = request("POST", "/whoami").header("origin", "http://evil.test");
        assert_eq!(client.send(foreign).await.status(), 403, "{name}");
        assert_eq!(client.post("/session/logout", "").await.status(), 204, "{name}");
        assert_eq!(client.cookie(cookie), None, "{name}");
        assert_eq!(client.get("/maybe").await.text(), "nobody", "{name}");
    }
}

#[tokio::test]
async fn without_a_csrf_token_an_unsafe_request_is_refused() {
    let (client, _) = application(SessionConfig::default()).await;
    client.log_in("/session/login", "john", PASSWORD).await;
    assert_eq!(client.post("/whoami", "").await.status(), 403);
    let cookie = client.cookie("__Host-session").unwrap();
    client.forget_cookies();
    assert_eq!(client.get("/whoami").await.status(), 401);
    client.set_cookie("__Host-session", &cookie);
    assert_eq!(client.get("/whoami").await.status(), 200);
}

#[tokio::test]
async fn somebody_is_forced_between_requests() {
    let (client, _) = application(SessionConfig::default()).await;
    for (user, says) in [
        (None, "nobody"),
        (Some(account(7, "jane")), "jane"),
        (Some(staff(8, "mary")), "mary"),
        (None, "nobody"),
    ] {
        client.force_authenticate(user);
        assert_eq!(client.get("/maybe").await.text(), says);
    }
}

#[tokio::test]
#[should_panic(expected = "`with_force` comes first")]
async fn forcing_nobody_is_a_mistake() {
    Client::new(async |_| http::Response::default()).force_authenticate(account(1, "john"));
}

#[actix_web::test]
async fn actix_is_asked_in_the_same_way() {
    async fn shows(request: HttpRequest, body: web::Bytes) -> HttpResponse {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
        let (method, uri) = (request.method(), request.uri());
        let line =
            format!("{method} {uri} {} {} {} ", header("cookie"), header("origin"), header("content-type"));
        let mut answer = HttpResponse::Accepted();
        answer.append_header(("set-cookie", "a=1; Path=/")).append_header(("set-cookie", "b=2"));
        answer.body([line.as_bytes(), &body].concat())
    }
    let client = Client::actix(test::init_service(App::new().default_service(web::to(shows))).await);
    let answer = client.get("/x?y=%20").await;
    assert_eq!((answer.status(), answer.text().as_str()), (202, "GET /x?y=%20 - - - "));
    assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
    let answer = client.put("/x", "é").await;
    assert_eq!(answer.text(), r#"PUT /x a=1; b=2 http://localhost application/json "é""#);
}

#[actix_web::test]
async fn what_a_middleware_of_actix_fails_with_is_an_answer() {
    async fn fails(_: ServiceRequest, _: Next<BoxBody>) -> Result<ServiceResponse, actix_web::Error> {
        Err(actix_web::error::ErrorImATeapot("no"))
    }
    let client = Client::actix(test::init_service(App::new().wrap(from_fn(fails))).await);
    assert_eq!(client.get("/").await.status(), 418);
}
