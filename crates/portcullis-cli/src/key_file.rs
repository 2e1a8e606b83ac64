//! The file of the keys of JSON Web Tokens.
//!
//! 1. It is a JWK set (RFC 7517) that [`Key::from_key_file`] reads. A pair stands in it as its public half, with the private
//!    one beside it in the member `pem` (PKCS#8); a secret is `oct`.
//! 2. The last key signs. One that is retired loses its private half at once, and gets `exp`: until then it verifies.
//! 3. A key is drawn by AWS-LC, and its id at random, so that it says nothing.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis::jwt::{Algorithm, Key, KeyRing};
use portcullis::{Secret, Timestamp};
use serde_json::{Map, Value, json};

use crate::failure::Failure;

const ALGORITHMS: [Algorithm; 12] = [
    Algorithm::EdDSA,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
];

/// The keys of a file, in its order.
#[derive(Debug)]
pub(crate) struct KeyFile(Vec<Map<String, Value>>);

/// What a list says of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) algorithm: String,
    pub(crate) state: &'static str,
    pub(crate) retires_at: Timestamp,
}

/// Reads the name of an algorithm, in whatever case.
pub(crate) fn algorithm(name: &str) -> Result<Algorithm, String> {
    let found = ALGORITHMS.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name));
    found
        .ok_or_else(|| format!("choose one of {}", ALGORITHMS.map(|algorithm| algorithm.as_str()).join(", ")))
}

impl KeyFile {
    /// Makes a file of one new key.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, Failure> {
        Ok(Self(vec![new_key(algorithm).ok_or_else(no_randomness)?]))
    }

    /// Reads a file, all of whose keys must be usable.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let refused = |why: String| Failure::Refused(format!("the file is no file of keys: {why}"));
        let keys = Key::from_key_file(text).map_err(|error| refused(error.to_string()))?;
        KeyRing::new(keys).map_err(|error| refused(error.to_string()))?;
        let mut document: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
        let keys = document.remove("keys").unwrap_or_default();
        serde_json::from_value(keys).map(Self).map_err(|error| refused(error.to_string()))
    }

    /// Adds a new key, which signs from now on; the others retire, and those whose time has come are left out.
    ///
    /// Returns the id of the new key.
    pub(crate) fn rotate(
        &mut self,
        algorithm: Option<Algorithm>,
        now: Timestamp,
        retires_at: Timestamp,
    ) -> Result<String, Failure> {
        let no_key = || Failure::Refused("no key of the file signs: name the new one's `--algorithm`".into());
        let algorithm = algorithm.or_else(|| self.signing(now).and_then(algorithm_of)).ok_or_else(no_key)?;
        for key in &mut self.0 {
            // What does not stand in the file cannot be stolen with it. A secret verifies with nothing else.
            key.remove("pem");
            let seconds = retires_at.min(retirement(key)).as_seconds();
            key.insert("exp".into(), seconds.into());
        }
        self.0.retain(|key| retirement(key) > now);
        let new = new_key(algorithm).ok_or_else(no_randomness)?;
        let id = text(&new, "kid");
        self.0.push(new);
        Ok(id)
    }

    /// Lists the keys, the one that signs last.
    pub(crate) fn entries(&self, now: Timestamp) -> Vec<Entry> {
        let signing = self.signing(now).map(|key| text(key, "kid"));
        let entry = |key: &Map<String, Value>| {
            let (id, retires_at) = (text(key, "kid"), retirement(key));
            let state = match () {
                () if retires_at <= now => "retired",
                () if signing.as_ref() == Some(&id) => "signs",
                () => "verifies",
            };
            Entry { id, algorithm: text(key, "alg"), state, retires_at }
        };
        self.0.iter().map(entry).collect()
    }

    /// Writes the file.
    pub(crate) fn to_text(&self) -> Secret {
        Secret::new(format!("{:#}\n", json!({ "keys": self.0 })))
    }

    fn signing(&self, now: Timestamp) -> Option<&Map<String, Value>> {
        let signs = |key: &&Map<String, Value>| key.contains_key("pem") || key.contains_key("k");
        self.0.iter().rev().filter(|key| retirement(key) > now).find(signs)
    }
}

fn text(key: &Map<String, Value>, member: &str) -> String {
    key.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn algorithm_of(key: &Map<String, Value>) -> Option<Algorithm> {
    algorithm(&text(key, "alg")).ok()
}

fn retirement(key: &Map<String, Value>) -> Timestamp {
    key.get("exp").and_then(Value::as_i64).map_or(Timestamp::MAX, Timestamp::from_seconds)
}

fn no_randomness() -> Failure {
    Failure::Refused("no key can be drawn: the randomness of the system fails".into())
}

/// Draws a key.
fn new_key(algorithm: Algorithm) -> Option<Map<String, Value>> {
    let mut id = [0; 8];
    aws_lc_rs::rand::fill(&mut id).ok()?;
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut members = match secret_length(algorithm) {
        Some(length) => new_secret(length)?,
        None => new_pair(algorithm, &id)?,
    };
    members.insert("alg".into(), algorithm.as_str().into());
    members.insert("kid".into(), id.into());
    members.insert("use".into(), "sig".into());
    Some(members)
}

/// Returns how long the secret of an HMAC is: as its hash (RFC 7518 section 3.2).
fn secret_length(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::HS256 => Some(32),
        Algorithm::HS384 => Some(48),
        Algorithm::HS512 => Some(64),
        _ => None,
    }
}

