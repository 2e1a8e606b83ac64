//! The requests that clients make.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::Value;

use super::tally::Failure;
use super::wire::Content;
use crate::replay::Problem;

/// A header that says who one is.
pub(super) type Credential = (HeaderName, HeaderValue);

pub(super) fn bearer(token: &str) -> Result<Credential, Failure> {
    header(AUTHORIZATION, &format!("Bearer {token}"))
}

pub(super) fn token(token: &str) -> Result<Credential, Failure> {
    header(AUTHORIZATION, &format!("Token {token}"))
}

pub(super) fn basic(name: &str, password: &str) -> Result<Credential, Failure> {
    header(AUTHORIZATION, &format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
}

pub(super) fn cookie(cookie: &str) -> Result<Credential, Failure> {
    header(COOKIE, cookie)
}

pub(super) fn header(name: HeaderName, value: &str) -> Result<Credential, Failure> {
    Ok((name, HeaderValue::try_from(value).map_err(Problem::from)?))
}

/// A text that differs in one character near its end, where all of its bits count.
pub(super) fn altered(text: &str) -> String {
    let place = text.len().saturating_sub(10);
    let other = |c| if c == 'A' { 'B' } else { 'A' };
    text.char_indices().map(|(index, c)| if index == place { other(c) } else { c }).collect()
}

pub(super) fn get(path: &'static str) -> Request<Content> {
    let mut request = Request::new(Content::whole(""));
    *request.uri_mut() = Uri::from_static(path);
    request
}

pub(super) fn post(path: &'static str, content: Content) -> Request<Content> {
    let mut request = Request::new(content);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(path);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    request
}

pub(super) fn post_json(path: &'static str, json: &Value) -> Request<Content> {
    let mut request = post(path, Content::whole(&json.to_string()));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// Adds headers to a request.
pub(super) trait With {
    fn with(self, headers: impl IntoIterator<Item = Credential>) -> Self;
}

impl With for Request<Content> {
    fn with(mut self, headers: impl IntoIterator<Item = Credential>) -> Self {
        self.headers_mut().extend(headers);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_altered_in_one_place() {
        for (text, other) in
            [("aaaaaaaaaaaa", "aaAaaaaaaaaa"), ("bAbbbbbbbbb", "bBbbbbbbbbb"), ("a", "A"), ("", "")]
        {
            assert_eq!(altered(text), other);
        }
    }
}
