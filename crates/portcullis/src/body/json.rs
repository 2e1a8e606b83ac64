//! Strict JSON.
//!
//! 1. UTF-8 without a BOM (RFC 8259 section 8.1); Python's parser refuses the same.
//! 2. No name twice in one object, at any depth (RFC 8259 section 4 leaves it open): a proxy and we could see two
//!    different users (ASVS 5.0, 15.3.7).
//! 3. At most 128 levels, so nothing recurses without end; neither NaN nor infinity.
//! 4. Numbers become text as Python's `str()` writes them; a lone surrogate is kept for the field to name.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Body, BodyError, Value};
use crate::secret::Secret;

/// The longest integer that Python turns into text (CVE-2020-10735).
const MAX_DIGITS: usize = 4300;

/// Parses a body that is not empty.
pub(super) fn parse(body: &[u8]) -> Result<Body, BodyError> {
    let text = std::str::from_utf8(body).map_err(malformed)?;
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if !text.starts_with('{') {
        return other(text);
    }
    let Members(members) = serde_json::from_str(text).map_err(malformed)?;
    let fields = members.into_iter().map(|(name, raw)| Ok((name, value(raw.get())?)));
    fields.collect::<Result<_, _>>().map(Body::Object)
}

/// Names the Python type of what is no object.
fn other(text: &str) -> Result<Body, BodyError> {
    Ok(match value(text)? {
        Value::Null => Body::Null,
        Value::NotText if text.starts_with('[') => Body::NotAnObject("list"),
        Value::NotText => Body::NotAnObject("bool"),
        Value::Text(..) if text.starts_with('"') => Body::NotAnObject("str"),
        Value::Text(..) if is_float(text) => Body::NotAnObject("float"),
        Value::Text(..) => Body::NotAnObject("int"),
    })
}

fn value(raw: &str) -> Result<Value, BodyError> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Wtf8>(raw).map_err(malformed).map(Wtf8::into_value),
        Some(b'-' | b'0'..=b'9') => number(raw),
        _ => {
            serde_json::from_str::<Strict>(raw).map_err(malformed)?;
            Ok(if raw == "null" { Value::Null } else { Value::NotText })
        }
    }
}

fn number(raw: &str) -> Result<Value, BodyError> {
    let raw: &RawValue = serde_json::from_str(raw).map_err(malformed)?;
    let raw = raw.get();
    let text = if !is_float(raw) {
        if raw.len() > MAX_DIGITS {
            return Err(malformed("integer out of range"));
        }
        if raw == "-0" { "0".to_owned() } else { raw.to_owned() }
    } else {
        let float: f64 = raw.parse().map_err(malformed)?;
        if !float.is_finite() {
            return Err(malformed("number out of range"));
        }
        python_repr(float)
    };
    Ok(Value::Text(Secret::new(text), None))
}

fn is_float(raw: &str) -> bool {
    raw.contains(['.', 'e', 'E'])
}

/// Writes a number as Python does: the digits are Rust's, the exponent has a sign and two digits.
fn python_repr(float: f64) -> String {
    let text = format!("{float:?}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// The parser's words come after DRF's; they hold positions and nothing that was sent.
fn malformed(error: impl fmt::Display) -> BodyError {
    BodyError::Malformed(Cow::Owned(format!("JSON parse error - {error}")))
}

/// The members of the outermost object, unparsed, so that a lone surrogate in one is that field's error.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut names, mut members) = (HashSet::new(), Vec::new());
                while let Some(name) = map.next_key::<String>()? {
                    is_new(&mut names, &name)?;
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

fn is_new<E: serde::de::Error>(names: &mut HashSet<String>, name: &str) -> Result<(), E> {
    if names.insert(name.to_owned()) { Ok(()) } else { Err(E::custom("duplicate member")) }
}

/// Any JSON without a member twice; its content is dropped.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            is_new(&mut names, &name)?;
            map.next_value::<Self>()?;
        }
        Ok(self)
    }
}

/// A string of JSON, in which surrogates may be alone.
struct Wtf8(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Wtf8 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Wtf8;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Wtf8, E> {
                Ok(Wtf8(Zeroizing::new(bytes.to_vec())))
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}

impl Wtf8 {
    fn into_value(self) -> Value {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Value::Text(Secret::from(text), None),
            Err(error) => {
                let surrogate = match self.0.get(error.valid_up_to()..) {
                    // U+D800 to U+DFFF in three bytes: 1110_1101, 10xx_xxxx, 10xx_xxxx.
                    Some([_, middle, last, ..]) => {
                        0xd000 | u16::from(middle & 0x3f) << 6 | u16::from(last & 0x3f)
                    }
                    _ => 0xfffd,
                };
                Value::Text(Secret::from(&*String::from_utf8_lossy(&self.0)), Some(surrogate))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        let rows = [
            ("0", "0"),
            ("-0", "0"),
            ("12345", "12345"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("0.0", "0.0"),
            ("-0.0", "-0.0"),
            ("1.50", "1.5"),
            ("1e2", "100.0"),
            ("1E15", "1000000000000000.0"),
            ("1e16", "1e+16"),
            ("1.5e300", "1.5e+300"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1.25e-7", "1.25e-07"),
            ("5e-324", "5e-324"),
            ("0.1", "0.1"),
            ("1e-400", "0.0"),
        ];
        for (raw, text) in rows {
            let Value::Text(found, None) = number(raw).unwrap() else { panic!("{raw} is a number") };
            assert_eq!(found.expose_secret(), text, "{raw}");
        }
        for raw in ["1e400", "-1e400", &"9".repeat(4301), "1.", "-", "01", "0x1", "1 2"] {
            assert!(matches!(number(raw), Err(BodyError::Malformed(_))), "{raw}");
        }
    }
}
