//! What a refusal looks like on the wire.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::error::{Error, Rejected, whole_seconds};
use crate::guard::Entry;
use crate::user::User;

/// Which challenges a 401 carries.
///
/// # Examples
///
/// ```
/// use portcullis::{ChallengePolicy, Guard, Tokens, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let users = Users::new(store.clone());
/// let guard = Guard::builder(users.clone())
///     .authenticate(Tokens::new(store).authenticator())
///     .authenticate(users.basic())
///     .challenge(ChallengePolicy::First) // `Token` alone, never a browser's password box
///     .build()?;
/// # let _ = guard;
/// # Ok::<(), portcullis::GuardError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChallengePolicy {
    /// Those of all authenticators of the route, in order; without any the answer is 403.
    #[default]
    All,
    /// The first authenticator's; when that one has none the answer is 403 (Django REST framework).
    First,
}

/// The body of an answer and its type.
///
/// # Examples
///
/// See [`Render`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendering {
    /// The `Content-Type`.
    pub content_type: HeaderValue,
    /// The body.
    pub body: Bytes,
}

impl Rendering {
    /// Makes a JSON body.
    #[must_use]
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self { content_type: HeaderValue::from_static("application/json"), body: body.into() }
    }
}

/// Makes the body of a refusal; the status and the headers are fixed.
///
/// # Examples
///
/// ```
/// use portcullis::{Error, Rendering};
///
/// let problem = |error: &Error, status: http::StatusCode| {
///     let body = format!(r#"{{"title":{:?},"status":{},"code":{:?}}}"#, error.message(), status.as_u16(), error.code());
///     Rendering { content_type: http::HeaderValue::from_static("application/problem+json"), body: body.into() }
/// };
/// # fn takes(_: impl portcullis::Render) {}
/// # takes(problem);
/// ```
///
/// # Security
///
/// Write nothing but what the error says: the reason of an outage is for logs alone.
pub trait Render: Send + Sync + 'static {
    /// Makes the body.
    fn render(&self, error: &Error, status: StatusCode) -> Rendering;
}

impl<F: Fn(&Error, StatusCode) -> Rendering + Send + Sync + 'static> Render for F {
    fn render(&self, error: &Error, status: StatusCode) -> Rendering {
        self(error, status)
    }
}

/// DRF's body: `{"detail": message}`.
pub(crate) fn detail(message: &str) -> Bytes {
    detail_and(message, "")
}

/// The same with further members, in JSON and each with a comma in front.
pub(crate) fn detail_and(message: &str, members: &str) -> Bytes {
    if message == "Authentication credentials were not provided." {
        return Bytes::from_static(br#"{"detail":"Authentication credentials were not provided."}"#);
    }
    if message.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        return [r#"{"detail":""#, message, "\"", members, "}"].concat().into();
    }
    let mut body = Vec::with_capacity(message.len() + members.len() + 16);
    body.extend_from_slice(br#"{"detail":"#);
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(&mut body, message);
    body.extend_from_slice(members.as_bytes());
    body.push(b'}');
    if message.contains(['\u{2028}', '\u{2029}']) {
        let text = String::from_utf8_lossy(&body);
        return text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029").into();
    }
    body.into()
}

/// Answers in DRF's form what is no refusal of a route: a body that cannot be read, a method that is not there.
pub(crate) fn plain(status: StatusCode, message: &str) -> Response<Bytes> {
    let mut response = Response::new(detail(message));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The body of refused credentials, with the members that simplejwt adds.
pub(crate) fn refused_body(rejected: &Rejected) -> Bytes {
    detail_and(rejected.message(), rejected.members())
}

/// What the answers of one route have in common.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The headers of a refusal in JSON.
    headers: HeaderMap,
    /// The same with the challenges.
    challenging: HeaderMap,
    vary: Option<HeaderValue>,
}

impl Answers {
    pub(crate) fn new<U: User>(entries: &[Entry<U>], policy: ChallengePolicy) -> Self {
        let considered = match policy {
            ChallengePolicy::All => entries,
            ChallengePolicy::First => entries.get(..1).unwrap_or_default(),
        };
        let challenges = considered.iter().filter_map(|entry| entry.authenticator().challenge());
        let mut headers: Vec<_> = entries.iter().filter_map(|entry| entry.authenticator().header()).collect();
        headers.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        headers.dedup();
        let names: Vec<_> = headers.iter().map(HeaderName::as_str).collect();
        let vary = HeaderValue::try_from(names.join(", ")).ok().filter(|vary| !vary.is_empty());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, Rendering::json("").content_type);
        headers.extend(vary.clone().map(|vary| (VARY, vary)));
        let mut challenging = headers.clone();
        for challenge in challenges {
            challenging.append(WWW_AUTHENTICATE, challenge.as_header().clone());
        }
        Self { headers, challenging, vary }
    }

    /// Tells which request headers the answer depends on.
    pub(crate) const fn vary(&self) -> Option<&HeaderValue> {
        self.vary.as_ref()
    }

    /// Tells whether the answer depends on a request header.
    pub(crate) fn varies_on(&self, header: &HeaderName) -> bool {
        let vary = self.vary.as_ref().and_then(|vary| vary.to_str().ok()).unwrap_or_default();
        vary.split(", ").any(|name| name == header.as_str())
    }

    /// Turns a refusal into an answer: status, challenges, `Retry-After`, body.
    pub(crate) fn refuse(&self, error: &Error, render: Option<&Arc<dyn Render>>) -> Response<Bytes> {
        let challenges = self.challenging.contains_key(WWW_AUTHENTICATE);
        let unchallenged = matches!(error, Error::Rejected(_)) && !challenges;
        let status = if unchallenged { StatusCode::FORBIDDEN } else { error.status() };
        let rendering = match (render, error) {
            (Some(render), _) => render.render(error, status),
            (None, Error::Rejected(rejected)) => Rendering::json(refused_body(rejected)),
            (None, error) => Rendering::json(detail(&error.message())),
        };
        let mut response = Response::new(rendering.body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let prepared = if status == StatusCode::UNAUTHORIZED { &self.challenging } else { &self.headers };
        // Room for what a framework adds, such as the length: a copy as it is would have to grow at once.
        headers.reserve(prepared.len() + 3);
        headers.extend(prepared.iter().map(|(name, value)| (name.clone(), value.clone())));
        if render.is_some() {
            headers.insert(CONTENT_TYPE, rendering.content_type);
        }
        if let Some(wait) = error.retry_after() {
            headers.insert(RETRY_AFTER, whole_seconds(wait).into());
        }
        response
    }
}

/// Says that an answer depends on request headers, once.
pub(crate) fn add_vary(headers: &mut HeaderMap, vary: &HeaderValue) {
    if headers.get_all(VARY).iter().all(|present| present != vary) {
        headers.append(VARY, vary.clone());
    }
}

/// Refuses with DRF's `NotAuthenticated`.
pub(crate) const fn not_authenticated() -> Error {
    Error::Rejected(Rejected::NOT_AUTHENTICATED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_is_escaped_json() {
        for (message, body) in [
            ("plain", r#"{"detail":"plain"}"#),
            ("a \"quote\"\n", r#"{"detail":"a \"quote\"\n"}"#),
            ("\u{2028}", r#"{"detail":"\u2028"}"#),
            ("zoë", r#"{"detail":"zoë"}"#),
        ] {
            assert_eq!(detail(message), body);
        }
    }
}
