//! URL-encoded forms.
//!
//! 1. At most 1000 fields (Django's `DATA_UPLOAD_MAX_NUMBER_FIELDS`).
//! 2. What is not UTF-8 becomes replacement characters; a body that is not UTF-8 as a whole is Latin-1, as in Django's
//!    `QueryDict`.

use std::borrow::Cow;

use super::{BodyError, Value};
use crate::header::latin1;
use crate::secret::Secret;

pub(super) const MAX_FIELDS: usize = 1000;

pub(super) type Fields = Vec<(String, Value)>;

/// Parses `application/x-www-form-urlencoded`.
pub(super) fn urlencoded(body: &[u8]) -> Result<Fields, BodyError> {
    if body.split(|byte| *byte == b'&').nth(MAX_FIELDS).is_some() {
        return Err(too_many());
    }
    let text = std::str::from_utf8(body).map_or_else(|_| Cow::Owned(latin1(body)), Cow::Borrowed);
    let pairs = form_urlencoded::parse(text.as_bytes());
    Ok(pairs.map(|(name, text)| (name.into_owned(), value(text))).collect())
}

pub(super) fn value(text: Cow<'_, str>) -> Value {
    Value::Text(Secret::new(text.into_owned()), None)
}

pub(super) const fn too_many() -> BodyError {
    BodyError::Malformed(Cow::Borrowed("Too many fields."))
}