fn new_secret(length: usize) -> Option<Map<String, Value>> {
    let mut secret = vec![0; length];
    aws_lc_rs::rand::fill(&mut secret).ok()?;
    let secret = Secret::new(secret);
    // It goes into the file, where else.
    let encoded = URL_SAFE_NO_PAD.encode(secret.expose_secret());
    json!({ "kty": "oct", "k": encoded }).as_object().cloned()
}

/// Draws a pair: the members of its public half, as the core writes them, and the private one as PEM.
fn new_pair(algorithm: Algorithm, id: &str) -> Option<Map<String, Value>> {
    let pem = pem(&private_der(algorithm)?);
    let key = Key::from_pem(algorithm, pem.expose_secret()).ok()?.with_id(id);
    let public: Value = serde_json::from_str(&KeyRing::new([key]).ok()?.jwks(Timestamp::EPOCH)).ok()?;
    let mut members = public.get("keys")?.get(0)?.as_object()?.clone();
    members.insert("pem".into(), pem.expose_secret().clone().into());
    Some(members)
}

/// Draws a private key, as PKCS#8.
fn private_der(algorithm: Algorithm) -> Option<Secret<Vec<u8>>> {
    let der = match algorithm {
        Algorithm::EdDSA => Ed25519KeyPair::generate().ok()?.to_pkcs8v1().ok()?.as_ref().to_vec(),
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
            pair.to_pkcs8v1().ok()?.as_ref().to_vec()
        }
        Algorithm::ES384 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).ok()?;
            pair.to_pkcs8v1().ok()?.as_ref().to_vec()
        }
        _ => {
            let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa3072).ok()?;
            let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().ok()?;
            der.as_ref().to_vec()
        }
    };
    Some(Secret::new(der))
}

/// Writes PEM in lines of 64 letters (RFC 7468 section 2).
fn pem(der: &Secret<Vec<u8>>) -> Secret {
    let body = Secret::new(STANDARD.encode(der.expose_secret()));
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for (at, letter) in body.expose_secret().chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    Secret::new(pem)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn states(file: &KeyFile, now: Timestamp) -> Vec<&'static str> {
        file.entries(now).iter().map(|entry| entry.state).collect()
    }

    #[test]
    fn rotating_retires_what_signed_and_drops_what_is_retired() {
        for algorithm in [Algorithm::EdDSA, Algorithm::HS256] {
            let mut file = KeyFile::generate(algorithm).unwrap();
            assert_eq!(states(&file, NOW), ["signs"], "{algorithm}");
            file.rotate(None, NOW, NOW.after(7 * DAY)).unwrap();
            assert_eq!(states(&file, NOW), ["verifies", "signs"], "{algorithm}");
            assert_eq!(states(&file, NOW.after(7 * DAY)), ["retired", "signs"], "{algorithm}");
            // A second one does not lengthen the life of the first.
            file.rotate(None, NOW.after(DAY), NOW.after(8 * DAY)).unwrap();
            assert_eq!(file.entries(NOW)[0].retires_at, NOW.after(7 * DAY), "{algorithm}");
            file.rotate(None, NOW.after(7 * DAY), NOW.after(14 * DAY)).unwrap();
            assert_eq!(states(&file, NOW.after(7 * DAY)), ["verifies", "verifies", "signs"], "{algorithm}");
            // A key that has leaked is gone at once.
            file.rotate(None, NOW.after(7 * DAY), NOW.after(7 * DAY)).unwrap();
            assert_eq!(states(&file, NOW.after(7 * DAY)), ["signs"], "{algorithm}");
        }
    }

    #[test]
    fn a_retired_pair_has_no_private_half() {
        let mut file = KeyFile::generate(Algorithm::ES256).unwrap();
        file.rotate(None, NOW, NOW.after(DAY)).unwrap();
        assert_eq!(
            file.to_text().expose_secret().matches("PRIVATE KEY-----").count(),
            2,
            "one key's begin and end"
        );
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused() {
        let good = KeyFile::generate(Algorithm::EdDSA).unwrap().to_text();
        let good = good.expose_secret().as_str();
        assert!(KeyFile::parse(good).is_ok());
        let other = KeyFile::generate(Algorithm::EdDSA).unwrap().to_text();
        let pem_of = |text: &str| {
            let file: Value = serde_json::from_str(text).unwrap();
            file["keys"][0]["pem"].as_str().unwrap().replace('\n', "\\n")
        };
        let swapped = good.replace(&pem_of(good), &pem_of(other.expose_secret()));
        for (text, name) in [
            ("", "nothing"),
            ("[]", "a list"),
            ("{}", "no keys"),
            (r#"{"keys":[]}"#, "an empty set"),
            (r#"{"keys":[{"kty":"oct","k":"c2hvcnQ","alg":"HS256","kid":"a"}]}"#, "a secret that is short"),
            (&swapped, "halves that do not belong together"),
            (&good.replace("MC4CAQ", "MC4CAR"), "a damaged key"),
            (&good.replace("\"use\"", "\"exp\": \"soon\", \"use\""), "a date that is none"),
        ] {
            assert_eq!(KeyFile::parse(text).unwrap_err().code(), 1, "{name}");
        }
    }
}
