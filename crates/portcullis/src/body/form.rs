//! Forms, URL-encoded and multipart.
//!
//! 1. At most 1000 fields (Django's `DATA_UPLOAD_MAX_NUMBER_FIELDS`).
//! 2. What is not UTF-8 becomes replacement characters; a URL-encoded body that is not UTF-8 as a whole is Latin-1, as
//!    in Django's `QueryDict`.
//! 3. Files, and parts without a name, are passed over. A multipart body that ends before its last boundary is refused.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};

use super::{BodyError, Value};
use crate::header::latin1;
use crate::secret::Secret;

const MAX_FIELDS: usize = 1000;
/// The longest boundary (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;

type Fields = Vec<(String, Value)>;

/// Parses `application/x-www-form-urlencoded`.
pub(super) fn urlencoded(body: &[u8]) -> Result<Fields, BodyError> {
    if body.split(|byte| *byte == b'&').nth(MAX_FIELDS).is_some() {
        return Err(too_many());
    }
    let text = std::str::from_utf8(body).map_or_else(|_| Cow::Owned(latin1(body)), Cow::Borrowed);
    let pairs = form_urlencoded::parse(text.as_bytes());
    Ok(pairs.map(|(name, text)| (name.into_owned(), value(text))).collect())
}

/// Parses `multipart/form-data`; all of it is there, so nothing waits.
pub(super) fn multipart(media_type: &str, body: &Bytes) -> Result<Fields, BodyError> {
    let boundary = multer::parse_boundary(media_type)
        .ok()
        .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
        .ok_or(BodyError::Malformed(Cow::Borrowed("Multipart form parse error - Invalid boundary.")))?;
    let stream = stream::iter([Ok::<_, Infallible>(body.clone())]);
    let incomplete = || BodyError::Malformed(Cow::Borrowed("Multipart form parse error - Incomplete body."));
    read(multer::Multipart::new(stream, boundary)).now_or_never().ok_or_else(incomplete)?
}

async fn read(mut multipart: multer::Multipart<'_>) -> Result<Fields, BodyError> {
    let malformed = |_| BodyError::Malformed(Cow::Borrowed("Multipart form parse error - Invalid part."));
    let (mut fields, mut parts) = (Vec::new(), 0);
    while let Some(field) = multipart.next_field().await.map_err(malformed)? {
        parts += 1;
        if parts > MAX_FIELDS {
            return Err(too_many());
        }
        match field.name().map(ToOwned::to_owned) {
            Some(name) if field.file_name().is_none() => {
                let bytes = field.bytes().await.map_err(malformed)?;
                fields.push((name, value(String::from_utf8_lossy(&bytes))));
            }
            _ => {}
        }
    }
    Ok(fields)
}

fn value(text: Cow<'_, str>) -> Value {
    Value::Text(Secret::new(text.into_owned()), None)
}

const fn too_many() -> BodyError {
    BodyError::Malformed(Cow::Borrowed("Too many fields."))
}
