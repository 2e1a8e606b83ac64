//! A token that is signed, whatever its header and its claims are: what is accepted says so in plain JSON, read by
//! another reader; nothing panics. The input itself, taken for a token, is refused.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use portcullis::jwt::{JwtConfig, JwtVerifier, KeyRing, Purpose};
use serde_json::Value;
use sha2::Sha256;

const KEY: &str = "3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld";

static VERIFIERS: LazyLock<[JwtVerifier; 2]> = LazyLock::new(|| {
    [JwtConfig::default(), JwtConfig::simplejwt()].map(|config| {
        let ring = KeyRing::from_secret(KEY).expect("the key is strong");
        JwtVerifier::new(ring, config).expect("the configuration is good")
    })
});

fn sign(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any length will do");
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fuzz_target!(|data: &[u8]| {
    let (header, claims) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&br#"{"alg":"HS256","typ":"at+jwt"}"#[..], data),
    };
    let token = sign(header, claims);
    for verifier in VERIFIERS.iter() {
        let user = verifier.verify(&token, Purpose::ACCESS, |claims| claims.user_id());
        if let Ok(user) = user {
            let header: Value = serde_json::from_slice(header).expect("accepted, so it is JSON");
            assert_eq!(header["alg"], "HS256");
            assert!(["crit", "zip", "b64", "enc"].iter().all(|name| header.get(name).is_none()));
            let claims: Value = serde_json::from_slice(claims).expect("accepted, so it is JSON");
            assert_eq!(claims["token_type"], "access");
            assert!(claims["exp"].as_f64().is_some_and(|end| end > 1.7e9) && claims["jti"].is_string());
            match (&claims["user_id"], user) {
                (Value::Number(number), Some(user)) => assert_eq!(user.as_number(), number.as_i64()),
                (Value::String(text), Some(user)) => assert_eq!(user.to_string(), *text),
                (claim, Some(user)) => assert!(claim.is_null() && user.to_string() == "None"),
                (claim, None) => assert!(!claim.is_string() && claim.as_i64().is_none()),
            }
        }
        assert!(verifier.verify(data, Purpose::ACCESS, |_| ()).is_err());
    }
});
