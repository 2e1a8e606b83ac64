//! Counters of tries.
//!
//! 1. A counter is compared and swapped: two programs never both see the last try. Who loses too often, or has a key
//!    without a row, takes turns: load, apply, store in one transaction that first locks the key, or all that write.
//! 2. A refusal that changes nothing writes nothing and locks nothing: a flood of them costs no fsync, and none of the
//!    connections for long.
//! 3. The table stays bounded: each new key drops a few counters that have ended, and now and then those that end first
//!    go until [`CAPACITY`] are left. An account under attack has a counter that ends late.

use async_trait::async_trait;
use portcullis::store::{CounterState, CounterStore, Limit, Purged, Reserved, StoreError};
use portcullis::{Digest, Timestamp};

use crate::database::{Database, Transaction};
use crate::engine::{Engine, query};
use crate::row::Reader;
use crate::store::{SqlStore, on};
use crate::token::{Hex, bytes};

/// How many counters are kept, about.
const CAPACITY: i64 = 1_000_000;
/// How many new keys come between two counts of all.
const EVERY: u64 = 4_096;
/// How often a counter is compared and swapped before it is taken in turns.
const ATTEMPTS: u32 = 3;
/// How many ended counters at most are dropped for each that is added.
const STEPS: i64 = 4;

#[async_trait]
impl CounterStore for SqlStore {
    async fn reserve(&self, key: &Digest, limit: &Limit, now: Timestamp) -> Result<Reserved, StoreError> {
        on!(self, database => database.reserve(key, limit, now).await)
    }

    async fn give_back(&self, key: &Digest, limit: &Limit, at: Timestamp) -> Result<(), StoreError> {
        on!(self, database => database.give_back(key, limit, at).await)
    }

    async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        on!(self, database => database.purge_counters(now, limit).await)
    }
}

impl<E: Engine> Database<E> {
    pub(crate) async fn reserve(
        &self,
        key: &Digest,
        limit: &Limit,
        now: Timestamp,
    ) -> Result<Reserved, StoreError> {
        if let Some(reserved) = self.swap(key, limit, |state| limit.reserve(state, now)).await? {
            return Ok(reserved);
        }
        let counts_all = || self.count_new_key().is_multiple_of(EVERY);
        self.transact(async |transaction| {
            let found = load(transaction, key).await?;
            let mut state = found.clone().unwrap_or_default();
            let reserved = limit.reserve(&mut state, now);
            if found.is_none() {
                make_room(transaction, now, CAPACITY, counts_all()).await?;
            }
            if found.as_ref() != Some(&state) {
                put(transaction, key, &state, limit).await?;
            }
            Ok(reserved)
        })
        .await
    }

    pub(crate) async fn give_back(
        &self,
        key: &Digest,
        limit: &Limit,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if self.swap(key, limit, |state| limit.give_back(state, at)).await?.is_some() {
            return Ok(());
        }
        self.transact(async |transaction| {
            let Some(found) = load(transaction, key).await? else { return Ok(()) };
            let mut state = found.clone();
            limit.give_back(&mut state, at);
            if found == state {
                return Ok(());
            }
            put(transaction, key, &state, limit).await
        })
        .await
    }

    /// Changes a counter that is there, and tells nothing where it is not, or others were faster each time.
    async fn swap<T>(
        &self,
        key: &Digest,
        limit: &Limit,
        change: impl Fn(&mut CounterState) -> T,
    ) -> Result<Option<T>, StoreError> {
        for _ in 0..ATTEMPTS {
            let row = self.fetch_optional(|| query(E::COUNTER.by_key).bind(bytes(key))).await?;
            let Some(row) = row else { return Ok(None) };
            let found = Reader::<E>::new(&row).counter()?;
            let mut state = found.clone();
            let answer = change(&mut state);
            if state == found {
                return Ok(Some(answer));
            }
            let swap = query(E::COUNTER.swap)
                .bind(bytes(key))
                .bind(written(&state))
                .bind(state.ends_at(limit).as_micros())
                .bind(written(&found));
            if self.execute(swap).await? > 0 {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    pub(crate) async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.purge(limit, |size| query(E::COUNTER.purge).bind(now.as_micros()).bind(size)).await
    }
}

/// Reads a counter that nobody changes until this transaction ends: a row that is not there yet cannot be locked, so the
/// key is.
async fn load<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    key: &Digest,
) -> Result<Option<CounterState>, StoreError> {
    transaction.lock("counter", Hex(key)).await?;
    let row = transaction.fetch_optional(query(E::COUNTER.lock).bind(bytes(key))).await?;
    row.map(|row| Reader::<E>::new(&row).counter()).transpose()
}

async fn put<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    key: &Digest,
    state: &CounterState,
    limit: &Limit,
) -> Result<(), StoreError> {
    let ends_at = state.ends_at(limit).as_micros();
    let put = query(E::COUNTER.put).bind(bytes(key)).bind(written(state)).bind(ends_at);
    transaction.execute(put).await.map(drop)
}

/// Writes the moments of a counter as the column has them.
fn written(state: &CounterState) -> Vec<u8> {
    state.as_micros().iter().flat_map(|micros| micros.to_be_bytes()).collect()
}

/// Drops others. It waits for nobody: whoever sweeps has a key without a row, for which nobody waits, either.
async fn make_room<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    now: Timestamp,
    capacity: i64,
    counts_all: bool,
) -> Result<(), StoreError> {
    transaction.execute(query(E::COUNTER.purge).bind(now.as_micros()).bind(STEPS)).await?;
    if counts_all {
        // A few programs may add keys between two counts of one.
        let most = i64::try_from(EVERY * 8).unwrap_or(i64::MAX);
        transaction.execute(query(E::COUNTER.trim).bind(capacity).bind(most)).await?;
    }
    Ok(())
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use sqlx::Sqlite;

    use super::*;
    use crate::config::SqlConfig;

    #[tokio::test]
    async fn what_ends_first_makes_room() {
        let store = crate::sqlite::open("sqlite::memory:", &SqlConfig::default()).await.unwrap();
        let limit = Limit::new(NonZeroU32::new(10).unwrap(), Duration::from_secs(600));
        let now = Timestamp::from_seconds(1_800_000_000);
        let check = async |database: &mut Transaction<'_, Sqlite>| {
            for (name, tries) in [("attacked", 10), ("one", 1), ("two", 1), ("three", 2)] {
                let mut state = CounterState::default();
                for _ in 0..tries {
                    assert_eq!(limit.reserve(&mut state, now), Reserved::Granted);
                }
                put(database, &Digest::of(name), &state, &limit).await?;
            }
            make_room(database, now, 2, false).await?;
            assert!(load(database, &Digest::of("one")).await?.is_some(), "nothing was counted");
            make_room(database, now, 2, true).await?;
            for (name, is_there) in [("attacked", true), ("one", false), ("two", false), ("three", true)] {
                assert_eq!(load(database, &Digest::of(name)).await?.is_some(), is_there, "{name}");
            }
            make_room(database, now.after(Duration::from_secs(300)), 2, false).await?;
            assert!(load(database, &Digest::of("attacked")).await?.is_some());
            assert_eq!(load(database, &Digest::of("three")).await?, None, "what has ended is swept");
            Ok(())
        };
        store.transact(check).await.unwrap();
    }
}
