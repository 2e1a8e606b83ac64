//! The two pages, and the headers they are sent with.
//!
//! 1. They work without script; nothing is loaded from anywhere, and the content security policy says so.
//! 2. They hold names and CSRF tokens, so no cache keeps them, and no other site may frame them (clickjacking).
//! 3. askama escapes every value.

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::answer::empty;
use crate::seed::Person;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// The page for nobody.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// What was done.
    pub notice: Option<&'static str>,
    /// What went wrong.
    pub error: Option<String>,
    /// The masked token for the form.
    pub csrf_token: String,
    /// The name that was tried.
    pub username: String,
    /// Who may be tried: this is an example.
    pub people: &'static [Person],
}

/// The page for somebody.
#[derive(Debug, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// What was done.
    pub notice: Option<&'static str>,
    /// What went wrong.
    pub error: Option<String>,
    /// The masked token for the forms.
    pub csrf_token: String,
    /// Who is logged in.
    pub username: String,
    /// Whether that user is staff.
    pub is_staff: bool,
    /// The user's sessions, the one used last first.
    pub sessions: Vec<SessionRow>,
}

/// A session as its owner sees it.
#[derive(Debug)]
pub struct SessionRow {
    /// What the form sends back: the digest of the id, which logs nobody in.
    pub handle: String,
    /// The browser.
    pub label: String,
    /// How long ago it was used, in words.
    pub last_seen: String,
    /// Whether it is the session that asks.
    pub is_current: bool,
}

/// Answers a page.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Response<Bytes> {
    let Ok(html) = page.render() else { return empty(StatusCode::INTERNAL_SERVER_ERROR) };
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sent_is_escaped() {
        let page = LoginPage {
            notice: None,
            error: None,
            csrf_token: "t".into(),
            username: r#""><script>"#.into(),
            people: &[],
        };
        let html = page.render().unwrap();
        assert!(!html.contains("<script"), "{html}");
    }
}
