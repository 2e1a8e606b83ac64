//! How sessions look and how long they live.

use std::time::Duration;

use crate::cookie::{CookieConfig, Duplicates};
use crate::csrf::CsrfConfig;

const DAY: Duration = Duration::from_secs(86_400);

/// The cookie, the life time and the CSRF rules of sessions.
///
/// | | default | [`SessionConfig::django`] |
/// |---|---|---|
/// | cookie | `__Host-session`, `Secure` | `sessionid`, not `Secure` |
/// | ends unused after | 14 days | 14 days |
/// | use puts the end off | yes | no |
/// | ends in any case after | 30 days | never |
/// | CSRF secret | bound to the session | in the cookie `csrftoken` |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::SessionConfig;
///
/// let config = SessionConfig::default()
///     .with_idle(Duration::from_secs(15 * 60))
///     .with_absolute(Some(Duration::from_secs(12 * 3600)));
/// # let _ = config;
/// ```
#[derive(Debug, Clone)]
pub struct SessionConfig {
    pub(crate) cookie: CookieConfig,
    pub(crate) csrf: CsrfConfig,
    pub(crate) idle: Duration,
    pub(crate) absolute: Option<Duration>,
    pub(crate) slides: bool,
    pub(crate) persists: bool,
    pub(crate) duplicates: Duplicates,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            cookie: CookieConfig::hardened("session"),
            csrf: CsrfConfig::default(),
            idle: 14 * DAY,
            absolute: Some(30 * DAY),
            slides: true,
            persists: true,
            duplicates: Duplicates::Refuse,
        }
    }
}

impl SessionConfig {
    /// Takes Django's names and rules: no `Secure`, no absolute end, a double-submit CSRF cookie.
    #[must_use]
    pub fn django() -> Self {
        Self {
            cookie: CookieConfig::django("sessionid"),
            csrf: CsrfConfig::django(),
            absolute: None,
            slides: false,
            duplicates: Duplicates::LastWins,
            ..Self::default()
        }
    }

    /// Replaces the cookie.
    #[must_use]
    pub fn with_cookie(self, cookie: CookieConfig) -> Self {
        Self { cookie, ..self }
    }

    /// Replaces the CSRF rules.
    #[must_use]
    pub fn with_csrf(self, csrf: CsrfConfig) -> Self {
        Self { csrf, ..self }
    }

    /// Ends a session that rests unused that long.
    #[must_use]
    pub fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// Ends a session that long after its login, used or not; `None` for never.
    #[must_use]
    pub fn with_absolute(self, absolute: Option<Duration>) -> Self {
        Self { absolute, ..self }
    }

    /// Lets use put the end of a session off, or not.
    #[must_use]
    pub fn with_sliding(self, slides: bool) -> Self {
        Self { slides, ..self }
    }

    /// Refuses both of two session cookies with different values; so it is unless the configuration is Django's.
    #[must_use]
    pub fn with_one_cookie(self) -> Self {
        Self { duplicates: Duplicates::Refuse, ..self }
    }

    /// Sends a cookie that the browser forgets when it is closed.
    #[must_use]
    pub fn with_browser_length(self) -> Self {
        Self { persists: false, ..self }
    }
}
