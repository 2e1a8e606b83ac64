//! Every path that takes a password (security rows 1 to 4, 7, 105, 122, 170 to 176).

use portcullis::{
    PasswordHash,
    store::{UserChange, UserStore},
};
use portcullis_testing::{RequestBuilder, request};

use crate::common::{Answer, HARDENED, PASSWORD, World, credentials};

/// Basic, and every endpoint that takes a username and a password.
async fn everywhere(world: &World, username: &str, password: &str) -> Vec<(String, Answer)> {
    let basic = request("GET", "/").basic(username, password);
    let mut answers = vec![("Basic".to_owned(), world.private(basic).await)];
    let mut doors = 0;
    for endpoint in world.endpoints() {
        if endpoint.method() == "GET" {
            continue;
        }
        let form: fn(RequestBuilder, &str, &str) -> RequestBuilder =
            |request, username, password| request.form(&[("username", username), ("password", password)]);
        let json: fn(RequestBuilder, &str, &str) -> RequestBuilder =
            |request, username, password| request.json(&credentials(username, password));
        for (kind, fill) in [("JSON", json), ("form", form)] {
            let filled = fill(request("POST", endpoint.path()), username, password);
            let answer = world.call(&endpoint, filled).await;
            // Not a door for strangers: it asks for a session or a token.
            if answer.status == 401 || answer.status == 403 {
                continue;
            }
            doors += 1;
            answers.push((format!("{} {kind}", endpoint.path()), answer));
        }
    }
    assert_eq!(doors, 4, "row 3: the doors are enumerated, not listed by hand");
    answers
}

#[tokio::test]
async fn rows_1_3_and_7_nobody_learns_who_exists_and_each_refusal_hashes_once() {
    let world = World::new().await;
    let mut first = Vec::new();
    for (kind, username, password) in [
        ("a wrong password", "john", "wrong"),
        ("nobody", "no such user", PASSWORD),
        ("inactive, right password", "gone", PASSWORD),
        ("inactive, wrong password", "gone", "wrong"),
        ("no password at all", "robot", PASSWORD),
        ("no password at all, and one of Django's", "robot", "!"),
        ("another case", "John", PASSWORD),
        ("a space behind", "john\u{a0}x", PASSWORD),
    ] {
        let _ = world.hashes();
        let answers = everywhere(&world, username, password).await;
        assert_eq!(world.hashes(), answers.len(), "{kind}: one run of the hasher for each");
        for (door, answer) in &answers {
            assert!(answer.status == 401 || answer.status == 400, "{kind} at {door}: {}", answer.status);
            assert_eq!(answer.cookie(HARDENED), None, "{kind} at {door}");
        }
        if first.is_empty() {
            first = answers;
        } else {
            assert_eq!(answers, first, "{kind}: bodies, headers and statuses are the same");
        }
    }
}

#[tokio::test]
async fn rows_4_and_176_what_nobody_can_have_is_refused_before_any_hash() {
    let world = World::new().await;
    let (long, nul) = ("x".repeat(1 << 14), format!("{PASSWORD}\0"));
    for (name, username, password) in [
        ("row 4: a long password", "john", &*long),
        ("row 176: an empty one", "john", ""),
        ("a NUL behind it", "john", &nul),
        ("row 105: a long name", &*long, PASSWORD),
        ("a NUL in the name", "john\0", PASSWORD),
    ] {
        let _ = world.hashes();
        for (door, answer) in everywhere(&world, username, password).await {
            assert!(matches!(answer.status, 400 | 401), "{name} at {door}: {}", answer.status);
        }
        assert_eq!(world.hashes(), 0, "{name}");
    }
}

#[tokio::test]
async fn rows_174_and_175_a_broken_hash_lets_nobody_in() {
    let world = World::new().await;
    let id = world.id("john").await;
    for stored in
        ["", "!", "!unusable", "null", "counted$", "plain$x", "argon2", "$2b$31$", "é\u{0}\u{fffd}", PASSWORD]
    {
        let mut change = UserChange::default();
        change.password = Some(Some(PasswordHash::new(stored)));
        assert!(world.store.update_user(&id, change).await.unwrap());
        for password in [PASSWORD, "", "null", "!", stored] {
            for (door, answer) in everywhere(&world, "john", password).await {
                assert!(
                    matches!(answer.status, 400 | 401),
                    "{stored:?}, {password:?} at {door}: {}",
                    answer.status
                );
            }
        }
    }
}

#[tokio::test]
async fn row_171_every_byte_of_a_password_counts() {
    let world = World::new().await;
    let base = "x".repeat(100);
    world.users.create("long", &format!("{base}a")).await.unwrap();
    for (password, good) in [(format!("{base}a"), true), (format!("{base}b"), false), (base, false)] {
        for (door, answer) in everywhere(&world, "long", &password).await {
            assert_eq!(answer.status == 200, good, "{door}");
        }
    }
}

#[tokio::test]
async fn a_password_is_taken_exactly_as_sent() {
    let world = World::new().await;
    world.users.create("spacy", " two  spaces ").await.unwrap();
    for (password, good) in [(" two  spaces ", true), ("two  spaces", false), (" two spaces ", false)] {
        for (door, answer) in everywhere(&world, "spacy", password).await {
            assert_eq!(answer.status == 200, good, "{password:?} at {door}");
        }
    }
}
