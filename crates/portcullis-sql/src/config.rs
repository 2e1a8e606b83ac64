//! What an application may choose.

use std::num::NonZeroU32;
use std::time::Duration;

/// How a [`SqlStore`](crate::SqlStore) deals with its database.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis_sql::SqlConfig;
///
/// let config = SqlConfig::default().with_timeout(Duration::from_millis(500));
/// assert_eq!(config.timeout(), Duration::from_millis(500));
/// ```
#[derive(Debug, Clone)]
pub struct SqlConfig {
    timeout: Duration,
    connections: Option<NonZeroU32>,
}

impl Default for SqlConfig {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(2), connections: None }
    }
}

impl SqlConfig {
    /// Sets within what time every verb answers, waiting for a connection or a lock and connecting included (2 seconds
    /// unless set). In PostgreSQL no statement runs for longer than that on the server, either, but those of a migration.
    /// What is shorter than a millisecond or longer than an hour is taken for that.
    ///
    /// # Security
    ///
    /// A verb that has run out of time is an outage, and what it was to change may happen yet.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: timeout.clamp(Duration::from_millis(1), Duration::from_secs(3_600)), ..self }
    }

    /// Sets how many look-ups may be under way at once in SQLite (4 unless set), or how many verbs in PostgreSQL, each on a
    /// connection of its own (10 unless set). What comes on top waits its turn, within the time-out.
    #[must_use]
    pub fn with_connections(self, connections: NonZeroU32) -> Self {
        Self { connections: Some(connections), ..self }
    }

    /// Returns within what time every verb answers.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns how many connections there may be, if that was set.
    #[must_use]
    pub const fn connections(&self) -> Option<NonZeroU32> {
        self.connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_database_understands_is_taken_for_the_nearest() {
        let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(3_600));
        for (asked, taken) in [
            (Duration::ZERO, shortest),
            (Duration::from_micros(1), shortest),
            (Duration::from_secs(7), Duration::from_secs(7)),
            (Duration::from_secs(3_000_000), longest),
            (Duration::MAX, longest),
        ] {
            assert_eq!(SqlConfig::default().with_timeout(asked).timeout(), taken, "{asked:?}");
        }
    }
}
