//! The header of a token (RFC 7515 section 4), written and read.
//!
//! 1. Only `alg`, `typ` and `kid` mean anything. `jku`, `jwk`, `x5u` and `x5c` are never looked at: a token does not bring
//!    its own key (RFC 8725 section 3.10, CVE-2018-0114).
//! 2. `crit` is refused whatever it lists, since nothing that it could list is understood (section 4.1.11); so are `zip`
//!    (a bomb), `b64` (RFC 7797) and `enc` (an encrypted token is another thing).
//! 3. A member that stands twice is refused.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{self, MapAccess};

use crate::jwt::algorithm::Algorithm;
use crate::jwt::json::{self, Malformed, Members, Scalar, once};

/// The longest header that is looked at, in base64url.
const MAX_HEADER: usize = 2048;

/// What a token says it is (`typ`, RFC 7515 section 4.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typ {
    /// `JWT`, or nothing.
    Plain,
    /// `at+jwt`: an access token (RFC 9068 section 2.1).
    Access,
    /// `rt+jwt`: a refresh token, by the same pattern.
    Refresh,
    /// Anything else.
    Other,
}

/// Those that are written, in the order of a key's prepared headers.
pub(super) const TYPS: [(Typ, &str); 3] =
    [(Typ::Plain, "JWT"), (Typ::Access, "at+jwt"), (Typ::Refresh, "rt+jwt")];

/// A header that was read.
#[derive(Debug, Default)]
pub(super) struct Header<'a> {
    algorithm: Option<Scalar<'a>>,
    typ: Option<Scalar<'a>>,
    id: Option<Scalar<'a>>,
    others: Vec<Cow<'a, str>>,
}

/// Splits the header off a token; nothing where there is none, or one that is longer than any honest one.
pub(super) fn split(token: &[u8]) -> Option<&[u8]> {
    let start = token.get(..token.len().min(MAX_HEADER))?;
    let end = start.iter().position(|byte| *byte == b'.')?;
    start.get(..end)
}

/// Writes the headers of a key's tokens, encoded, one for each of [`TYPS`]; the members stand as simplejwt writes them.
pub(super) fn encoded(algorithm: Algorithm, id: Option<&str>) -> [Box<str>; 3] {
    let id = id.map(|id| format!(r#""kid":{},"#, serde_json::Value::from(id))).unwrap_or_default();
    TYPS.map(|(_, typ)| {
        URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}",{id}"typ":"{typ}"}}"#)).into_boxed_str()
    })
}

/// Decodes a header into a buffer.
pub(super) fn decode(header: &[u8], buffer: &mut Vec<u8>) -> Result<(), Malformed> {
    URL_SAFE_NO_PAD.decode_vec(header, buffer).map_err(|_| Malformed)
}

impl<'a> Header<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Self, Malformed> {
        let mut header = Self::default();
        json::read(std::str::from_utf8(json).map_err(|_| Malformed)?, &mut header)?;
        let is_text = |member: &Option<Scalar<'_>>| {
            member.as_ref().is_none_or(|member| matches!(member, Scalar::Text(_)))
        };
        if is_text(&header.typ) && is_text(&header.id) { Ok(header) } else { Err(Malformed) }
    }

    pub(super) fn is_of(&self, algorithm: Algorithm) -> bool {
        self.algorithm.as_ref().and_then(Scalar::as_text) == Some(algorithm.as_str())
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_ref().and_then(Scalar::as_text)
    }

    /// Media types have no case, and `application/` may be left out (RFC 7515 section 4.1.9).
    pub(super) fn typ(&self) -> Typ {
        let Some(typ) = self.typ.as_ref().and_then(Scalar::as_text) else { return Typ::Plain };
        let prefix = "application/";
        let has_prefix = typ.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let name = if has_prefix { typ.get(prefix.len()..).unwrap_or_default() } else { typ };
        TYPS.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map_or(Typ::Other, |(typ, _)| *typ)
    }
}

