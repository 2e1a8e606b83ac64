//! Security records: every login, failure, refusal and revocation, for an audit log and for spotting attacks.
//!
//! 1. An [`EventSink`] is told; it cannot change the outcome.
//! 2. An event says who and where: user, attempted name, scheme, client address, method, path.
//! 3. No event holds a secret; what a client sent is escaped when printed (CVE-2025-48432).

use std::fmt;
use std::net::IpAddr;

use crate::clock::Timestamp;
use crate::identity::Scheme;
use crate::user::UserId;

/// What happened.
///
/// # Examples
///
/// See [`EventSink`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A username and a password were right.
    LoginSucceeded,
    /// A username and a password were refused; the code says why.
    LoginFailed,
    /// A login was refused before its password was looked at: too many tries.
    LoginThrottled,
    /// A session was ended by its user.
    LoggedOut,
    /// Credentials were refused, or there were none where some are needed.
    Rejected,
    /// An act was refused.
    Denied,
    /// A request was one too many.
    Throttled,
    /// A request could not prove its origin.
    CsrfFailed,
    /// Portcullis could not decide; the code is `unavailable`.
    Unavailable,
    /// Someone who is not a trusted proxy sent the header that names a user.
    RemoteUserUntrusted,
    /// A handler that owed an object check answered without one; its answer was replaced.
    ObjectCheckMissing,
    /// A token was issued.
    TokenIssued,
    /// A token was revoked.
    TokenRevoked,
    /// A pair of JSON Web Tokens was issued.
    PairIssued,
    /// A refresh token was exchanged for another pair.
    PairRotated,
    /// A refresh token was used a second time, by its owner or a thief; the login was ended.
    RefreshReused,
    /// A refresh token was revoked, or all of a login or a user.
    RefreshRevoked,
    /// Sessions were ended from elsewhere.
    SessionsEnded,
    /// A session was refused because its user's password or rights changed since.
    SessionOutdated,
    /// A user was made.
    UserCreated,
    /// A user was deleted.
    UserDeleted,
    /// A password was set.
    PasswordChanged,
    /// A password's hash was replaced by a better one at login.
    PasswordUpgraded,
    /// A stored password hash cannot be read; its user cannot log in.
    PasswordHashUnreadable,
    /// A user was activated.
    UserActivated,
    /// A user was deactivated.
    UserDeactivated,
}

/// A security record.
///
/// # Examples
///
/// ```
/// use portcullis::{Event, EventKind};
///
/// let event = Event::new(EventKind::LoginFailed).with_username("john\r\nroot logged in");
/// assert_eq!(event.to_string(), r#"LoginFailed username="john\r\nroot logged in""#);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// When; filled in when the event is recorded.
    pub at: Timestamp,
    /// The user concerned, where one is known.
    pub user: Option<UserId>,
    /// The name that was tried, which may be nobody's.
    pub username: Option<&'a str>,
    /// The scheme of the credential.
    pub scheme: Option<Scheme>,
    /// The code of the refusal.
    pub code: Option<&'a str>,
    /// Where it came from.
    pub origin: Origin<'a>,
}

/// Where a request came from and what it wanted.
///
/// # Examples
///
/// ```
/// use portcullis::{Origin, RequestHead};
///
/// let (parts, ()) = http::Request::get("/api/books").body(()).unwrap().into_parts();
/// let head = RequestHead::new(&parts, Some([192, 0, 2, 7].into()));
/// assert_eq!(head.origin().path, Some("/api/books"));
/// assert_eq!(Origin::default().client, None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Origin<'a> {
    /// The client's address, behind the trusted proxies.
    pub client: Option<IpAddr>,
    /// The method.
    pub method: Option<&'a str>,
    /// The path, as it arrived.
    pub path: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Begins a record.
    #[must_use]
    pub fn new(kind: EventKind) -> Self {
        Self {
            kind,
            at: Timestamp::EPOCH,
            user: None,
            username: None,
            scheme: None,
            code: None,
            origin: Origin::default(),
        }
    }

    /// Says which user it concerns.
    #[must_use]
    pub fn with_user(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Says which name was tried.
    #[must_use]
    pub fn with_username(self, username: &'a str) -> Self {
        Self { username: Some(username), ..self }
    }

    /// Says by which scheme.
    #[must_use]
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..self }
    }

    /// Says why, in one word.
    #[must_use]
    pub fn with_code(self, code: &'a str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Says where it came from.
    #[must_use]
    pub fn with_origin(self, origin: Origin<'a>) -> Self {
        Self { origin, ..self }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        if let Some(user) = &self.user {
            write!(f, " user={:?}", user.to_string())?;
        }
        if let Some(scheme) = self.scheme {
            write!(f, " scheme={scheme}")?;
        }
        if let Some(client) = self.origin.client {
            write!(f, " client={client}")?;
        }
        let texts = [
            ("username", self.username),
            ("code", self.code),
            ("method", self.origin.method),
            ("path", self.origin.path),
        ];
        texts
            .iter()
            .filter_map(|(name, text)| text.map(|text| (name, text)))
            .try_for_each(|(name, text)| write!(f, " {name}={text:?}"))
    }
}

/// Is told every security record.
///
/// # Examples
///
/// ```
/// use portcullis::{Event, EventSink};
///
/// struct Printer;
/// impl EventSink for Printer {
///     fn record(&self, event: &Event<'_>) {
///         println!("{event}");
///     }
/// }
/// ```
///
/// # Security
///
/// It is called on the path of the request: it must not block and must not panic. Hand slow work to a queue.
pub trait EventSink: Send + Sync + 'static {
    /// Takes one record.
    fn record(&self, event: &Event<'_>);
}

/// Writes every record to `tracing`, target `portcullis::event`: refusals at DEBUG, the rest at INFO, alarms at WARN.
///
/// # Examples
///
/// See [`Environment`](crate::Environment).
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingSink;

impl EventSink for TracingSink {
    fn record(&self, event: &Event<'_>) {
        match event.kind {
            EventKind::Rejected | EventKind::Denied | EventKind::Throttled | EventKind::CsrfFailed => {
                tracing::debug!(target: "portcullis::event", "{event}");
            }
            EventKind::Unavailable
            | EventKind::RemoteUserUntrusted
            | EventKind::ObjectCheckMissing
            | EventKind::RefreshReused
            | EventKind::PasswordHashUnreadable => {
                tracing::warn!(target: "portcullis::event", "{event}");
            }
            _ => tracing::info!(target: "portcullis::event", "{event}"),
        }
    }
}
