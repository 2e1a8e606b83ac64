//! CPU time, which other work on the machine disturbs less than wall-clock time.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Returns the seconds that this thread has computed.
#[must_use]
pub fn thread_seconds() -> f64 {
    seconds(clock_gettime(ClockId::ThreadCPUTime))
}

/// Returns the seconds that all threads of the process have computed.
#[must_use]
pub fn process_seconds() -> f64 {
    seconds(clock_gettime(ClockId::ProcessCPUTime))
}

#[expect(clippy::cast_precision_loss, reason = "seconds of CPU time are few")]
fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Returns the value in the middle; 0 of none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
