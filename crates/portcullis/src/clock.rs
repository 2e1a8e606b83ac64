//! Time, which always comes from a [`Clock`].
//!
//! 1. Nothing in Portcullis reads the system's clock but [`SystemClock`], so every test can stop it.
//! 2. A [`Timestamp`] counts microseconds since the Unix epoch, in UTC; its arithmetic saturates and never panics.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Tells the time.
///
/// # Examples
///
/// ```
/// use portcullis::{Clock, Timestamp};
///
/// struct Stopped(Timestamp);
///
/// impl Clock for Stopped {
///     fn now(&self) -> Timestamp {
///         self.0
///     }
/// }
/// ```
///
/// # Security
///
/// A clock that runs behind lets credentials live longer than they should; one that jumps back makes expired ones
/// valid again. Use [`SystemClock`] outside tests.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present moment.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
///
/// # Examples
///
/// ```
/// use portcullis::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now() > Timestamp::from_seconds(1_700_000_000));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that may read the system's clock")]
    fn now(&self) -> Timestamp {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp::EPOCH.after(after),
            Err(before) => Timestamp::EPOCH.before(before.duration()),
        }
    }
}

/// A moment: microseconds since 1970-01-01T00:00:00Z.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::Timestamp;
///
/// let login = Timestamp::from_seconds(1_000);
/// let now = login.after(Duration::from_secs(90));
/// assert_eq!(now.since(login), Duration::from_secs(90));
/// assert_eq!(login.since(now), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// Later than every moment that matters: "never".
    pub const MAX: Self = Self(i64::MAX);

    /// Makes a moment of microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Makes a moment of whole seconds since the Unix epoch; what does not fit saturates.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Returns the microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns the whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Returns the moment `by` later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// Returns the moment `by` earlier.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }

    /// Returns the time passed since `earlier`, or nothing when it lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Writes RFC 3339, as DRF's `DateTimeField` does for UTC; a moment outside years 1 to 9999 is written in seconds.
///
/// # Examples
///
/// ```
/// use portcullis::Timestamp;
///
/// assert_eq!(Timestamp::from_seconds(1_700_000_000).to_string(), "2023-11-14T22:13:20Z");
/// ```
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000);
        match moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}", self.as_seconds()),
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.after(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_seconds(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(i64::MIN).before(Duration::MAX), Timestamp::from_micros(i64::MIN));
        assert_eq!(Timestamp::from_micros(i64::MIN).since(Timestamp::MAX), Duration::ZERO);
        assert_eq!(Timestamp::from_micros(-1).as_seconds(), -1);
    }
}
