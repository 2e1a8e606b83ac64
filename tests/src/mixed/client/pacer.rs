//! Not more requests than a rate.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How much of what was missed may be made up for at once.
const SLACK: Duration = Duration::from_millis(100);

/// Gives every request its moment.
#[derive(Debug)]
pub(super) struct Pacer {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pacer {
    pub(super) fn new(rate: u32) -> Self {
        Self { gap: Duration::from_secs(1) / rate.max(1), next: Mutex::new(Instant::now()) }
    }

    pub(super) async fn turn(&self) {
        sleep_until(self.reserve(Instant::now())).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(now.checked_sub(SLACK).unwrap_or(now));
        *next = turn + self.gap;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_lie_apart_and_little_is_made_up_for() {
        let pacer = Pacer::new(100);
        let start = Instant::now();
        *pacer.next.lock().unwrap() = start;
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        for (now, turn) in [(0, 0), (0, 10), (0, 20), (25, 30), (1000, 900), (1000, 910)] {
            assert_eq!(pacer.reserve(after(now)), after(turn), "at {now}");
        }
    }
}
