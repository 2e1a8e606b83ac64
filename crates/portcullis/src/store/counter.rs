//! The contract for counters of tries, and the decision that every store applies.
//!
//! 1. A try is taken before what it guards runs, in one atomic step: a crowd never gets more than the limit.
//! 2. A refused try is not recorded, so that asking too often prolongs nothing (DRF `throttle_failure`).
//! 3. A clock that jumps back grants nothing more, and locks a key for at most one period: what lies further in the
//!    future than a limit can put it is pulled back, and the store writes that down.
//! 4. The arithmetic saturates: whatever numbers a store hands back, nothing panics.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::store::{Purged, StoreError};

/// How many tries in how long, and how they are counted.
///
/// # Examples
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use portcullis::Timestamp;
/// use portcullis::store::{CounterState, Limit, Reserved};
///
/// let limit = Limit::new(NonZeroU32::MIN, Duration::from_secs(60));
/// let (mut state, now) = (CounterState::default(), Timestamp::from_seconds(1_800_000_000));
/// assert_eq!(limit.reserve(&mut state, now), Reserved::Granted);
/// assert_eq!(limit.reserve(&mut state, now), Reserved::Refused { wait: Duration::from_secs(60) });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limit {
    /// How many tries.
    pub tries: NonZeroU32,
    /// In how long.
    pub period: Duration,
    /// How they are counted.
    pub algorithm: Algorithm,
}

/// How tries are counted.
///
/// # Examples
///
/// See [`Limit::with_algorithm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// All tries at once, then one back each period divided by tries; two numbers per key.
    #[default]
    Gcra,
    /// Django REST framework's sliding log; one number per try.
    Log,
}

/// What became of a try.
///
/// # Examples
///
/// See [`Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a refused try must not go on"]
pub enum Reserved {
    /// It was there, and is taken.
    Granted,
    /// None is left; the next one comes after a while.
    Refused {
        /// How long that is.
        wait: Duration,
    },
}

/// What a store keeps for one key: a few numbers, microseconds since the Unix epoch, that only a [`Limit`] understands.
///
/// # Examples
///
/// See [`Limit`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CounterState(Vec<i64>);

impl CounterState {
    /// Takes the numbers that a store kept.
    #[must_use]
    pub const fn from_micros(micros: Vec<i64>) -> Self {
        Self(micros)
    }

    /// Lends the numbers for a store to keep.
    #[must_use]
    pub fn as_micros(&self) -> &[i64] {
        &self.0
    }

    /// Returns when all its tries have come back, so that the counter may be forgotten.
    #[must_use]
    pub fn ends_at(&self, limit: &Limit) -> Timestamp {
        let Some(first) = self.0.iter().copied().max() else { return Timestamp::from_micros(i64::MIN) };
        match limit.algorithm {
            Algorithm::Gcra => Timestamp::from_micros(first),
            Algorithm::Log => Timestamp::from_micros(first.saturating_add(limit.span())),
        }
    }
}

impl Limit {
    /// Counts with [`Algorithm::Gcra`].
    #[must_use]
    pub const fn new(tries: NonZeroU32, period: Duration) -> Self {
        Self { tries, period, algorithm: Algorithm::Gcra }
    }

    /// Replaces how tries are counted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use portcullis::store::{Algorithm, Limit};
    ///
    /// let limit = Limit::new(NonZeroU32::MIN, Duration::from_secs(60)).with_algorithm(Algorithm::Log);
    /// # let _ = limit;
    /// ```
    #[must_use]
    pub const fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// Takes one try if there is one; a store writes the state back when it has changed, also after a refusal.
    pub fn reserve(&self, state: &mut CounterState, now: Timestamp) -> Reserved {
        match self.algorithm {
            Algorithm::Gcra => self.reserve_gcra(state, now.as_micros()),
            Algorithm::Log => self.reserve_log(state, now.as_micros()),
        }
    }

    /// Returns one try that was taken at a moment; nothing happens when it has come back by itself.
    pub fn give_back(&self, state: &mut CounterState, at: Timestamp) {
        let at = at.as_micros();
        match (self.algorithm, state.0.as_mut_slice()) {
            // Since a counter was last empty, each try owes one interval; what was taken before owes nothing more.
            (Algorithm::Gcra, [arrival, busy_since]) if *busy_since <= at && at < *arrival => {
                *arrival = arrival.saturating_sub(self.interval());
            }
            (Algorithm::Gcra, _) => {}
            (Algorithm::Log, tries) => {
                if let Some(place) = tries.iter().position(|taken| *taken == at) {
                    state.0.remove(place);
                }
            }
        }
    }

