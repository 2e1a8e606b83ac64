//! Access tokens of an authorization server (RFC 9068): rows J1 to J7.

use portcullis::authentication::StatelessJwtAuthenticator;
use portcullis::jwt::{Algorithm, JwtConfig, JwtError, JwtVerifier, Purpose};
use portcullis::{Account, Guard, IsAuthenticated, Policy, UserId};
use portcullis_testing::request;

use crate::common::World;
use crate::forge::{NOW, b64, forge, header, hmac, payload, public_key, sign, verdict, verifier};

const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "https://api.example";

fn config() -> JwtConfig {
    JwtConfig::rfc9068(ISSUER, AUDIENCE)
}

fn rfc9068() -> JwtVerifier {
    verifier([public_key(Algorithm::RS256)], config())
}

/// The claims of RFC 9068 section 2.2, but for some.
fn claims(edits: &[(&str, &str)]) -> String {
    let own = [
        ("token_type", ""),
        ("auth_epoch", ""),
        ("user_id", ""),
        ("iss", "\"https://login.example\""),
        ("aud", "\"https://api.example\""),
        ("sub", "\"17\""),
        ("client_id", "\"spa\""),
        ("scope", "\"books:read books:write\""),
    ];
    payload("access", &own.iter().chain(edits).copied().collect::<Vec<_>>())
}

fn signed(head: &str, claims: &str) -> String {
    forge(head, claims, |m| sign(Algorithm::RS256, m))
}

fn token(edits: &[(&str, &str)]) -> String {
    signed(&header(Algorithm::RS256, "access"), &claims(edits))
}

