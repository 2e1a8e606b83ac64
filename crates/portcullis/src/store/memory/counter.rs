//! Counters in memory, bounded.
//!
//! 1. There are at most [`CAPACITY`] of them. Ended ones are swept while others are added; then the one that ends first
//!    makes room, so that a flood of strangers with one try each does not reset the counter of an account under attack.
//! 2. Whoever floods knows the texts behind the keys and can compute their digests, so that the first bytes of a digest
//!    are no hash here as they are for secrets: the table hashes them with a key of its own (SipHash).

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::store::{CounterState, CounterStore, Limit, Purged, Reserved, StoreError};

/// How many counters are kept.
const CAPACITY: usize = 100_000;
/// How many ended ones at most are dropped for each that is added.
const STEPS: usize = 4;

type Key = [u8; 32];

#[derive(Default)]
pub(super) struct Counters {
    rows: HashMap<Key, Counter, RandomState>,
    by_end: BTreeSet<(Timestamp, Key)>,
}

struct Counter {
    state: CounterState,
    ends_at: Timestamp,
}

impl Counters {
    fn reserve(&mut self, key: Key, limit: &Limit, now: Timestamp) -> Reserved {
        let mut state = match self.rows.get_mut(&key) {
            Some(counter) => std::mem::take(&mut counter.state),
            None => {
                self.make_room(now);
                CounterState::default()
            }
        };
        let reserved = limit.reserve(&mut state, now);
        self.put(key, state, limit);
        reserved
    }

    fn give_back(&mut self, key: Key, limit: &Limit, at: Timestamp) {
        if let Some(counter) = self.rows.get_mut(&key) {
            let mut state = std::mem::take(&mut counter.state);
            limit.give_back(&mut state, at);
            self.put(key, state, limit);
        }
    }

    fn put(&mut self, key: Key, state: CounterState, limit: &Limit) {
        let ends_at = state.ends_at(limit);
        if let Some(old) = self.rows.insert(key, Counter { state, ends_at }) {
            self.by_end.remove(&(old.ends_at, key));
        }
        self.by_end.insert((ends_at, key));
    }

    fn make_room(&mut self, now: Timestamp) {
        for _ in 0..STEPS {
            self.remove_first(|ends_at, _| ends_at <= now);
        }
        self.remove_first(|_, count| count >= CAPACITY);
    }

    /// Removes the counter that ends first if it may go, and tells whether it went.
    fn remove_first(&mut self, may_go: impl FnOnce(Timestamp, usize) -> bool) -> bool {
        let goes = self.by_end.first().is_some_and(|(ends_at, _)| may_go(*ends_at, self.rows.len()));
        let gone = if goes { self.by_end.pop_first() } else { None };
        gone.is_some_and(|(_, key)| self.rows.remove(&key).is_some())
    }
}

#[async_trait]
impl CounterStore for MemoryStore {
    async fn reserve(&self, key: &Digest, limit: &Limit, now: Timestamp) -> Result<Reserved, StoreError> {
        Ok(self.write().counters.reserve(*key.as_bytes(), limit, now))
    }

    async fn give_back(&self, key: &Digest, limit: &Limit, at: Timestamp) -> Result<(), StoreError> {
        self.write().counters.give_back(*key.as_bytes(), limit, at);
        Ok(())
    }

    async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut tables = self.write();
        let purged = (0..limit).take_while(|_| tables.counters.remove_first(|ends_at, _| ends_at <= now));
        Ok(Purged::out_of(limit, purged.map(|_| 1_u64).sum()))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    const JOHN: Key = [7; 32];

    fn limit() -> Limit {
        Limit::new(NonZeroU32::new(10).unwrap(), Duration::from_secs(600))
    }

    fn check(counters: &Counters) -> usize {
        assert_eq!(counters.rows.len(), counters.by_end.len());
        counters.rows.len()
    }

    #[test]
    fn a_flood_of_strangers_is_bounded_and_does_not_reset_an_attacked_counter() {
        let (mut counters, now) = (Counters::default(), Timestamp::from_seconds(1_800_000_000));
        for _ in 0..10 {
            assert_eq!(counters.reserve(JOHN, &limit(), now), Reserved::Granted);
        }
        for stranger in 0..1_000_000_u32 {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&stranger.to_be_bytes());
            let _ = counters.reserve(bytes, &limit(), now);
        }
        assert_eq!(check(&counters), CAPACITY);
        assert_ne!(counters.reserve(JOHN, &limit(), now), Reserved::Granted);
    }

    #[test]
    fn ended_counters_are_swept_while_others_are_added() {
        let mut counters = Counters::default();
        for second in 0..10_000 {
            let key = *Digest::of(&second.to_string()).as_bytes();
            let _ = counters.reserve(key, &limit(), Timestamp::from_seconds(1_800_000_000 + second));
        }
        assert!(check(&counters) <= 61, "{}", check(&counters));
    }
}
