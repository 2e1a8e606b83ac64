//! Requests for tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request};

/// Begins a request; the rest is added with one word each.
///
/// # Examples
///
/// ```
/// use portcullis_testing::request;
///
/// let request = request("POST", "/api/books").basic("john", "secret123").json(&["a book"]).build();
/// assert_eq!(request.headers()["authorization"], "Basic am9objpzZWNyZXQxMjM=");
/// assert_eq!(request.body(), r#"["a book"]"#);
/// ```
///
/// # Panics
///
/// When the method or the URI is not one; a test should say what it means.
#[track_caller]
#[expect(clippy::expect_used, reason = "a test's own mistake should stop the test")]
pub fn request(method: &str, uri: &str) -> RequestBuilder {
    let request = Request::builder().method(method).uri(uri).body(Bytes::new());
    RequestBuilder(request.expect("a method and a URI"))
}

/// A request in the making; see [`request`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RequestBuilder(Request<Bytes>);

impl RequestBuilder {
    /// Adds a header; one that is there already stays.
    ///
    /// # Panics
    ///
    /// When the name or the value cannot stand in a header.
    #[track_caller]
    #[expect(clippy::expect_used, reason = "a test's own mistake should stop the test")]
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header's value");
        self.0.headers_mut().append(name, value);
        self
    }

    /// Adds a username and a password by HTTP Basic (RFC 7617).
    pub fn basic(self, username: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{username}:{password}"));
        self.header("authorization", format!("Basic {credentials}"))
    }

    /// Adds a token as DRF's `TokenAuthentication` takes it.
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Token {token}"))
    }

    /// Adds a token by the Bearer scheme (RFC 6750).
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Adds a cookie, in the one `Cookie` header (RFC 6265 section 5.4).
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        let before = self.0.headers_mut().remove(COOKIE);
        let mut cookies = before.map(|cookies| cookies.as_bytes().to_vec()).unwrap_or_default();
        if !cookies.is_empty() {
            cookies.extend_from_slice(b"; ");
        }
        cookies.extend_from_slice(format!("{name}={value}").as_bytes());
        self.header("cookie", cookies)
    }

    /// Replaces the body by JSON.
    ///
    /// # Panics
    ///
    /// When the value has no JSON form.
    #[track_caller]
    #[expect(clippy::expect_used, reason = "a test's own mistake should stop the test")]
    pub fn json(self, value: &(impl serde::Serialize + ?Sized)) -> Self {
        let json = serde_json::to_vec(value).expect("a value with a JSON form");
        self.body("application/json", json)
    }

    /// Replaces the body by a form.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", form)
    }

    /// Replaces the body and its type.
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.0.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        *self.0.body_mut() = body.into();
        self
    }

    /// Lends the headers as they are so far.
    #[must_use]
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.0.headers_mut()
    }

    /// Returns the request.
    #[must_use]
    pub fn build(self) -> Request<Bytes> {
        self.0
    }

    /// Returns the head alone, which is all that an authenticator sees.
    #[must_use]
    pub fn parts(self) -> Parts {
        self.0.into_parts().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_sets_what_it_says() {
        let request = request("PUT", "/x?y=1").token("abc").cookie("a", "1").cookie("b", "2");
        let request = request.form(&[("name", "J & M"), ("empty", "")]).build();
        assert_eq!((request.method().as_str(), request.uri().query()), ("PUT", Some("y=1")));
        assert_eq!(request.headers()["authorization"], "Token abc");
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(request.body(), "name=J+%26+M&empty=");
    }
}
