//! The endpoints: no GET changes anything, bodies are strict, nobody ends what is another's.

use portcullis::Digest;
use portcullis_testing::request;

use crate::common::{HARDENED, PASSWORD, World, credentials};

#[tokio::test]
async fn no_get_changes_anything_or_hands_a_credential_out() {
    let world = World::new().await;
    let cookie = world.session_of("john").await;
    let token = world.token_of("john").await;
    for endpoint in world.endpoints() {
        if endpoint.method() != "GET" {
            assert_eq!(endpoint.method(), "POST");
            continue;
        }
        let _ = world.store.calls();
        let query = format!("{}?username=john&password=secret", endpoint.path());
        let answer = world.call(&endpoint, request("GET", &query).cookie(HARDENED, &cookie)).await;
        assert_eq!(answer.status, 200, "{}", endpoint.path());
        assert_eq!(answer.all("cache-control"), ["no-store"], "{}", endpoint.path());
        assert!(!answer.body.contains(&cookie) && !answer.body.contains(&token), "{}", answer.body);
        let reads = ["user_by_session", "session", "sessions_of", "tokens_of"];
        assert!(world.store.calls().iter().all(|verb| reads.contains(verb)), "{}", endpoint.path());
    }
}

#[tokio::test]
async fn a_login_body_is_exactly_two_texts() {
    let world = World::new().await;
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let bomb =
        format!(r#"{{"username":"john","password":{}}}"#, deep.replacen('1', &format!("{PASSWORD:?}"), 1));
    let good = credentials("john", PASSWORD).to_string();
    let json = "application/json";
    let rows: Vec<(&str, &'static str, Vec<u8>, u16)> = vec![
        ("both", json, good.clone().into(), 200),
        (
            "a member twice",
            json,
            format!(r#"{{"username":"jane","username":"john","password":{PASSWORD:?}}}"#).into(),
            400,
        ),
        (
            "a password twice",
            json,
            format!(r#"{{"username":"john","password":"x","password":{PASSWORD:?}}}"#).into(),
            400,
        ),
        ("row 122: a list", json, format!(r#"{{"username":"john","password":[{PASSWORD:?}]}}"#).into(), 400),
        ("row 122: an object", json, br#"{"username":"john","password":{"$ne":""}}"#.to_vec(), 400),
        ("row 122: null", json, br#"{"username":"john","password":null}"#.to_vec(), 400),
        ("row 122: true", json, br#"{"username":"john","password":true}"#.to_vec(), 400),
        ("row 122: a number", json, br#"{"username":"john","password":1}"#.to_vec(), 400),
        ("a list of both", json, format!("[{good}]").into(), 400),
        ("a text", json, format!("{good:?}").into(), 400),
        ("two documents", json, format!("{good}{good}").into(), 400),
        ("a BOM", json, format!("\u{feff}{good}").into(), 400),
        ("a lone surrogate", json, br#"{"username":"john\ud800","password":"x"}"#.to_vec(), 400),
        ("a NUL", json, br#"{"username":"john\u0000","password":"x"}"#.to_vec(), 400),
        ("a bomb of brackets", json, bomb.into(), 400),
        ("broken UTF-8", json, [good.as_bytes(), b"\xff"].concat(), 400),
        ("nothing", json, Vec::new(), 400),
        ("JSON as text", "text/plain", good.clone().into(), 415),
        ("JSON as a form", "application/x-www-form-urlencoded", good.clone().into(), 400),
        ("a vendor's JSON", "application/vnd.api+json", good.clone().into(), 415),
        ("no type", "", good.into(), 415),
    ];
    for (name, kind, body, verdict) in rows {
        for path in ["/session/login", "/tokens"] {
            let answer = world
                .call(&world.endpoint("POST", path), request("POST", path).body(kind, body.clone()))
                .await;
            assert_eq!(answer.status, verdict, "{name} at {path}: {}", answer.body);
            assert!(!answer.body.contains(PASSWORD), "{name}: the body is echoed");
        }
    }
}

#[tokio::test]
async fn nobody_sees_or_ends_what_is_another_users() {
    let world = World::new().await;
    let (john, jane) = (world.session_of("john").await, world.session_of("jane").await);
    let (johns, janes) = (world.token_of("john").await, world.token_of("jane").await);
    let csrf = world.csrf_of(&john).await;
    for (path, id, verdict) in [
        ("/session/end", Digest::of(&jane).to_string(), 400),
        ("/tokens/revoke", Digest::of(&janes).to_string(), 400),
        ("/session/end", jane.clone(), 400),
        ("/tokens/revoke", janes.clone(), 400),
        ("/tokens/revoke", Digest::of(&johns).to_string().to_uppercase(), 400),
        ("/tokens/revoke", Digest::of(&johns).to_string(), 204),
        ("/session/end", Digest::of(&john).to_string(), 204),
    ] {
        let end = request("POST", path)
            .cookie(HARDENED, &john)
            .header("x-csrftoken", &csrf)
            .json(&serde_json::json!({ "id": id }));
        let answer = world.call(&world.endpoint("POST", path), end).await;
        assert_eq!(answer.status, verdict, "{path} {id}: {}", answer.body);
    }
    assert_eq!(world.private(request("GET", "/").cookie(HARDENED, &jane)).await.body, "jane by session");
    assert_eq!(world.private(request("GET", "/").token(&janes)).await.body, "jane by token");
    assert_eq!(world.private(request("GET", "/").token(&johns)).await.status, 401, "a revoked token");
    assert_eq!(
        world.private(request("GET", "/").cookie(HARDENED, &john)).await.status,
        401,
        "an ended session"
    );
}

#[tokio::test]
async fn a_handle_is_no_credential() {
    let world = World::new().await;
    let (cookie, token) = (world.session_of("john").await, world.token_of("john").await);
    let listed = world
        .call(&world.endpoint("GET", "/session"), request("GET", "/session").cookie(HARDENED, &cookie))
        .await;
    let session = listed.json()[0]["id"].as_str().unwrap().to_owned();
    let listed = world.call(&world.endpoint("GET", "/tokens"), request("GET", "/tokens").token(&token)).await;
    let handle = listed.json()[0]["id"].as_str().unwrap().to_owned();
    for handle in [&session, &handle] {
        for cut in [64, 40, 32] {
            let handle = &handle[..cut];
            assert_eq!(world.private(request("GET", "/").token(handle)).await.status, 401);
            assert_eq!(world.private(request("GET", "/").cookie(HARDENED, handle)).await.status, 401);
        }
    }
}
