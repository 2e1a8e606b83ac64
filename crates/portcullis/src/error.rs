//! Why a request is not served.
//!
//! 1. Four causes, four statuses: refused credentials 401, a refused act 403, too many tries 429, an outage 503. One
//!    never turns into another; a broken store is never "no such user".
//! 2. Messages and codes are Django REST framework's (`rest_framework/exceptions.py`); a client may rely on them.
//! 3. Nothing a client sent, no secret and no hint whether a user exists stands in a message.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::random::RandomError;

/// How long a client is asked to wait when no better number is known.
const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// The four ways in which a request is not served.
///
/// # Examples
///
/// ```
/// use portcullis::{Denial, Error};
///
/// let error = Error::from(Denial::default());
/// assert_eq!(error.status(), 403);
/// assert_eq!(error.to_string(), "You do not have permission to perform this action.");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The credentials were refused, or there were none: 401 (or 403, where nothing can be challenged for).
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Who asks is known, and may not: 403, or 404 where the denial hides.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Too many tries: 429.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Portcullis cannot decide: 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Error {
    /// Returns the status of the answer; a guard lowers 401 to 403 where no authenticator has a challenge.
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::Rejected(_) => http::StatusCode::UNAUTHORIZED,
            Self::Denied(denial) if denial.hidden => http::StatusCode::NOT_FOUND,
            Self::Denied(_) => http::StatusCode::FORBIDDEN,
            Self::Throttled(_) => http::StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns the code, a stable word for programs and translations.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Rejected(rejected) => rejected.code(),
            Self::Denied(denial) => denial.code(),
            Self::Throttled(_) => "throttled",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Returns the message for people; it is in the body of the answer.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Rejected(rejected) => Cow::Borrowed(rejected.message()),
            Self::Denied(denial) => Cow::Borrowed(denial.message()),
            Self::Throttled(throttled) => Cow::Owned(throttled.to_string()),
            Self::Unavailable(_) => Cow::Borrowed(Unavailable::MESSAGE),
        }
    }

    /// Returns how long the client should wait, for 429 and 503.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected(_) | Self::Denied(_) => None,
            Self::Throttled(throttled) => Some(throttled.wait),
            Self::Unavailable(unavailable) => Some(unavailable.retry_after),
        }
    }
}

impl From<RandomError> for Error {
    fn from(error: RandomError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Refused credentials, or none where some are needed.
///
/// # Examples
///
/// ```
/// use portcullis::Rejected;
///
/// let refusal = Rejected::new("No such device.");
/// assert_eq!(refusal.to_string(), "No such device.");
/// assert_eq!(refusal.code(), "authentication_failed");
/// ```
///
/// # Security
///
/// The message goes to the client: it must not tell whether the user exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    /// Further members of the body in JSON, each with a comma in front.
    members: &'static str,
}

impl Rejected {
    /// DRF's `NotAuthenticated`: nothing was sent.
    pub const NOT_AUTHENTICATED: Self = Self {
        code: Cow::Borrowed("not_authenticated"),
        message: Cow::Borrowed("Authentication credentials were not provided."),
        members: "",
    };

    /// Refuses with a message, DRF's `AuthenticationFailed`.
    #[must_use]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Cow::Borrowed("authentication_failed"), message: message.into(), members: "" }
    }

    /// Replaces the code.
    #[must_use]
    pub fn with_code(self, code: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Adds members to the body, as simplejwt does.
    #[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
    pub(crate) fn with_members(self, members: &'static str) -> Self {
        Self { members, ..self }
    }

    pub(crate) const fn members(&self) -> &'static str {
        self.members
    }
}

/// A refused act: why, and whether the client may know that the thing exists.
///
/// # Examples
///
/// ```
/// use portcullis::Denial;
///
/// let denial = Denial::new("Only authors and staff may do this.").with_code("authors_only");
/// assert_eq!(denial.code(), "authors_only");
/// assert!(Denial::default().hide().is_hidden());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct Denial {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    hidden: bool,
}

impl Default for Denial {
    fn default() -> Self {
        Self {
            code: Cow::Borrowed("permission_denied"),
            message: Cow::Borrowed("You do not have permission to perform this action."),
            hidden: false,
        }
    }
}

impl Denial {
    /// Denies with a message.
    #[must_use]
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Replaces the code.
    #[must_use]
    pub fn with_code(self, code: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// Answers 404 instead of 403, so that the client does not learn that the thing exists.
    #[must_use]
    pub fn hide(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Returns the code; a hidden denial's is `not_found`.
    #[must_use]
    pub fn code(&self) -> &str {
        if self.hidden { "not_found" } else { &self.code }
    }

    /// Tells whether the answer is 404.
    #[must_use]
    pub const fn is_hidden(&self) -> bool {
        self.hidden
    }

    fn message(&self) -> &str {
        if self.hidden { "Not found." } else { &self.message }
    }
}

/// Too many tries.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::Throttled;
///
/// let error = Throttled::new(Duration::from_millis(1_200));
/// assert_eq!(error.to_string(), "Request was throttled. Expected available in 2 seconds.");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttled {
    wait: Duration,
}

impl Throttled {
    /// Refuses for a while; the answer rounds up to whole seconds.
    #[must_use]
    pub const fn new(wait: Duration) -> Self {
        Self { wait }
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = whole_seconds(self.wait);
        let plural = if seconds == 1 { "" } else { "s" };
        write!(f, "Request was throttled. Expected available in {seconds} second{plural}.")
    }
}

impl std::error::Error for Throttled {}

/// Portcullis cannot decide: a store does not answer, the hashing pool is full, there is no randomness.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::Unavailable;
///
/// let outage = Unavailable::new("the database does not answer").with_retry_after(Duration::from_secs(5));
/// assert_eq!(outage.reason(), "the database does not answer");
/// ```
///
/// # Security
///
/// The reason is for logs and events; the client reads only that the service is unavailable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unavailable {
    reason: Cow<'static, str>,
    retry_after: Duration,
}

impl Unavailable {
    const MESSAGE: &'static str = "Service temporarily unavailable, try again later.";

    /// Says what cannot be reached.
    #[must_use]
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), retry_after: DEFAULT_RETRY }
    }

    /// Replaces how long the client is asked to wait: one second unless told.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }

    /// Returns the reason, for logs.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<RandomError> for Unavailable {
    fn from(error: RandomError) -> Self {
        Self::new(error.to_string())
    }
}

/// Rounds up to whole seconds, at least one, as `Retry-After` has it.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
