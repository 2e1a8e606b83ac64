//! The `Authorization` field (RFC 9110 section 11, RFC 7617, RFC 6750).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::{ChallengePolicy, SessionConfig};
use portcullis_testing::request;

use crate::common::{PASSWORD, World};

fn basic(bytes: &[u8]) -> String {
    format!("Basic {}", STANDARD.encode(bytes))
}

#[tokio::test]
async fn only_one_well_formed_credential_lets_anybody_in() {
    let world = World::new().await;
    let token = world.token_of("john").await;
    let good = basic(format!("john:{PASSWORD}").as_bytes());
    let t = |prefix: &str, suffix: &str| format!("{prefix}{token}{suffix}").into_bytes();
    let rows: Vec<(&str, Vec<Vec<u8>>, u16)> = vec![
        ("S1: a token", vec![t("Token ", "")], 200),
        ("S1: the scheme in capitals", vec![t("TOKEN ", "")], 200),
        ("S1: the scheme in small letters", vec![t("token ", "")], 200),
        ("S1: Basic in capitals", vec![good.replace("Basic", "BASIC").into_bytes()], 200),
        ("S2: the same field twice", vec![t("Token ", ""), t("Token ", "")], 401),
        ("S2: a token, then Basic", vec![t("Token ", ""), good.clone().into_bytes()], 401),
        ("S2: Basic, then a token", vec![good.clone().into_bytes(), t("Token ", "")], 401),
        ("S2: an unknown scheme, then a token", vec![b"Fake x".to_vec(), t("Token ", "")], 401),
        ("S2: an empty field, then a token", vec![b"".to_vec(), t("Token ", "")], 401),
        ("S2: scheme and token on two lines", vec![b"Token".to_vec(), token.clone().into_bytes()], 401),
        ("S2: joined by a proxy", vec![t("Token ", &format!(", Token {token}"))], 401),
        ("S3: two spaces", vec![t("Token  ", "")], 200),
        ("S3: a tab", vec![t("Token\t", "")], 200),
        ("S3: no space", vec![t("Token", "")], 401),
        ("S3: a colon", vec![t("Token: ", "")], 401),
        ("S3: no token", vec![b"Token".to_vec()], 401),
        ("S4: a non-ASCII byte behind the token", vec![[t("Token ", ""), vec![0xe9]].concat()], 401),
        ("S4: a comma behind the token", vec![t("Token ", ",")], 401),
        ("S4: quotes around the token", vec![t("Token \"", "\"")], 401),
        ("S4: the token extended", vec![t("Token ", "0")], 401),
        ("S4: the token truncated", vec![format!("Token {}", &token[..token.len() - 1]).into_bytes()], 401),
        ("S4: the token in capitals", vec![format!("Token {}", token.to_uppercase()).into_bytes()], 401),
        ("S4: only its prefix", vec![b"Token pct_".to_vec()], 401),
        ("S4: its digest", vec![format!("Token {}", portcullis::Digest::of(&token)).into_bytes()], 401),
        ("S4: 40 zeros", vec![format!("Token {}", "0".repeat(40)).into_bytes()], 401),
        ("S4: a megabyte", vec![format!("Token {}", "a".repeat(1 << 20)).into_bytes()], 401),
        (
            "S4: padding is missing",
            vec![good.trim_end_matches('=').as_bytes().to_vec()],
            if good.ends_with('=') { 401 } else { 200 },
        ),
        ("S4: junk inside of base64", vec![good.replace("am9", "am*9").into_bytes()], 401),
        ("S7: no colon", vec![basic(b"john").into_bytes()], 401),
        ("S7: an empty name", vec![basic(format!(":{PASSWORD}").as_bytes()).into_bytes()], 401),
        (
            "S8: a NUL behind the password",
            vec![basic(format!("john:{PASSWORD}\0").as_bytes()).into_bytes()],
            401,
        ),
        (
            "S8: a line break behind the name",
            vec![basic(format!("john\r\n:{PASSWORD}").as_bytes()).into_bytes()],
            401,
        ),
        ("S9: a Bearer token where there is no such scheme", vec![t("Bearer ", "")], 401),
        ("S12: a token under Basic", vec![basic(format!("{token}:").as_bytes()).into_bytes()], 401),
    ];
    for (name, lines, verdict) in rows {
        let mut request = request("GET", "/");
        for line in lines {
            request = request.header("authorization", line);
        }
        assert_eq!(world.private(request).await.status, verdict, "{name}");
    }
}

