//! The names of keys.
//!
//! 1. Each key has one hash tag, so that what one script touches lies in one slot of a cluster.
//! 2. What an application chose (ids of users) is escaped: no id ends a tag early, or reads as another id.
//! 3. All refresh tokens of one user share a tag; those of nobody share one by family.

use portcullis::store::RefreshRecord;
use portcullis::{Digest, UserId};

use crate::error::RedisError;

/// How many slots a cluster has.
pub(crate) const SLOTS: u16 = 16_384;

/// The names under one namespace.
#[derive(Debug, Clone)]
pub(crate) struct Names(String);

/// What the refresh tokens of one user, or of one family of nobody, share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag(String);

impl Names {
    pub(crate) fn new(namespace: &str) -> Result<Self, RedisError> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        if namespace.is_empty() || !namespace.bytes().all(is_good) {
            return Err(RedisError::Malformed(
                "a namespace is made of letters, digits, `_`, `-`, `.` and `:`".to_owned(),
            ));
        }
        Ok(Self(namespace.to_owned()))
    }

    pub(crate) fn session(&self, key: &Digest) -> String {
        format!("{}:s:{{{key}}}", self.0)
    }

    /// Where the keys of a user's sessions stand.
    pub(crate) fn sessions_of(&self, user: &str) -> String {
        format!("{}:su:{{{}}}", self.0, escape(user))
    }

    pub(crate) fn counter(&self, key: &Digest) -> String {
        format!("{}:c:{{{key}}}", self.0)
    }

    /// Where it stands whose a refresh token is.
    pub(crate) fn pointer(&self, id: &Digest) -> String {
        format!("{}:rp:{{{id}}}", self.0)
    }

    /// What the keys of refresh tokens of one tag begin with; the id follows.
    pub(crate) fn refresh_prefix(&self, tag: &Tag) -> String {
        format!("{}:r:{{{}}}:", self.0, tag.0)
    }

    pub(crate) fn refresh(&self, tag: &Tag, id: &Digest) -> String {
        format!("{}{id}", self.refresh_prefix(tag))
    }

    /// Where the live refresh tokens of one tag stand.
    pub(crate) fn live(&self, tag: &Tag) -> String {
        format!("{}:rl:{{{}}}", self.0, tag.0)
    }

    /// The pattern of all keys of one kind: `s`, `su`, `c`, `r`.
    pub(crate) fn pattern(&self, kind: &str) -> String {
        // Of what a namespace may hold nothing has a meaning in a pattern.
        format!("{}:{kind}:{{*", self.0)
    }

    /// Reads the digest out of the key of a session or a counter.
    pub(crate) fn digest_in(&self, kind: &str, key: &str) -> Option<Digest> {
        let rest = key.strip_prefix(&self.0)?.strip_prefix(':')?.strip_prefix(kind)?;
        rest.strip_prefix(":{")?.strip_suffix('}')?.parse().ok()
    }

    /// Reads out of the key of an index whose sessions it names, as a session writes its owner.
    pub(crate) fn owner_in(&self, key: &str) -> Option<String> {
        let rest = key.strip_prefix(&self.0)?.strip_prefix(":su:{")?;
        Some(format!("={}", unescape(rest.strip_suffix('}')?)?))
    }

    /// Reads the tag and the id out of the key of a refresh token.
    pub(crate) fn refresh_in(&self, key: &str) -> Option<(Tag, Digest)> {
        let rest = key.strip_prefix(&self.0)?.strip_prefix(":r:{")?;
        let (tag, id) = rest.split_once("}:")?;
        Some((Tag::read(tag)?, id.parse().ok()?))
    }
}

impl Tag {
    pub(crate) fn of_user(user: &UserId) -> Self {
        Self(format!("u{}", escape(&user.to_string())))
    }

    pub(crate) fn of(user: Option<&UserId>, family: &Digest) -> Self {
        user.map_or_else(|| Self(format!("f{family}")), Self::of_user)
    }

    pub(crate) fn of_record(record: &RefreshRecord) -> Self {
        Self::of(record.user.as_ref(), &record.family)
    }

    /// Reads what a pointer holds; what cannot be a tag would name foreign keys.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.%@".contains(&byte);
        (text.starts_with(['u', 'f']) && text.bytes().all(is_good)).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Writes anything as letters, digits, `_-.@` and `%` with two hexadecimal digits.
fn escape(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02x}"));
        }
        escaped
    })
}

/// Reads what `escape` wrote.
fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Tells the slot of a key (Redis Cluster specification, "Hash tags"; CRC16 XMODEM).
pub(crate) fn slot(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty())
        .unwrap_or(key);
    let crc =
        tag.bytes().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            })
        });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        for (key, expected) in [
            ("123456789", 0x31c3),
            ("foo", 12_182),
            ("a{foo}b", 12_182),
            ("{foo}{bar}", 12_182),
            ("{}foo", slot("{}foo")),
            ("", 0),
        ] {
            assert_eq!(slot(key), expected, "{key}");
        }
        assert_ne!(slot("{}foo"), slot("{}bar"));
    }

    #[test]
    fn no_id_of_a_user_leaves_its_tag_or_reads_as_another() {
        let names = Names::new("app:1").unwrap();
        let ids = ["", "1", "01", "}", "{}", "a}b", "%7d", "a b", "é", "u1", "f1", "\0", "a:b", "*", "?"];
        let mut seen = std::collections::HashSet::new();
        for id in ids {
            let tag = Tag::of_user(&id.into());
            assert_eq!(Tag::read(tag.as_str()), Some(tag.clone()), "{id}");
            let (row, live) = (names.refresh(&tag, &Digest::of("x")), names.live(&tag));
            assert_eq!(slot(&row), slot(&live), "{id}");
            assert_eq!(names.refresh_in(&row), Some((tag, Digest::of("x"))), "{id}");
            assert_eq!(names.owner_in(&names.sessions_of(id)), Some(format!("={id}")), "{id}");
            assert!(seen.insert(live) && seen.insert(names.sessions_of(id)), "{id}");
        }
        assert_ne!(Tag::of(None, &Digest::of("x")), Tag::of(Some(&"x".into()), &Digest::of("x")));
    }

    #[test]
    fn a_namespace_or_a_tag_that_could_name_foreign_keys_is_refused() {
        for bad in ["", "a{b", "a}", "a b", "a*", "é", "a\n"] {
            assert!(Names::new(bad).is_err(), "{bad}");
        }
        for bad in ["", "x1", "u}", "u{", "u*", "u a", "u\n"] {
            assert_eq!(Tag::read(bad), None, "{bad}");
        }
    }
}
