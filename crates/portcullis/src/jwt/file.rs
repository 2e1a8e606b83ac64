//! A file of one's own keys, as the command line writes it.
//!
//! 1. It is a JWK set (RFC 7517 section 5). A private key stands beside its public half as PEM, in the member `pem`; a
//!    secret is `oct`. What is not understood is an error, since nobody else wrote it.
//! 2. The moment at which a key retires is `exp`, in seconds (OpenID Federation 1.0, section 8.7.2).

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::jwt::key::{Key, KeyError};

impl Key {
    /// Reads the keys of a file that `portcullis key generate` and `rotate` have written, for a
    /// [`KeyRing`](crate::KeyRing) that signs.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use portcullis::KeyRing;
    /// use portcullis::jwt::Key;
    ///
    /// let read = || Ok::<_, Box<dyn std::error::Error>>(Key::from_key_file(&std::fs::read_to_string("keys.json")?)?);
    /// let ring = KeyRing::new(read()?)?;
    ///
    /// // Later, when the file was rotated:
    /// ring.replace(read()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the text is no such file, or one of its keys cannot be used, or its halves do not belong together.
    ///
    /// # Security
    ///
    /// The file is a secret. It is not the document for others: that is [`KeyRing::jwks`](crate::KeyRing::jwks).
    pub fn from_key_file(json: &str) -> Result<Vec<Self>, KeyError> {
        #[derive(Deserialize)]
        struct File<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let file: File<'_> =
            serde_json::from_str(json).map_err(|_| KeyError::Jwk("it is not the JSON of a set of keys"))?;
        file.keys.into_iter().map(|key| member(key.get())).collect()
    }
}

fn member(json: &str) -> Result<Key, KeyError> {
    #[derive(Deserialize)]
    struct Own {
        #[serde(default, deserialize_with = "given")]
        pem: Option<String>,
        #[serde(default, deserialize_with = "given")]
        exp: Option<i64>,
    }
    let key = Key::from_public_jwk(json, &["d"])?;
    let own: Own = serde_json::from_str(json)
        .map_err(|_| KeyError::Jwk("its `pem` is no text, or its `exp` no number of seconds"))?;
    let key = match own.pem {
        Some(pem) => private(&key, &Zeroizing::new(pem))?,
        None => key,
    };
    Ok(match own.exp {
        Some(seconds) => key.retiring_at(Timestamp::from_seconds(seconds)),
        None => key,
    })
}

/// Reads a member that is there: `null` would be a key without a private half, or one that never retires.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(member: D) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}

/// Puts the private half in the place of the public one, to which it must belong.
fn private(public: &Key, pem: &str) -> Result<Key, KeyError> {
    let mismatch = KeyError::Mismatch(public.algorithm());
    let key = Key::from_pem(public.algorithm(), pem)?;
    let probe = key.sign(b"probe").map_err(|_| mismatch.clone())?;
    if public.signs() || !public.verify(b"probe", &probe) {
        return Err(mismatch);
    }
    Ok(match public.id() {
        Some(id) => key.with_id(id),
        None => key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::KeyRing;

    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\\n-----END PRIVATE KEY-----\\n";
    /// The public half (RFC 8037 appendix A).
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const OTHER_X: &str = "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik";

    fn pair(x: &str, more: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","alg":"EdDSA","use":"sig","kid":"a"{more}}}"#)
    }

    #[test]
    fn a_file_of_ones_own_keys_is_read_wholly_or_not_at_all() {
        let pem = format!(r#","pem":"{ED25519}""#);
        let secret =
            r#"{"kty":"oct","k":"M1ZxaFhrRlowbTRScjFiWXA3c1R0OXVXd0VlSmMyTGQ","alg":"HS256","kid":"b"}"#;
        for (keys, signs, name) in [
            (pair(X, &pem), Some(vec![true]), "a pair with its private half"),
            (pair(X, ""), Some(vec![false]), "a public half"),
            (format!("{},{secret}", pair(X, "")), Some(vec![false, true]), "a secret"),
            (pair(OTHER_X, &pem), None, "a private half of another key"),
            (pair(X, r#","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#), None, "a private JWK"),
            (pair(X, r#","pem":"-----BEGIN PUBLIC KEY-----""#), None, "a text that is no key"),
            (pair(X, r#","pem":1"#), None, "a number in the place of a key"),
            (pair(X, r#","exp":"soon""#), None, "a date that is no number"),
            (pair(X, r#","exp":null"#), None, "a date that is nothing"),
            (pair(X, r#","pem":null"#), None, "a private half that is nothing"),
            (pair(X, r#","pem":"","pem":"""#), None, "a member twice"),
            (secret.replace('}', &format!("{pem}}}")), None, "a secret that is a pair, too"),
            (
                format!("{},{{\"kty\":\"OKP\"}}", pair(X, &pem)),
                None,
                "a key that cannot be read beside one that can",
            ),
        ] {
            let read = Key::from_key_file(&format!(r#"{{"keys":[{keys}]}}"#));
            let read = read.ok().map(|keys| keys.iter().map(Key::signs).collect::<Vec<_>>());
            assert_eq!(read, signs, "{name}");
        }
    }

    /// Whoever publishes the file in the place of the ring's own document has given his keys away.
    #[test]
    fn a_file_of_ones_own_keys_is_no_document_for_others() {
        for (more, is_read) in [(String::new(), true), (format!(r#","pem":"{ED25519}""#), false)] {
            let set = format!(r#"{{"keys":[{}]}}"#, pair(X, &more));
            assert_eq!(
                KeyRing::from_jwks(&set).is_ok_and(|ring| ring.jwks(Timestamp::EPOCH).contains(X)),
                is_read,
                "{set}"
            );
        }
    }

    #[test]
    fn a_key_retires_when_the_file_says_so() {
        let json = format!(r#"{{"keys":[{}]}}"#, pair(X, r#","exp":1800000000"#));
        let ring = KeyRing::new(Key::from_key_file(&json).unwrap()).unwrap();
        for (now, keys) in [(1_799_999_999, 1), (1_800_000_000, 0)] {
            let jwks = ring.jwks(Timestamp::from_seconds(now));
            assert_eq!(jwks.matches("\"kid\"").count(), keys, "{now}");
        }
    }
}