    /// Keeps the moment when all tries will have come back, and since when some are missing.
    fn reserve_gcra(&self, state: &mut CounterState, now: i64) -> Reserved {
        let full = now.saturating_add(self.interval().saturating_mul(self.tries.get().into()));
        let arrival = state.0.iter().copied().max().unwrap_or(i64::MIN);
        let busy_since = state.0.get(1).copied().unwrap_or(arrival).min(now);
        let (arrival, busy_since) = if arrival <= now { (now, now) } else { (arrival.min(full), busy_since) };
        let next = arrival.saturating_add(self.interval());
        if next > full {
            state.0 = vec![arrival, busy_since];
            return Reserved::Refused { wait: micros(next.saturating_sub(full)) };
        }
        state.0 = vec![next, busy_since];
        Reserved::Granted
    }

    /// Keeps the tries, newest first (DRF `SimpleRateThrottle.allow_request`).
    fn reserve_log(&self, state: &mut CounterState, now: i64) -> Reserved {
        let ended = now.saturating_sub(self.span());
        state.0.retain(|taken| *taken > ended);
        state.0.iter_mut().for_each(|taken| *taken = (*taken).min(now));
        let last = usize::try_from(self.tries.get() - 1).unwrap_or(usize::MAX);
        // DRF's wait, (period - (now - oldest)) / (N - len + 1), where len is N; it has none where a lowered limit leaves more.
        if let Some(taken) = state.0.get(last) {
            return Reserved::Refused { wait: micros(taken.saturating_sub(ended)) };
        }
        state.0.insert(0, now);
        Reserved::Granted
    }

    /// How long until one more try comes back; rounded up, so that no more come back than the limit says.
    fn interval(&self) -> i64 {
        let tries = i64::from(self.tries.get());
        (self.span() / tries).saturating_add(i64::from(self.span() % tries > 0))
    }

