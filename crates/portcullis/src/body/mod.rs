//! Small request bodies: JSON and forms, and the text fields in them, as DRF's parsers and its `CharField` take them.
//!
//! 1. The media type decides, in any case of letters and whatever its parameters: JSON, a URL-encoded form or a
//!    multipart one; anything else, also no type at all, is 415. An empty body is an empty one of any type.
//! 2. JSON is strict where Python's parser is not ([`json`]): no member twice, no NaN, no depth bomb, no BOM.
//! 3. Of two form fields of one name the last counts, as in Django's `QueryDict` ([`form`], [`multipart`]).
//! 4. A field is text or a number, which becomes text as Python writes it; booleans, lists and objects are not. Blank
//!    is tested after trimming; NUL and lone surrogates are refused.
//! 5. All fields are read before an answer is made, and their errors stand in the order of the fields.
//!
//! How much of a body is read at all is up to the caller.

mod form;
mod json;
mod multipart;

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::{Serialize, Serializer};

use crate::header::{joined, latin1};
use crate::secret::Secret;

/// The longest content type that DRF looks at, in characters.
const MAX_MEDIA_TYPE: usize = 256;

/// A parsed body.
#[derive(Debug)]
pub(crate) enum Body {
    /// A JSON object, or nothing.
    Object(Vec<(String, Value)>),
    /// A form.
    Form(Vec<(String, Value)>),
    /// The `null` of JSON.
    Null,
    /// Other JSON, by the name of its type in Python.
    NotAnObject(&'static str),
}

/// What stands in a field.
#[derive(Debug)]
pub(crate) enum Value {
    /// The `null` of JSON.
    Null,
    /// Text, or a number as text; and the first lone surrogate that was in it.
    Text(Secret, Option<u16>),
    /// A boolean, a list or an object.
    NotText,
}

/// What a field must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldRules {
    /// Whether white space around the text vanishes.
    pub(crate) trim: bool,
    /// Whether the text may be empty.
    pub(crate) allow_blank: bool,
}

impl FieldRules {
    /// Text without the white space around it, and not empty.
    pub(crate) const TRIMMED: Self = Self { trim: true, allow_blank: false };
    /// Text as it was sent, and not empty: a password (ASVS 5.0, 6.2.8).
    pub(crate) const AS_SENT: Self = Self { trim: false, allow_blank: false };
}

impl Body {
    /// Parses a body by its content type.
    pub(crate) fn parse(headers: &HeaderMap, body: &Bytes) -> Result<Self, BodyError> {
        if body.is_empty() {
            return Ok(Self::Object(Vec::new()));
        }
        let media_type = joined(headers, CONTENT_TYPE).map(|value| latin1(&value)).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            _ if media_type.len() > MAX_MEDIA_TYPE => Err(BodyError::unsupported(&media_type)),
            "application/json" => json::parse(body),
            "application/x-www-form-urlencoded" => form::urlencoded(body).map(Self::Form),
            "multipart/form-data" => multipart::parse(&media_type, body).map(Self::Form),
            _ => Err(BodyError::unsupported(&media_type)),
        }
    }

    /// Lends the text of a form field; JSON has none.
    pub(crate) fn form_field(&self, name: &str) -> Option<&str> {
        match (self, self.value(name)) {
            (Self::Form(_), Some(Value::Text(text, _))) => Some(text.expose_secret()),
            _ => None,
        }
    }

    /// Reads the text of one field; the error is what is wrong with it.
    pub(crate) fn field(&self, name: &str, rules: FieldRules) -> Result<Secret, Vec<String>> {
        let (secret, surrogate) = match self.value(name) {
            None => return Err(vec!["This field is required.".to_owned()]),
            Some(Value::Null) => return Err(vec!["This field may not be null.".to_owned()]),
            Some(Value::NotText) => return Err(vec!["Not a valid string.".to_owned()]),
            Some(Value::Text(text, surrogate)) => (text, *surrogate),
        };
        let text = secret.expose_secret();
        let text = if rules.trim { text.trim_matches(is_python_space) } else { text };
        if text.is_empty() && !rules.allow_blank {
            return Err(vec!["This field may not be blank.".to_owned()]);
        }
        let nul = text.contains('\0').then(|| "Null characters are not allowed.".to_owned());
        let surrogate = surrogate.map(|unit| format!("Surrogate characters are not allowed: U+{unit:X}."));
        let errors: Vec<_> = nul.into_iter().chain(surrogate).collect();
        if errors.is_empty() { Ok(Secret::from(text)) } else { Err(errors) }
    }

    /// Reads the texts of several fields.
    pub(crate) fn fields<const N: usize>(
        &self,
        wanted: [(&'static str, FieldRules); N],
    ) -> Result<[Secret; N], BodyError> {
        match self {
            Self::Null => return Err(BodyError::invalid("No data provided")),
            Self::NotAnObject(kind) => {
                let message = format!("Invalid data. Expected a dictionary, but got {kind}.");
                return Err(BodyError::invalid(message));
            }
            Self::Object(_) | Self::Form(_) => {}
        }
        let mut errors = Vec::new();
        let found = wanted.map(|(name, rules)| {
            self.field(name, rules).unwrap_or_else(|messages| {
                errors.push((name, messages));
                Secret::from("")
            })
        });
        if errors.is_empty() { Ok(found) } else { Err(BodyError::Invalid(errors)) }
    }

    /// Tells whether a field was sent, whatever is in it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(fields) | Self::Form(fields) => {
                fields.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value)
            }
            Self::Null | Self::NotAnObject(_) => None,
        }
    }
}

/// Why a body cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is not what its content type says: 400.
    Malformed(Cow<'static, str>),
    /// Its content type is none of ours: 415.
    UnsupportedMediaType(String),
    /// Its fields are wrong, each for its reasons: 400.
    Invalid(Vec<(&'static str, Vec<String>)>),
}

impl BodyError {
    /// Refuses the fields together, under DRF's `non_field_errors`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(vec![("non_field_errors", vec![message.into()])])
    }

    /// Returns the status of the answer.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// Makes the answer.
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn unsupported(media_type: &str) -> Self {
        Self::UnsupportedMediaType(media_type.chars().take(MAX_MEDIA_TYPE).collect())
    }
}

/// Writes the body of the answer, as DRF does.
impl Serialize for BodyError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Malformed(message) => serializer.collect_map([("detail", message)]),
            Self::UnsupportedMediaType(media_type) => {
                let detail = format!("Unsupported media type \"{media_type}\" in request.");
                serializer.collect_map([("detail", detail)])
            }
            Self::Invalid(fields) => {
                serializer.collect_map(fields.iter().map(|(name, messages)| (name, messages)))
            }
        }
    }
}

/// What `str.strip()` takes off: Unicode's white space and the four separators of ASCII.
fn is_python_space(letter: char) -> bool {
    letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter)
}

#[cfg(test)]
mod tests;
