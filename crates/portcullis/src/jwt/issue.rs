//! Writing tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::error::Unavailable;
use crate::jwt::claims::EPOCH_CLAIM;
use crate::jwt::config::JwtConfig;
use crate::jwt::header::TYPS;
use crate::jwt::purpose::Purpose;
use crate::jwt::verify::JwtVerifier;
use crate::random::text;
use crate::secret::Secret;

/// The digits and the length of a token's id, as Python writes a UUID in hexadecimal; 128 random bits.
const ID: (&[u8; 16], usize) = (b"0123456789abcdef", 32);

/// What a new token is to say.
pub(super) struct Content<'a> {
    pub(super) purpose: Purpose,
    pub(super) id: &'a str,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) user: Option<String>,
    pub(super) epoch: Option<i64>,
    /// Members in JSON, each with a comma in front.
    pub(super) others: &'a str,
}

/// Draws the id of a token; it is no secret, only unique.
pub(super) fn draw_id(verifier: &JwtVerifier) -> Result<Secret, Unavailable> {
    Ok(text(verifier.environment().random(), ID.0, ID.1)?)
}

/// Signs a token with the newest key.
pub(super) fn sign(verifier: &JwtVerifier, content: &Content<'_>) -> Result<Secret, Unavailable> {
    let config = verifier.config();
    let keys = verifier.ring().keys();
    let key = keys
        .signing(content.issued_at)
        .ok_or_else(|| Unavailable::new("no key of the ring signs: each is retired or public"))?;
    let typ = if config.checks_typ { Purpose::typ_of(content.purpose.as_str()) } else { TYPS[0].0 };
    let header = key.headers().iter().zip(TYPS).find(|(_, (known, _))| *known == typ);
    let header = header.map(|(header, _)| &**header).unwrap_or_default();
    let mut token = format!("{header}.");
    URL_SAFE_NO_PAD.encode_string(payload(config, content), &mut token);
    let signature =
        key.sign(token.as_bytes()).map_err(|_| Unavailable::new("a token could not be signed"))?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(Secret::new(token))
}

/// Writes the claims in simplejwt's order: its own, the custom ones, audience and issuer.
fn payload(config: &JwtConfig, content: &Content<'_>) -> String {
    let quote = |text: &str| Value::from(text).to_string();
    let Content { id, issued_at, expires_at, others, .. } = content;
    let purpose = config
        .purpose_claim
        .map(|name| format!("{}:{},", quote(name), quote(content.purpose.as_str())))
        .unwrap_or_default();
    let (end, start) = (expires_at.as_seconds(), issued_at.as_seconds());
    let mut json = format!(r#"{{{purpose}"exp":{end},"iat":{start},"jti":{}"#, quote(id));
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            json.extend([",", &quote(name), ":", &value]);
        }
    };
    add(&config.user_claim, content.user.as_deref().map(quote));
    add(EPOCH_CLAIM, content.epoch.map(|epoch| epoch.to_string()));
    json.push_str(others);
    let mut add = |name: &str, value: &Option<Box<str>>| {
        if let Some(value) = value {
            json.extend([",", &quote(name), ":", &quote(value)]);
        }
    };
    add("aud", &config.audience);
    add("iss", &config.issuer);
    json.push('}');
    json
}

/// Writes custom claims as members; a name that Portcullis writes itself is left out.
pub(super) fn custom(config: &JwtConfig, claims: &Map<String, Value>) -> String {
    let own = claims.iter().filter(|(name, _)| {
        let is_reserved = is_reserved(config, name);
        if is_reserved {
            tracing::error!(target: "portcullis", name, "a custom claim has the name of a claim of Portcullis: left out");
        }
        !is_reserved
    });
    own.map(|(name, value)| format!(",{}:{value}", Value::from(name.as_str()))).collect()
}

/// Copies the custom claims of another token.
pub(super) fn copied<'a>(
    config: &JwtConfig,
    claims: impl Iterator<Item = (&'a str, &'a RawValue)>,
) -> String {
    let own = claims.filter(|(name, _)| !is_reserved(config, name));
    own.map(|(name, value)| format!(",{}:{}", Value::from(name), value.get())).collect()
}

fn is_reserved(config: &JwtConfig, name: &str) -> bool {
    let registered = ["exp", "iat", "nbf", "jti", "iss", "aud", EPOCH_CLAIM];
    registered.contains(&name) || name == &*config.user_claim || config.purpose_claim == Some(name)
}