#[tokio::test]
async fn s7_the_first_colon_separates_and_other_bytes_than_utf_8_are_latin_1() {
    let world = World::new().await;
    world.users.create("zoë", "pass:with:colons:é").await.unwrap();
    for (name, bytes) in [
        ("UTF-8", "zoë:pass:with:colons:é".as_bytes().to_vec()),
        ("Latin-1", b"zo\xeb:pass:with:colons:\xe9".to_vec()),
    ] {
        let answer = world.private(request("GET", "/").header("authorization", basic(&bytes))).await;
        assert_eq!((answer.status, &*answer.body), (200, "zoë by basic"), "{name}");
    }
}

#[tokio::test]
async fn credentials_elsewhere_are_no_credentials() {
    let world = World::new().await;
    let token = world.token_of("john").await;
    let good = basic(format!("john:{PASSWORD}").as_bytes());
    let field = format!("Token {token}");
    let uri = format!("/?access_token={token}&token={token}&auth_token={token}&user=john&user_id=1");
    for (name, request) in [
        ("S9: in the query string", request("GET", &uri)),
        ("S12: for the proxy", request("GET", "/").header("proxy-authorization", &good)),
        ("in a twin with an underscore", request("GET", "/").header("http_authorization", &field)),
        ("in a header of the CGI", request("GET", "/").header("redirect_http_authorization", &field)),
        ("in a header of a proxy", request("GET", "/").header("x-forwarded-authorization", &field)),
        ("in an original header", request("GET", "/").header("x-original-authorization", &field)),
        ("in a cookie", request("GET", "/").cookie("authorization", &field)),
        ("as the session", request("GET", "/").cookie("__Host-session", &token)),
        ("by a header that skips a middleware", request("GET", "/").header("x-middleware-subrequest", "1")),
        (
            "by a name in a header",
            request("GET", "/").header("x-remote-user", "john").header("remote-user", "john"),
        ),
        (
            "in a form",
            request("POST", "/").form(&[
                ("access_token", &token),
                ("username", "john"),
                ("password", PASSWORD),
            ]),
        ),
    ] {
        let answer = world.private(request).await;
        assert_eq!(answer.status, 401, "{name}");
        assert_eq!(answer.json()["detail"], "Authentication credentials were not provided.", "{name}");
    }
}

#[tokio::test]
async fn s5_a_401_carries_a_challenge_and_is_a_403_where_there_is_none() {
    for (name, order, policy, status, challenges) in [
        ("all of them", "tsb", ChallengePolicy::All, 401, &["Token", "Basic realm=\"api\""][..]),
        (
            "sessions first, all asked for",
            "stb",
            ChallengePolicy::All,
            401,
            &["Token", "Basic realm=\"api\""],
        ),
        ("sessions first, as DRF", "stb", ChallengePolicy::First, 403, &[]),
        ("tokens first, as DRF", "tsb", ChallengePolicy::First, 401, &["Token"]),
        ("Basic first, as DRF", "bst", ChallengePolicy::First, 401, &["Basic realm=\"api\""]),
        ("sessions alone", "s", ChallengePolicy::All, 403, &[]),
    ] {
        let world = World::with(SessionConfig::default(), |mechanisms| {
            let builder = portcullis::Guard::builder(mechanisms.users.clone()).challenge(policy);
            order.chars().fold(builder, |builder, letter| match letter {
                't' => builder.authenticate(mechanisms.tokens.authenticator()),
                's' => builder.authenticate(mechanisms.sessions.authenticator()),
                _ => builder.authenticate(mechanisms.users.basic()),
            })
        })
        .await;
        let answer = world.private(request("GET", "/")).await;
        assert_eq!((answer.status, &*answer.all("www-authenticate")), (status, challenges), "{name}");
    }
}

#[tokio::test]
async fn s6_a_realm_cannot_break_out_of_its_quotes() {
    let world = World::with(SessionConfig::default(), |mechanisms| {
        mechanisms.only(mechanisms.users.basic().with_realm(r#"a", Negotiate x="\"#).unwrap())
    })
    .await;
    let answer = world.private(request("GET", "/")).await;
    assert_eq!(answer.all("www-authenticate"), [r#"Basic realm="a\", Negotiate x=\"\\""#]);
    assert!(world.users.basic().with_realm("a\r\nSet-Cookie: x").is_err());
}

#[tokio::test]
async fn s11_an_answer_with_a_token_is_kept_by_no_cache() {
    let world = World::new().await;
    let login = crate::common::credentials("john", PASSWORD);
    let answer =
        world.call(&world.endpoint("POST", "/tokens"), request("POST", "/tokens").json(&login)).await;
    assert_eq!((answer.status, answer.all("cache-control")), (200, vec!["no-store"]));
}
