//! An answer as text: the status, every header that Portcullis sets, the body; and what is expected in the same form.

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap};

/// The headers that Portcullis sets, and one that a refusal must not keep. The length, the date and the type of a
/// handler's own text are the framework's.
const HEADERS: [&str; 7] =
    ["allow", "cache-control", "location", "retry-after", "set-cookie", "vary", "www-authenticate"];

pub(super) const CHALLENGES: [&str; 2] = ["www-authenticate: Token", "www-authenticate: Basic realm=\"api\""];
pub(super) const JSON: &str = "content-type: application/json";
pub(super) const NO_STORE: &str = "cache-control: no-store";
pub(super) const VARY: &str = "vary: authorization, cookie";
pub(super) const STRANGER: &str = "Authentication credentials were not provided.";
pub(super) const DENIED: &str = "You do not have permission to perform this action.";
pub(super) const OUTAGE: &str = "Service temporarily unavailable, try again later.";

/// Shows what came back.
pub(super) fn shown(response: &Response<Bytes>) -> String {
    let mut lines = vec![response.status().as_u16().to_string()];
    lines.extend(headers(response.headers()));
    let body = String::from_utf8_lossy(response.body());
    let body = if body.len() > 400 { format!("{} bytes", body.len()) } else { body.into_owned() };
    lines.push(body);
    lines.join("\n")
}

/// Shows the headers that are compared, in the order of their names.
pub(super) fn headers(headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<_> =
        headers.keys().map(http::HeaderName::as_str).filter(|name| is_ours(name)).collect();
    if headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/json") {
        names.push("content-type");
    }
    names.sort_unstable();
    let lines =
        names.into_iter().flat_map(|name| headers.get_all(name).iter().map(move |value| (name, value)));
    lines.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))).collect()
}

/// What begins with `x-` is nobody's but ours: a slot of the guard that became visible.
fn is_ours(name: &str) -> bool {
    HEADERS.contains(&name) || name.starts_with("x-")
}

/// Compares an answer with what is expected, where `*` stands for a secret: letters, digits, `_`, `-`.
pub(super) fn fits(expected: &str, found: &str) -> bool {
    let Some((start, rest)) = expected.split_once('*') else { return expected == found };
    let Some(found) = found.strip_prefix(start) else { return false };
    let is_secret = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length = found.bytes().take_while(|byte| is_secret(*byte)).count();
    length >= 32 && found.get(length..).is_some_and(|found| fits(rest, found))
}

/// Expects these headers, in the order of their names.
pub(super) fn answer(status: u16, headers: &[&str], body: &str) -> String {
    let mut headers = headers.to_vec();
    headers.sort_by_key(|header| header.split(':').next());
    let status = status.to_string();
    [&[status.as_str()], &headers[..], &[body]].concat().join("\n")
}

/// Expects a handler's own text.
pub(super) fn says(body: &str) -> String {
    answer(200, &[VARY], body)
}

/// Expects DRF's body, and no further headers than those of a refusal.
pub(super) fn refused(status: u16, headers: &[&str], detail: &str) -> String {
    let body = format!(r#"{{"detail":"{}"}}"#, detail.replace('"', "\\\""));
    answer(status, &[headers, &[JSON, VARY]].concat(), &body)
}

/// Expects 401 with every challenge.
pub(super) fn unauthorized(detail: &str) -> String {
    refused(401, &CHALLENGES, detail)
}

pub(super) fn denied() -> String {
    refused(403, &[], DENIED)
}

/// Expects the 404 of a handler or a permission.
pub(super) fn hidden() -> String {
    refused(404, &[], "Not found.")
}

/// Expects the 404 of a path that nobody knows, which depends on nobody's credentials.
pub(super) fn unknown() -> String {
    answer(404, &[JSON], r#"{"detail":"Not found."}"#)
}

pub(super) fn not_allowed(method: &str, allow: &str) -> String {
    refused(405, &[&format!("allow: {allow}")], &format!("Method \"{method}\" not allowed."))
}

pub(super) fn outage() -> String {
    refused(503, &["retry-after: 1"], OUTAGE)
}

/// Expects the 500 of a program that is put together wrongly.
pub(super) fn misconfigured() -> String {
    answer(500, &[JSON], r#"{"detail":"A server error occurred."}"#)
}

/// Expects the 500 of a handler that asks the guard for what it has not.
pub(super) fn put_together_wrongly() -> String {
    refused(500, &[], "A server error occurred.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_a_secret() {
        let secret = "a-_Z4".repeat(8);
        for (name, expected, found, verdict) in [
            ("the same", "200\nok", "200\nok".to_owned(), true),
            ("another body", "200\nok", "200\nno".to_owned(), false),
            ("a secret", "a=*; Path=/", format!("a={secret}; Path=/"), true),
            ("a short secret", "a=*; Path=/", "a=abc; Path=/".to_owned(), false),
            ("another attribute", "a=*; Path=/", format!("a={secret}; Path=/x"), false),
            ("two secrets", "*.*", format!("{secret}.{secret}"), true),
            ("one of two", "*.*", secret, false),
        ] {
            assert_eq!(fits(expected, &found), verdict, "{name}");
        }
    }

    #[test]
    fn an_answer_shows_what_portcullis_sets() {
        let mut response = Response::new(Bytes::from_static(b"{}"));
        for (name, value) in [
            ("x-leak", "1"),
            ("vary", "cookie"),
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("date", "today"),
        ] {
            response.headers_mut().append(name, http::HeaderValue::from_static(value));
        }
        assert_eq!(shown(&response), "200\ncontent-type: application/json\nvary: cookie\nx-leak: 1\n{}");
    }
}