impl<'de> Members<'de> for Header<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        match &*name {
            "alg" => once(&mut self.algorithm, map.next_value()?),
            "typ" => once(&mut self.typ, map.next_value()?),
            "kid" => once(&mut self.id, map.next_value()?),
            "crit" | "zip" | "b64" | "enc" => Err(de::Error::custom("not understood")),
            _ if self.others.contains(&name) => Err(de::Error::custom("a member stands twice")),
            _ => {
                self.others.push(name);
                json::shallow(map).map(drop)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_strictly() {
        for (json, id, typ, why) in [
            (r#"{"alg":"HS256"}"#, Some(None), Typ::Plain, "the least"),
            (r#"{"alg":"HS256","typ":"JWT","kid":"a"}"#, Some(Some("a")), Typ::Plain, "what we write"),
            (
                r#" {"typ":"AT+JWT","alg":"HS256"} "#,
                Some(None),
                Typ::Access,
                "no case, white space, any order",
            ),
            (r#"{"alg":"HS256","typ":"application/at+jwt"}"#, Some(None), Typ::Access, "the long form"),
            (r#"{"alg":"HS256","typ":"dpop+jwt"}"#, Some(None), Typ::Other, "another type"),
            (
                r#"{"alg":"HS256","jku":"http://evil.example","jwk":{"k":"eA"}}"#,
                Some(None),
                Typ::Plain,
                "never followed",
            ),
            (r#"{"\u0061lg":"HS256"}"#, Some(None), Typ::Plain, "an escape is the character"),
            (r#"{"alg":"HS256","alg":"HS256"}"#, None, Typ::Plain, "twice the same"),
            (r#"{"alg":"none","\u0061lg":"HS256"}"#, None, Typ::Plain, "twice, once escaped"),
            (r#"{"alg":"HS256","x":1,"x":1}"#, None, Typ::Plain, "twice, of no meaning"),
            (r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, None, Typ::Plain, "crit"),
            (r#"{"alg":"HS256","crit":[]}"#, None, Typ::Plain, "an empty crit"),
            (r#"{"alg":"HS256","zip":"DEF"}"#, None, Typ::Plain, "zip"),
            (r#"{"alg":"HS256","b64":true}"#, None, Typ::Plain, "b64"),
            (r#"{"alg":"HS256","enc":"A128GCM"}"#, None, Typ::Plain, "an encrypted token"),
            (r#"{"alg":"HS256","kid":1}"#, None, Typ::Plain, "a key id that is a number"),
            (r#"{"alg":"HS256","kid":null}"#, None, Typ::Plain, "a key id that is null"),
            (r#"{"alg":"HS256","typ":["JWT"]}"#, None, Typ::Plain, "a type that is a list"),
            (r#"["alg","HS256"]"#, None, Typ::Plain, "a list"),
            (r#""HS256""#, None, Typ::Plain, "a string"),
            (r#"{"alg":"HS256"}{}"#, None, Typ::Plain, "something behind it"),
            ("\u{feff}{\"alg\":\"HS256\"}", None, Typ::Plain, "a byte order mark"),
            ("", None, Typ::Plain, "nothing"),
        ] {
            let header = Header::read(json.as_bytes());
            assert_eq!(header.as_ref().ok().map(Header::id), id, "{why}");
            if let Ok(header) = header {
                assert!(header.is_of(Algorithm::HS256) && header.typ() == typ, "{why}");
            }
        }
        for (json, why) in [
            (r#"{"typ":"JWT"}"#, "no algorithm"),
            (r#"{"alg":"none"}"#, "none"),
            (r#"{"alg":"hs256"}"#, "lower case"),
            (r#"{"alg":"HS512"}"#, "another one"),
            (r#"{"alg":null}"#, "null"),
            (r#"{"alg":["HS256"]}"#, "a list"),
        ] {
            assert!(!Header::read(json.as_bytes()).unwrap().is_of(Algorithm::HS256), "{why}");
        }
        assert!(Header::read(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}").is_err(), "not UTF-8");
    }
}