    fn span(&self) -> i64 {
        i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX).max(1)
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Keeps counters of tries by digest.
///
/// # Examples
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use portcullis::store::{CounterStore, Limit, MemoryStore, Reserved};
/// use portcullis::{Digest, Timestamp};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let (key, limit) = (Digest::of("reports of 192.0.2.7"), Limit::new(NonZeroU32::MIN, Duration::from_secs(60)));
/// assert_eq!(store.reserve(&key, &limit, Timestamp::EPOCH).await?, Reserved::Granted);
/// assert_ne!(store.reserve(&key, &limit, Timestamp::EPOCH).await?, Reserved::Granted);
/// # Ok::<(), portcullis::store::StoreError>(())
/// # }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not keep counters",
    label = "not a `CounterStore`",
    note = "where records lie in one store and users in another, join them: `Mixed::new(records, users)`"
)]
#[async_trait]
pub trait CounterStore: Send + Sync + 'static {
    /// Takes one try from a counter if there is one, in one atomic step: [`Limit::reserve`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that the try was taken.
    ///
    /// # Security
    ///
    /// Two nodes that both read before one of them writes grant more than the limit: passwords are guessed that way.
    async fn reserve(&self, key: &Digest, limit: &Limit, now: Timestamp) -> Result<Reserved, StoreError>;

    /// Returns one try that was reserved at a moment: [`Limit::give_back`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn give_back(&self, key: &Digest, limit: &Limit, at: Timestamp) -> Result<(), StoreError>;

    /// Deletes at most `limit` counters that ended by `now`, and tells whether that was all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Algorithm; 2] = [Algorithm::Gcra, Algorithm::Log];

    fn limit(tries: u32, seconds: u64, algorithm: Algorithm) -> Limit {
        Limit::new(NonZeroU32::new(tries).unwrap(), Duration::from_secs(seconds)).with_algorithm(algorithm)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn granted(limit: &Limit, state: &mut CounterState, now: Timestamp, tries: usize) -> usize {
        (0..tries).filter(|_| limit.reserve(state, now) == Reserved::Granted).count()
    }

    fn wait(limit: &Limit, state: &mut CounterState, now: Timestamp) -> Option<u64> {
        match limit.reserve(state, now) {
            Reserved::Granted => None,
            Reserved::Refused { wait } => Some(wait.as_secs()),
        }
    }

    #[test]
    fn tries_come_back_one_by_one_or_as_they_were_taken() {
        for (algorithm, first_wait, at_20) in [(Algorithm::Gcra, 20, 1), (Algorithm::Log, 60, 0)] {
            let (limit, mut state) = (limit(3, 60, algorithm), CounterState::default());
            assert_eq!(granted(&limit, &mut state, at(0), 10), 3, "{algorithm:?}");
            assert_eq!(wait(&limit, &mut state, at(0)), Some(first_wait), "{algorithm:?}");
            assert_eq!(granted(&limit, &mut state, at(20), 10), at_20, "{algorithm:?}");
            assert_eq!(granted(&limit, &mut state, at(200), 10), 3, "{algorithm:?}");
        }
    }

    #[test]
    fn a_clock_that_jumps_back_grants_nothing_and_locks_for_one_period_at_most() {
        for algorithm in BOTH {
            let (limit, mut state) = (limit(3, 60, algorithm), CounterState::default());
            assert_eq!(granted(&limit, &mut state, at(1_000_000), 10), 3);
            assert_eq!(granted(&limit, &mut state, at(0), 10), 0, "{algorithm:?}");
            assert!(state.ends_at(&limit) <= at(60), "{algorithm:?}");
            assert_eq!(granted(&limit, &mut state, at(61), 10), 3, "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_once_more() {
        for algorithm in BOTH {
            let (limit, mut state) = (limit(3, 60, algorithm), CounterState::default());
            assert_eq!(granted(&limit, &mut state, at(0), 3), 3);
            limit.give_back(&mut state, at(0));
            assert_eq!(granted(&limit, &mut state, at(0), 10), 1, "{algorithm:?}");
        }
    }

    #[test]
    fn what_came_back_by_itself_is_not_given_back_again() {
        for algorithm in BOTH {
            let (limit, mut state) = (limit(3, 60, algorithm), CounterState::default());
            assert_eq!(granted(&limit, &mut state, at(0), 1), 1);
            assert_eq!(granted(&limit, &mut state, at(100), 3), 3);
            limit.give_back(&mut state, at(0));
            assert_eq!(granted(&limit, &mut state, at(100), 10), 0, "{algorithm:?}");
        }
    }

    #[test]
    fn no_number_panics_or_opens_a_full_counter() {
        let moments = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_micros);
        for algorithm in BOTH {
            for (tries, period) in
                [(1, Duration::ZERO), (u32::MAX, Duration::MAX), (7, Duration::from_micros(3))]
            {
                let limit = Limit::new(NonZeroU32::new(tries).unwrap(), period).with_algorithm(algorithm);
                for now in moments {
                    for state in [vec![], vec![i64::MIN], vec![i64::MAX; 9], vec![0, i64::MIN, i64::MAX]] {
                        let mut state = CounterState::from_micros(state);
                        let _ = limit.reserve(&mut state, now);
                        limit.give_back(&mut state, now);
                        let _ = state.ends_at(&limit);
                    }
                }
            }
        }
        let mut strange = CounterState::from_micros(vec![i64::MAX; 9]);
        assert_eq!(granted(&limit(3, 60, Algorithm::Gcra), &mut strange, at(0), 9), 0);
    }

    #[test]
    fn the_interval_never_rounds_to_more_than_the_limit() {
        let limit = Limit::new(NonZeroU32::new(7).unwrap(), Duration::from_micros(10));
        let mut state = CounterState::default();
        let burst = granted(&limit, &mut state, Timestamp::EPOCH, 100);
        let later: usize =
            (1..=1_000).map(|now| granted(&limit, &mut state, Timestamp::from_micros(now), 100)).sum();
        assert_eq!(burst, 7);
        assert!(later <= 700, "{later}");
    }

    #[test]
    fn a_lowered_limit_waits_for_enough_tries_to_end() {
        let (many, few) = (limit(5, 60, Algorithm::Log), limit(2, 60, Algorithm::Log));
        let mut state = CounterState::default();
        for second in 0..5 {
            assert_eq!(wait(&many, &mut state, at(second)), None);
        }
        assert_eq!(wait(&few, &mut state, at(5)), Some(58));
    }
}
