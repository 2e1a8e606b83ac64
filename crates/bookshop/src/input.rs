//! What a client sent, parsed as DRF's parsers do.
//!
//! 1. The body is parsed only when a view asks for it, so nobody learns of a malformed body before a 401 or 403.
//! 2. Media types compare without case and parameters; one that no parser reads is 415. An empty body is an empty
//!    object, whatever it claims to be.
//! 3. A JSON body that is no object has no fields: 400 with the errors of no field.

use http::{HeaderMap, StatusCode, header};
use portcullis::Rejection;
use serde_json::{Map, Value, json};

use crate::answer::{answer, detail};

/// The most that a view reads of a body, in bytes.
pub const MAX_BODY: usize = 2 * 1024 * 1024;

const MAX_CONTENT_TYPE: usize = 256;

/// Parses a body into fields.
///
/// # Errors
///
/// The answer: 400 or 415.
pub fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], http::HeaderValue::as_bytes);
    let content_type: String = content_type.iter().map(|byte| char::from(*byte)).collect();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        _ if content_type.len() > MAX_CONTENT_TYPE => Err(unsupported(&content_type)),
        "application/json" => json_fields(body),
        "application/x-www-form-urlencoded" => Ok(form_fields(body)),
        _ => Err(unsupported(&content_type)),
    }
}

fn unsupported(content_type: &str) -> Rejection {
    let message = format!("Unsupported media type \"{content_type}\" in request.");
    Rejection::answer(detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message))
}

fn json_fields(body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    let kind = match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => return Ok(fields),
        Ok(Value::Null) => return Err(no_field("No data provided")),
        Ok(Value::Bool(_)) => "bool",
        Ok(Value::Number(number)) if number.is_f64() => "float",
        Ok(Value::Number(_)) => "int",
        Ok(Value::String(_)) => "str",
        Ok(Value::Array(_)) => "list",
        Err(error) => {
            let message = format!("JSON parse error - {error}");
            return Err(Rejection::answer(detail(StatusCode::BAD_REQUEST, &message)));
        }
    };
    Err(no_field(&format!("Invalid data. Expected a dictionary, but got {kind}.")))
}

fn no_field(message: &str) -> Rejection {
    Rejection::answer(answer(StatusCode::BAD_REQUEST, &json!({ "non_field_errors": [message] })))
}

/// The last of several values of one name counts, as in Django's `QueryDict`.
fn form_fields(body: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_parsed_as_drf_parses_them() {
        let long = format!("application/json; x={}", "y".repeat(256));
        let json = "application/json";
        let form = "application/x-www-form-urlencoded";
        for (content_type, body, parsed) in [
            (json, r#"{"title": "New"}"#, Ok(json!({ "title": "New" }))),
            ("APPLICATION/JSON; charset=utf-8", "{}", Ok(json!({}))),
            (json, r#"{"title": "a", "title": "b"}"#, Ok(json!({ "title": "b" }))),
            (json, "", Ok(json!({}))),
            ("text/plain", "", Ok(json!({}))),
            (form, "title=a&title=b+c&x=%C3%AB", Ok(json!({ "title": "b c", "x": "ë" }))),
            (json, "{", Err(400)),
            (json, r#"{"title": NaN}"#, Err(400)),
            (json, "\u{feff}{}", Err(400)),
            (json, &"[".repeat(100_000), Err(400)),
            (json, "null", Err(400)),
            (json, "[]", Err(400)),
            (json, "12", Err(400)),
            ("", "hello", Err(415)),
            ("garbage", "x", Err(415)),
            ("application/vnd.api+json", "{}", Err(415)),
            (&long, "{}", Err(415)),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]);
            let got = parse(&headers, body.as_bytes()).map(Value::Object);
            assert_eq!(
                got.map_err(|refusal| refusal.into_response().status().as_u16()),
                parsed,
                "{content_type} {body:.40}"
            );
        }
    }
}
