//! A token of one purpose is never taken for another (RFC 8725 sections 3.11 and 3.12): five purposes, five consumers.

use portcullis::Account;
use portcullis::jwt::{Algorithm, JwtConfig, JwtError, JwtVerifier, Purpose};
use portcullis_testing::request;
use serde_json::json;

use crate::forge::{forge_hs256, header, payload, preset, seconds, strict};
use crate::world::{JwtWorld, ring};

const PURPOSES: [&str; 5] = ["access", "refresh", "sliding", "id", "password_reset"];
const CONSUMERS: [Purpose; 5] = [
    Purpose::ACCESS,
    Purpose::REFRESH,
    Purpose::new("sliding"),
    Purpose::new("id"),
    Purpose::new("password_reset"),
];

/// Tokens as they are issued: an ID token is another issuer's, and has no purpose of ours.
fn tokens() -> [String; 5] {
    PURPOSES.map(|purpose| {
        let claims = match purpose {
            "id" => payload("id", &[("nonce", "\"n\""), ("sub", "\"1\""), ("at_hash", "\"h\""), ("aud", "")]),
            "sliding" => payload("sliding", &[("refresh_exp", "9999999999")]),
            purpose => payload(purpose, &[]),
        };
        forge_hs256(header(Algorithm::HS256, purpose), claims)
    })
}

fn assert_diagonal(verifier: &JwtVerifier, which: &str) {
    let mut accepted = 0;
    for (purpose, token) in PURPOSES.iter().zip(tokens()) {
        for consumer in CONSUMERS {
            let verdict = verifier.verify(&token, consumer, |_| ());
            let expected = if consumer.as_str() == *purpose { Ok(()) } else { Err(JwtError::WrongType) };
            assert_eq!(verdict, expected, "{which}: {purpose} by {consumer:?}");
            accepted += usize::from(verdict.is_ok());
        }
    }
    assert_eq!(accepted, 5, "{which}");
}

#[test]
fn of_25_pairs_only_the_diagonal_passes() {
    assert_diagonal(&strict(), "strict");
    assert_diagonal(&preset(), "preset");
    let typed = crate::forge::by_secret(JwtConfig::simplejwt().with_typ());
    assert_diagonal(&typed, "preset with types");
}

/// In the strict configuration the header and the claim agree, or nobody takes the token.
#[test]
fn a_header_and_a_claim_that_disagree_are_refused() {
    let verifier = strict();
    for typ in ["at+jwt", "rt+jwt", "JWT", "id+jwt", ""] {
        for purpose in PURPOSES {
            let head = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
            let token = forge_hs256(head, payload(purpose, &[]));
            for consumer in CONSUMERS {
                let accepted = verifier.verify(&token, consumer, |_| ()).is_ok();
                let agrees = crate::forge::typ_of(purpose) == typ && consumer.as_str() == purpose;
                assert_eq!(accepted, agrees, "{typ} {purpose} by {consumer:?}");
            }
        }
    }
}

#[test]
fn a_purpose_is_one_exact_string() {
    for value in [
        "",
        "null",
        "1",
        "true",
        "[\"access\"]",
        "{\"access\":1}",
        "\"\"",
        "\"Access\"",
        "\"ACCESS\"",
        "\"access \"",
        "\" access\"",
        "\"access\\u0000\"",
        "\"аccess\"",
        "\"acces\"",
        "\"accesss\"",
        "\"refresh\"",
        "\"untyped\"",
    ] {
        for typ in ["at+jwt", "rt+jwt", "JWT"] {
            let head = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
            let token = forge_hs256(head, payload("access", &[("token_type", value)]));
            for verifier in [strict(), preset()] {
                assert!(verifier.verify(&token, Purpose::ACCESS, |_| ()).is_err(), "{typ} {value}");
                assert!(verifier.verify(&token, Purpose::new("acces "), |_| ()).is_err(), "{typ} {value}");
                let empty = verifier.verify(&token, Purpose::new(""), |_| ()).is_ok();
                assert!(!empty || value == "\"\"", "{typ} {value}");
            }
        }
    }
}

#[test]
fn what_is_issued_for_one_purpose_serves_no_other() {
    for config in [JwtConfig::default(), JwtConfig::simplejwt()] {
        let jwt = portcullis::Jwt::new(ring(), portcullis::store::MemoryStore::new()).unwrap();
        let jwt = jwt.with_config(config).unwrap();
        let john = Account::new(1, "john");
        for issued in CONSUMERS {
            let token = jwt.issue_for(issued, &john, seconds(60));
            if issued == Purpose::REFRESH {
                assert!(token.is_err(), "a refresh token that no row knows");
                continue;
            }
            let token = token.unwrap();
            for consumer in CONSUMERS {
                let accepted = jwt.verifier().verify(token.expose_secret(), consumer, |_| ()).is_ok();
                assert_eq!(accepted, consumer == issued, "{issued:?} by {consumer:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_authenticators_and_endpoints_take_their_own() {
    for config in [JwtConfig::default(), JwtConfig::simplejwt(), JwtConfig::simplejwt().with_rotation()] {
        let world = JwtWorld::with(config).await;
        let pair = world.pair("john").await;
        let (access, refresh) = (pair.access().expose_secret(), pair.refresh().unwrap().expose_secret());
        let mut all: Vec<(&str, String)> = PURPOSES.into_iter().zip(world.forged().await).collect();
        all.extend([("access", access.clone()), ("refresh", refresh.clone())]);
        for (purpose, token) in &all {
            let asked = world.world.private(request("GET", "/").bearer(token)).await;
            assert_eq!(asked.status == 200, *purpose == "access", "{purpose}: {}", asked.body);
            let asked = world.stateless().await.private(request("GET", "/").bearer(token)).await;
            assert_eq!(asked.status == 200, *purpose == "access", "{purpose}, stateless: {}", asked.body);
        }
        for (purpose, token) in &all {
            for path in ["/token/refresh", "/token/revoke"] {
                let own = *purpose == "refresh";
                let answer = world.post(path, &json!({ "refresh": token })).await;
                let expected = if own { ["200", "401"] } else { ["401", "401"] };
                assert!(expected.contains(&&*answer.status.to_string()), "{path} {purpose}: {}", answer.body);
                if !own {
                    assert_eq!(answer.json()["detail"], "Token has wrong type", "{path} {purpose}");
                }
            }
        }
    }
}