#[test]
fn j1_the_type_is_at_jwt() {
    for (typ, accepted) in [
        (r#","typ":"at+jwt""#, true),
        (r#","typ":"application/at+jwt""#, true),
        (r#","typ":"AT+JWT""#, true),
        (r#","typ":"JWT""#, false),
        (r#","typ":"rt+jwt""#, false),
        (r#","typ":"logout+jwt""#, false),
        (r#","typ":"""#, false),
        (r#","typ":null"#, false),
        ("", false),
    ] {
        let token = signed(&format!(r#"{{"alg":"RS256"{typ}}}"#), &claims(&[]));
        assert_eq!(verdict(&rfc9068(), token).is_ok(), accepted, "{typ}");
    }
}

#[test]
fn j2_the_issuer_is_exact_and_the_audience_contains_us() {
    for (claim, value, accepted) in [
        ("iss", r#""https://login.example""#, true),
        ("iss", r#""https://login.example/""#, false),
        ("iss", r#""https://LOGIN.example""#, false),
        ("iss", r#"["https://login.example"]"#, false),
        ("iss", "", false),
        ("aud", r#"["https://api.example","https://other.example"]"#, true),
        ("aud", r#""https://other.example""#, false),
        ("aud", r#"["https://other.example"]"#, false),
        ("aud", "[]", false),
        ("aud", "", false),
    ] {
        assert_eq!(verdict(&rfc9068(), token(&[(claim, value)])).is_ok(), accepted, "{claim} {value}");
    }
}

#[test]
fn j3_every_required_claim_is_there() {
    let verifier = rfc9068();
    assert_eq!(verdict(&verifier, token(&[])), Ok(()));
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        for value in ["", "null"] {
            assert!(verdict(&verifier, token(&[(name, value)])).is_err(), "{name}: {value:?}");
        }
    }
    for (name, value) in
        [("sub", "17"), ("sub", "[\"17\"]"), ("jti", "1"), ("iat", "\"1\""), ("exp", "\"9999999999\"")]
    {
        assert_eq!(verdict(&verifier, token(&[(name, value)])), Err(JwtError::Invalid), "{name}: {value}");
    }
    let now = NOW.to_string();
    assert_eq!(verdict(&verifier, token(&[("exp", &now)])), Err(JwtError::Expired));
}

#[test]
fn j4_the_algorithm_is_that_of_the_key() {
    let verifier = rfc9068();
    let (message, body) = (claims(&[]), |alg: &str| format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#));
    let unsigned = format!("{}.{}.", b64(body("none")), b64(&message));
    assert_eq!(verdict(&verifier, unsigned), Err(JwtError::Invalid));
    let public = crate::forge::pem!("rsa-public").as_bytes();
    for token in [
        signed(&body("none"), &message),
        signed(&body("RS512"), &message),
        signed(&body("PS256"), &message),
        forge(body("HS256"), &message, |m| hmac(Algorithm::HS256, public, m)),
        forge(body("RS256"), &message, |m| hmac(Algorithm::HS256, public, m)),
        forge(body("RS256"), &message, |m| sign(Algorithm::PS256, m)),
    ] {
        assert_eq!(verdict(&verifier, token), Err(JwtError::Invalid));
    }
}

#[test]
fn j5_an_id_token_is_no_access_token() {
    let verifier = rfc9068();
    let id_claims = claims(&[
        ("client_id", ""),
        ("scope", ""),
        ("nonce", "\"n-0S6_WzA2Mj\""),
        ("at_hash", "\"77QmUPtjPfzWtF2AnpK9RQ\""),
    ]);
    let both = claims(&[("nonce", "\"n\""), ("at_hash", "\"h\"")]);
    for (typ, claims) in [("JWT", &id_claims), ("JWT", &both), ("at+jwt", &id_claims), ("", &both)] {
        let head = format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#);
        assert!(verdict(&verifier, signed(&head, claims)).is_err(), "{typ} {claims}");
    }
    // A name that is no purpose of an authorization server's token is nobody's.
    for purpose in [Purpose::new(""), Purpose::new("id"), Purpose::REFRESH] {
        for typ in ["JWT", "at+jwt", "other+jwt"] {
            let token = signed(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#), &both);
            assert_eq!(
                verifier.verify(token, purpose, |_| ()),
                Err(JwtError::WrongType),
                "{purpose:?} {typ}"
            );
        }
    }
}

#[tokio::test]
async fn j6_scopes_limit_what_is_permitted() {
    let mut world = World::new().await;
    let authenticator = StatelessJwtAuthenticator::<Account>::new(rfc9068());
    world.guard = Guard::builder(world.users.clone()).authenticate(authenticator).build().unwrap();
    let reads = Policy::default().require(IsAuthenticated).require(portcullis::HasScope::new("books:read"));
    for (scope, status) in [
        (r#""books:read books:write""#, 200),
        (r#""books:read""#, 200),
        (r#""books:write""#, 403),
        (r#""books:readonly""#, 403),
        (r#""BOOKS:READ""#, 403),
        (r#""books:read,books:write""#, 403),
        (r#""""#, 403),
        (r#"["books:read"]"#, 403),
        ("null", 403),
        ("1", 403),
        (r#"{"books:read":true}"#, 403),
        (r#""books:read\ud800""#, 403),
    ] {
        let token = token(&[("scope", scope)]);
        let answer = world.ask(&reads, request("GET", "/").bearer(&token)).await;
        assert_eq!(answer.status, status, "{scope}: {}", answer.body);
    }
}

#[tokio::test]
async fn j7_a_failure_is_a_401_with_a_challenge() {
    let mut world = World::new().await;
    let authenticator = StatelessJwtAuthenticator::<Account>::new(rfc9068());
    world.guard = Guard::builder(world.users.clone()).authenticate(authenticator).build().unwrap();
    let now = NOW.to_string();
    for (name, token) in [
        ("ended", token(&[("exp", &now)])),
        ("another audience", token(&[("aud", "\"x\"")])),
        ("no subject", token(&[("sub", "")])),
        ("an ID token", signed(r#"{"alg":"RS256","typ":"JWT"}"#, &claims(&[]))),
        ("garbage", "garbage".to_owned()),
    ] {
        let answer = world.private(request("GET", "/").bearer(&token)).await;
        assert_eq!(answer.status, 401, "{name}");
        assert_eq!(answer.all("www-authenticate"), [r#"Bearer realm="api""#], "{name}");
        assert_eq!(answer.json()["code"], "token_not_valid", "{name}");
    }
    let answer = world.private(request("GET", "/").bearer(&token(&[]))).await;
    assert_eq!(answer.status, 200);
    let user = rfc9068().verify(token(&[]), Purpose::ACCESS, |claims| claims.user_id()).unwrap();
    assert_eq!(user, Some(UserId::from(17)));
}
