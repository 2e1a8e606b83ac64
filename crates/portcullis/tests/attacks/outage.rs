//! Outages (threats T10, T11; row 178): 503, never nobody, never the last answer, and nothing is lost by one.

use std::sync::Arc;

use http::Response;
use portcullis::{Session, SessionConfig};
use portcullis_testing::{BrokenRandom, request};

use crate::common::{Answer, HARDENED, PASSWORD, World, credentials};

fn assert_outage(answer: &Answer, name: &str) {
    assert_eq!(answer.status, 503, "{name}: {}", answer.body);
    assert_eq!(answer.body, r#"{"detail":"Service temporarily unavailable, try again later."}"#, "{name}");
    assert_eq!(answer.all("retry-after"), ["1"], "{name}");
    assert_eq!(answer.all("set-cookie"), [""; 0], "{name}: an outage must not log anybody out");
    assert_eq!(answer.all("www-authenticate"), [""; 0], "{name}");
}

#[tokio::test]
async fn t11_whatever_credential_is_sent_an_outage_is_503_on_every_route() {
    let world = World::new().await;
    let (token, cookie) = (world.token_of("john").await, world.session_of("john").await);
    let csrf = world.csrf_of(&cookie).await;
    let rows = || {
        [
            ("a token", "user_by_token", request("GET", "/").token(&token)),
            ("a session", "user_by_session", request("GET", "/").cookie(HARDENED, &cookie)),
            ("an unknown session", "user_by_session", request("GET", "/").cookie(HARDENED, &"a".repeat(32))),
            (
                "a session's POST",
                "user_by_session",
                request("POST", "/").cookie(HARDENED, &cookie).header("x-csrftoken", &csrf),
            ),
            ("Basic", "login", request("GET", "/").basic("john", PASSWORD)),
            ("Basic of nobody", "login", request("GET", "/").basic("no such user", PASSWORD)),
        ]
    };
    for (name, verb, request) in rows() {
        for cut in [verb, "all"] {
            world.store.cut(cut);
            assert_outage(&world.private(request.clone()).await, name);
            assert_outage(&world.public(request.clone()).await, name);
            world.store.mend();
            assert_eq!(
                world.public(request.clone()).await.status,
                if name.ends_with("nobody") { 401 } else { 200 },
                "{name}: the first one after"
            );
        }
    }
    world.store.cut("all");
    assert_eq!(world.public(request("GET", "/")).await.body, "nobody", "who sends nothing needs no store");
    assert_eq!(world.private(request("GET", "/")).await.status, 401);
}

#[tokio::test]
async fn t11_a_session_that_cannot_be_read_or_written_is_503_and_the_cookie_stays() {
    for verb in ["get", "insert", "log_in", "log_out", "cycle_id", "csrf_token", "keep", "save"] {
        for cut in ["session", "user_by_session", "commit", "user", "all"] {
            let world = World::new().await;
            let cookie = world.session_of("john").await;
            let jane = world.users.find_by_name("jane").await.unwrap().unwrap();
            let policy = portcullis::Policy::default().without_authenticators().public();
            let _ = world.store.calls();
            let request = request("GET", "/").cookie(HARDENED, &cookie).build();
            let answer = world.send(&policy, request, async |access, headers| {
                let session: Session = access.session(&headers).await.unwrap();
                if verb != "save" {
                    world.store.cut(cut);
                }
                let done: Result<(), portcullis::Error> = match verb {
                    "get" => session.get::<String>("x").await.map(drop).map_err(Into::into),
                    "insert" | "save" => session.insert("x", &1).await.map_err(Into::into),
                    "log_in" => session.log_in(&jane).await.map_err(Into::into),
                    "log_out" => session.log_out().await.map_err(Into::into),
                    "cycle_id" => session.cycle_id().await.map_err(Into::into),
                    "keep" => session.keep_after_password_change().await.map_err(Into::into),
                    _ => session.csrf_token().await.map(drop).map_err(Into::into),
                };
                if verb == "save" {
                    let _ = world.store.calls();
                    world.store.cut(cut);
                }
                let mut response = Response::default();
                if let Err(error) = done {
                    portcullis::Admitted::<portcullis::Account>::attach(error, &mut response);
                }
                response
            });
            let answer = answer.await;
            let calls = world.store.calls();
            let met = calls.contains(&cut) || cut == "all" && !calls.is_empty();
            world.store.mend();
            if met || answer.status != 200 {
                assert_outage(&answer, &format!("{verb} without {cut}"));
                let after =
                    world.public(portcullis_testing::request("GET", "/").cookie(HARDENED, &cookie)).await;
                assert_eq!(after.body, "john by session", "{verb} without {cut}: the first one after");
            }
        }
    }
}

#[tokio::test]
async fn t11_every_endpoint_answers_an_outage_with_503() {
    let world = World::new().await;
    for endpoint in world.endpoints() {
        let cookie = world.session_of("john").await;
        let csrf = world.csrf_of(&cookie).await;
        let body = serde_json::json!({
            "username": "john", "password": PASSWORD, "current_password": PASSWORD, "new_password": "another one",
            "id": portcullis::Digest::of(&cookie).to_string(),
        });
        let request = || {
            let request = request(endpoint.method().as_str(), endpoint.path()).cookie(HARDENED, &cookie);
            request.header("x-csrftoken", &csrf).json(&body)
        };
        let _ = world.store.calls();
        world.store.cut("all");
        let answer = world.call(&endpoint, request()).await;
        world.store.mend();
        assert_outage(&answer, endpoint.path());
    }
}

#[tokio::test]
async fn row_178_without_randomness_nothing_is_made() {
    let world =
        World::with_random(Arc::new(BrokenRandom), SessionConfig::default(), |mechanisms| mechanisms.all())
            .await;
    for (name, username) in
        [("john", "john"), ("nobody", "no such user"), ("inactive", "gone"), ("no password", "robot")]
    {
        for path in ["/session/login", "/tokens"] {
            let login = request("POST", path).json(&credentials(username, PASSWORD));
            assert_outage(&world.call(&world.endpoint("POST", path), login).await, name);
        }
        assert_outage(&world.public(request("GET", "/").basic(username, PASSWORD)).await, name);
    }
    let john = world.users.find_by_name("john").await.unwrap().unwrap();
    assert!(world.tokens.issue(&john.id, portcullis::NewToken::default()).await.is_err());
    let answer = world.with_session(request("GET", "/"), async |session: Session| {
        assert!(session.log_in(&john).await.is_err());
        session.insert("x", &1).await.unwrap();
        Response::default()
    });
    assert_outage(&answer.await, "a session of nobody");
    assert!(world.tokens.list(&john.id).await.unwrap().is_empty());
    assert!(world.sessions.list(&john.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unwritten_last_use_refuses_nobody() {
    let world = World::new().await;
    let token = world.token_of("john").await;
    world.store.cut("touch_token");
    assert_eq!(world.private(request("GET", "/").token(&token)).await.status, 200);
}
