//! No broken counter store passes the suite.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use portcullis::store::{CounterState, CounterStore, Limit, Purged, Reserved, StoreError};
use portcullis::{Digest, Timestamp};
use portcullis_testing::suite::{self, on_threads};

#[tokio::test]
async fn every_broken_counter_store_is_caught() {
    for (fault, clause) in [
        (Fault::OneMore, "a_counter_grants_its_limit_and_no_more"),
        (Fault::WaitIsAPeriod, "a_refusal_tells_the_wait_of_the_limit"),
        (Fault::RefusalsCount, "a_refusal_prolongs_nothing"),
        (Fault::ReadsThenWrites, "a_crowd_at_once_gets_the_limit_exactly"),
        (Fault::GiveBackForgets, "a_try_that_is_given_back_can_be_taken_again"),
        (Fault::GiveBackIsIgnored, "of_a_crowd_that_gives_back_all_tries_are_there_again"),
        (Fault::GiveBackCreates, "a_try_given_back_to_an_unknown_counter_makes_none"),
        (Fault::KeysAreShortened, "keys_are_counted_apart"),
        (
            Fault::RefusalsAreNotWritten,
            "a_clock_that_jumps_back_opens_nothing_and_locks_for_one_period_at_most",
        ),
        (Fault::PurgeTakesAll, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeHasNoLimit, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeIsAlwaysDone, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeIsNeverDone, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::TakesTwice, "a_try_dropped_half_way_is_taken_wholly_or_not_at_all"),
    ] {
        let broken = suite::counter::run(async || Faulty::new(fault), on_threads).await.err();
        let broken: Vec<_> = broken.iter().flat_map(suite::Broken::clauses).collect();
        assert!(broken.contains(&clause), "{fault:?} broke only {broken:?}, not {clause}");
    }
}

#[tokio::test]
async fn a_faultless_store_passes() -> Result<(), suite::Broken> {
    suite::counter::run(async || Faulty::new(Fault::None), on_threads).await
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    OneMore,
    WaitIsAPeriod,
    RefusalsCount,
    ReadsThenWrites,
    GiveBackForgets,
    GiveBackIsIgnored,
    GiveBackCreates,
    KeysAreShortened,
    RefusalsAreNotWritten,
    PurgeTakesAll,
    PurgeHasNoLimit,
    PurgeIsAlwaysDone,
    PurgeIsNeverDone,
    TakesTwice,
}

type Rows = HashMap<[u8; 32], (CounterState, Limit)>;

#[derive(Clone)]
struct Faulty(Fault, Arc<Mutex<Rows>>);

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self(fault, Arc::default())
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, key: &Digest) -> [u8; 32] {
        let mut key = *key.as_bytes();
        if self.0 == Fault::KeysAreShortened {
            key[31] = 0;
        }
        key
    }
}

#[async_trait]
impl CounterStore for Faulty {
    async fn reserve(&self, key: &Digest, limit: &Limit, now: Timestamp) -> Result<Reserved, StoreError> {
        let (fault, key) = (self.0, self.key(key));
        let before = self.rows().get(&key).map(|(state, _)| state.clone()).unwrap_or_default();
        if fault == Fault::ReadsThenWrites {
            // Long enough for the others to read, too, on a machine that does much else.
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_millis(2));
        }
        let mut rows = self.rows();
        let (state, _) = rows.entry(key).or_insert((CounterState::default(), *limit));
        let old = state.clone();
        if fault == Fault::ReadsThenWrites {
            *state = before;
        }
        let mut applied = *limit;
        if fault == Fault::OneMore {
            applied.tries = applied.tries.saturating_add(1);
        }
        let reserved = applied.reserve(state, now);
        match (fault, reserved) {
            (Fault::WaitIsAPeriod, Reserved::Refused { .. }) => {
                Ok(Reserved::Refused { wait: limit.period * 2 })
            }
            (Fault::RefusalsCount, Reserved::Refused { .. }) => {
                let mut wider = *limit;
                (wider.tries, wider.period) = (NonZeroU32::MAX, Duration::from_secs(1 << 32));
                let _ = wider.reserve(state, now.after(limit.period));
                Ok(reserved)
            }
            (Fault::RefusalsAreNotWritten, Reserved::Refused { .. }) => {
                *state = old;
                Ok(reserved)
            }
            (Fault::TakesTwice, Reserved::Granted) => {
                let _ = limit.reserve(state, now);
                Ok(reserved)
            }
            _ => Ok(reserved),
        }
    }

    async fn give_back(&self, key: &Digest, limit: &Limit, at: Timestamp) -> Result<(), StoreError> {
        let key = self.key(key);
        let mut rows = self.rows();
        match self.0 {
            Fault::GiveBackIsIgnored => {}
            Fault::GiveBackForgets => drop(rows.remove(&key)),
            Fault::GiveBackCreates => {
                let (state, _) = rows.entry(key).or_insert_with(|| {
                    let mut state = CounterState::default();
                    let _ = limit.reserve(&mut state, at);
                    (state, *limit)
                });
                limit.give_back(state, at);
                let _ = limit.reserve(state, at);
            }
            _ => {
                if let Some((state, _)) = rows.get_mut(&key) {
                    limit.give_back(state, at);
                }
            }
        }
        Ok(())
    }

    async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut rows = self.rows();
        let ended = rows
            .iter()
            .filter(|(_, (state, limit))| self.0 == Fault::PurgeTakesAll || state.ends_at(limit) <= now);
        let most = if self.0 == Fault::PurgeHasNoLimit { usize::MAX } else { limit.try_into().unwrap_or(0) };
        let ended: Vec<_> = ended.map(|(key, _)| *key).take(most).collect();
        ended.iter().for_each(|key| drop(rows.remove(key)));
        let purged = Purged::out_of(limit, ended.len().try_into().unwrap_or(0));
        let is_done =
            (purged.is_done || self.0 == Fault::PurgeIsAlwaysDone) && self.0 != Fault::PurgeIsNeverDone;
        Ok(Purged { is_done, ..purged })
    }
}
