//! Time that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use portcullis::{Clock, Timestamp};

/// A clock that moves only when told; clones show the same time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::{Clock, Timestamp};
/// use portcullis_testing::FixedClock;
///
/// let clock = FixedClock::at(Timestamp::from_seconds(1_000));
/// let given_away = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(given_away.now(), Timestamp::from_seconds(1_060));
/// clock.set(Timestamp::EPOCH);
/// assert_eq!(given_away.now(), Timestamp::EPOCH);
/// ```
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    /// Makes a clock that shows a moment.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_micros())))
    }

    /// Shows another moment, earlier ones too.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let later = |micros| Some(Timestamp::from_micros(micros).after(by).as_micros());
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }
}

/// Shows 2025-01-01T00:00:00Z.
impl Default for FixedClock {
    fn default() -> Self {
        Self::at(Timestamp::from_seconds(1_735_689_600))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
