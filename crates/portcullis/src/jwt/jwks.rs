//! The public keys as a document (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::jwt::algorithm::Algorithm;
use crate::jwt::crypto::Public;
use crate::jwt::key::Key;

pub(super) fn write<'a>(keys: impl Iterator<Item = &'a Key>) -> String {
    let keys: Vec<Value> = keys.filter_map(public).collect();
    json!({ "keys": keys }).to_string()
}

/// Writes one key; nothing for a secret.
fn public(key: &Key) -> Option<Value> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let parts = match key.public()? {
        Public::Rsa { modulus, exponent } => {
            json!({ "kty": "RSA", "n": encode(modulus), "e": encode(exponent) })
        }
        Public::Ec { x, y } => {
            let curve = if key.algorithm() == Algorithm::ES384 { "P-384" } else { "P-256" };
            json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
        }
        Public::Ed { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) }),
    };
    let mut members: Map<String, Value> = parts.as_object().cloned().unwrap_or_default();
    members.insert("use".into(), "sig".into());
    members.insert("alg".into(), key.algorithm().as_str().into());
    if let Some(id) = key.id() {
        members.insert("kid".into(), id.into());
    }
    Some(members.into())
}
