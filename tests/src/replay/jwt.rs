//! Forged and verified JWTs, signed with the bookshop's test key unless a case says otherwise.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Sha256, Sha384, Sha512};

use super::Problem;
use super::template::{Variables, fill_value};

/// The key of the reference server, for tests only.
pub(super) const TEST_KEY: &str = "bookshop-test-only-jwt-signing-key-do-not-use-in-production";

/// How a case wants its token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Forgery {
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default)]
    drop_header: Vec<String>,
    #[serde(default)]
    claims: Map<String, Value>,
    raw_claims: Option<String>,
    key: Option<String>,
    sign: Option<String>,
}

/// What a good signature covers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opened {
    /// The token's header.
    pub(super) header: Value,
    /// The token's claims.
    pub(super) claims: Value,
}

impl Opened {
    /// From `iat` to `exp`, where both are integers.
    #[must_use]
    pub(super) fn lifetime(&self) -> Option<i64> {
        let number = |name| self.claims.get(name).and_then(Value::as_i64);
        Some(number("exp")? - number("iat")?)
    }
}

/// Makes a compact JWT as a case's `forge` describes it.
///
/// # Errors
///
/// When the description has an unknown member or an unknown variable.
pub(super) fn forge(description: &Value, variables: &Variables) -> Result<String, Problem> {
    let forgery: Forgery = serde_json::from_value(fill_value(description, variables)?)?;
    let mut header = Map::from_iter([("alg".to_owned(), json!("HS256")), ("typ".to_owned(), json!("JWT"))]);
    header.extend(forgery.header);
    for name in &forgery.drop_header {
        header.remove(name);
    }
    let payload = match forgery.raw_claims {
        Some(raw) => raw,
        None => {
            let claims = forgery.claims.into_iter().map(|(name, value)| Ok((name, at(value)?)));
            Value::Object(claims.collect::<Result<_, Problem>>()?).to_string()
        }
    };
    let signing_input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(Value::Object(header).to_string()),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let key = forgery.key.unwrap_or_else(|| TEST_KEY.to_owned());
    let algorithm = forgery.sign.unwrap_or_else(|| "HS256".to_owned());
    let signature = sign(&algorithm, key.as_bytes(), signing_input.as_bytes())?;
    Ok(format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The header and claims of a token, or nothing when it is not a JWT signed with the test key.
#[must_use]
pub(super) fn open(token: &str) -> Option<Opened> {
    let (signing_input, signature) = token.rsplit_once('.')?;
    let (header, payload) = signing_input.split_once('.')?;
    let good = sign("HS256", TEST_KEY.as_bytes(), signing_input.as_bytes()).ok()?;
    if payload.contains('.') || URL_SAFE_NO_PAD.encode(good) != signature {
        return None;
    }
    let decode = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    Some(Opened { header: decode(header)?, claims: decode(payload)? })
}

/// Turns `{"now": seconds}` into a time relative to the present one.
fn at(value: Value) -> Result<Value, Problem> {
    let Some(offset) = value.as_object().filter(|members| members.len() == 1).and_then(|m| m.get("now"))
    else {
        return Ok(value);
    };
    let offset = offset.as_i64().ok_or_else(|| Problem::new(format!("not a number of seconds: {offset}")))?;
    Ok(json!(i64::try_from(since_epoch()?.as_secs())?.saturating_add(offset)))
}

#[expect(clippy::disallowed_methods, reason = "the server under test runs on the real clock")]
fn since_epoch() -> Result<Duration, Problem> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}

/// The signature by an algorithm; none for a name that is no HMAC.
fn sign(algorithm: &str, key: &[u8], input: &[u8]) -> Result<Vec<u8>, Problem> {
    match algorithm {
        "HS256" => mac::<Hmac<Sha256>>(key, input),
        "HS384" => mac::<Hmac<Sha384>>(key, input),
        "HS512" => mac::<Hmac<Sha512>>(key, input),
        _ => Ok(Vec::new()),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], input: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut mac = <M as KeyInit>::new_from_slice(key)?;
    mac.update(input);
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forged(description: &Value) -> String {
        forge(description, &Variables::new()).unwrap()
    }

    #[test]
    fn a_forged_token_opens() {
        let token = forged(&json!({"claims": {"user_id": "1", "iat": {"now": 0}, "exp": {"now": 300}}}));
        let opened = open(&token).unwrap();
        assert_eq!(opened.header, json!({"alg": "HS256", "typ": "JWT"}));
        assert_eq!(opened.claims.get("user_id"), Some(&json!("1")));
        assert_eq!(opened.lifetime(), Some(300));
    }

    #[test]
    fn what_is_not_signed_with_the_test_key_does_not_open() {
        let rows = [
            ("another key", forged(&json!({"claims": {}, "key": "other"}))),
            ("another algorithm", forged(&json!({"claims": {}, "sign": "HS512"}))),
            ("no signature", forged(&json!({"claims": {}, "sign": ""}))),
            ("a fourth part", format!("{}.x", forged(&json!({"claims": {}})))),
            ("no JSON", forged(&json!({"raw_claims": "no"}))),
            ("no token", "x".to_owned()),
        ];
        for (name, token) in rows {
            assert_eq!(open(&token), None, "{name}");
        }
    }

    #[test]
    fn header_members_are_added_and_dropped() {
        let token =
            forged(&json!({"claims": {}, "header": {"kid": "a", "alg": "none"}, "drop_header": ["typ"]}));
        assert_eq!(open(&token).unwrap().header, json!({"alg": "none", "kid": "a"}));
    }

    /// The HS256 example of RFC 7515 A.1 has a binary key; this vector is from PyJWT with the test key.
    #[test]
    fn signs_as_pyjwt_does() {
        let token = forged(&json!({"claims": {"user_id": "1"}}));
        let (signing_input, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(signing_input, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoiMSJ9");
        assert_eq!(signature, "_-Pp8MviHG34-ZacQEy8z4cK8CT9flm7x5dVXnlYGBA");
    }
}
