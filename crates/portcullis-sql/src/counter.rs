//! Counters of tries.
//!
//! 1. Load, apply, store is one transaction that takes the write lock first: two programs never both see the last try.
//! 2. A refusal that changes nothing writes nothing, so that a flood of them costs no fsync.
//! 3. The table stays bounded: each new key drops a few counters that have ended, and now and then those that end first
//!    go until [`CAPACITY`] are left. An account under attack has a counter that ends late.

use async_trait::async_trait;
use portcullis::store::{CounterState, CounterStore, Limit, Reserved, StoreError};
use portcullis::{Digest, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, query};

use crate::error::store_error;
use crate::row::Reader;
use crate::sqlite::{self, counter};
use crate::store::SqlStore;
use crate::token::bytes;

/// How many counters are kept, about.
const CAPACITY: i64 = 1_000_000;
/// How many new keys come between two counts of all.
const EVERY: u64 = 4_096;
/// How many ended counters at most are dropped for each that is added.
const STEPS: i64 = 4;

#[async_trait]
impl CounterStore for SqlStore {
    async fn reserve(&self, key: &Digest, limit: &Limit, now: Timestamp) -> Result<Reserved, StoreError> {
        let counts_all = || self.count_new_key().is_multiple_of(EVERY);
        self.write(async |database| {
            let mut transaction = database.begin_with(sqlite::BEGIN).await.map_err(store_error)?;
            let found = load(&mut transaction, key).await?;
            let mut state = found.clone().unwrap_or_default();
            let reserved = limit.reserve(&mut state, now);
            if found.is_none() {
                make_room(&mut transaction, now, CAPACITY, counts_all()).await?;
            }
            if found.as_ref() != Some(&state) {
                put(&mut transaction, key, &state, limit).await?;
                transaction.commit().await.map_err(store_error)?;
            }
            Ok(reserved)
        })
        .await
    }

    async fn give_back(&self, key: &Digest, limit: &Limit, at: Timestamp) -> Result<(), StoreError> {
        self.write(async |database| {
            let mut transaction = database.begin_with(sqlite::BEGIN).await.map_err(store_error)?;
            let Some(found) = load(&mut transaction, key).await? else { return Ok(()) };
            let mut state = found.clone();
            limit.give_back(&mut state, at);
            if found == state {
                return Ok(());
            }
            put(&mut transaction, key, &state, limit).await?;
            transaction.commit().await.map_err(store_error)
        })
        .await
    }

    async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.purge(limit, |size| query(counter::PURGE).bind(now.as_micros()).bind(size)).await
    }
}

async fn load(database: &mut SqliteConnection, key: &Digest) -> Result<Option<CounterState>, StoreError> {
    let row = query(counter::BY_KEY).bind(bytes(key)).fetch_optional(database).await.map_err(store_error)?;
    row.map(|row| Reader::new(&row).counter()).transpose()
}

async fn put(
    database: &mut SqliteConnection,
    key: &Digest,
    state: &CounterState,
    limit: &Limit,
) -> Result<(), StoreError> {
    let micros: Vec<u8> = state.as_micros().iter().flat_map(|micros| micros.to_be_bytes()).collect();
    let put = query(counter::PUT).bind(bytes(key)).bind(micros).bind(state.ends_at(limit).as_micros());
    put.execute(database).await.map(drop).map_err(store_error)
}

async fn make_room(
    database: &mut SqliteConnection,
    now: Timestamp,
    capacity: i64,
    counts_all: bool,
) -> Result<(), StoreError> {
    let sweep = query(counter::PURGE).bind(now.as_micros()).bind(STEPS);
    sweep.execute(&mut *database).await.map_err(store_error)?;
    if counts_all {
        // A few programs may add keys between two counts of one.
        let most = i64::try_from(EVERY * 8).unwrap_or(i64::MAX);
        query(counter::TRIM).bind(capacity).bind(most).execute(database).await.map_err(store_error)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use sqlx::Row as _;

    use super::*;
    use crate::sqlite::migration::MIGRATIONS;

    #[tokio::test]
    async fn what_ends_first_makes_room() {
        let mut database = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for migration in MIGRATIONS {
            sqlx::raw_sql(migration.sql).execute(&mut database).await.unwrap();
        }
        let limit = Limit::new(NonZeroU32::new(10).unwrap(), Duration::from_secs(600));
        let now = Timestamp::from_seconds(1_800_000_000);
        for (name, tries) in [("attacked", 10), ("one", 1), ("two", 1), ("three", 2)] {
            let mut state = CounterState::default();
            for _ in 0..tries {
                assert_eq!(limit.reserve(&mut state, now), Reserved::Granted);
            }
            put(&mut database, &Digest::of(name), &state, &limit).await.unwrap();
        }
        make_room(&mut database, now, 2, false).await.unwrap();
        assert!(load(&mut database, &Digest::of("one")).await.unwrap().is_some(), "nothing was counted");
        make_room(&mut database, now, 2, true).await.unwrap();
        for (name, is_there) in [("attacked", true), ("one", false), ("two", false), ("three", true)] {
            assert_eq!(load(&mut database, &Digest::of(name)).await.unwrap().is_some(), is_there, "{name}");
        }
        make_room(&mut database, now.after(Duration::from_secs(300)), 2, false).await.unwrap();
        let left: i64 =
            query("select count(*) from portcullis_counter").fetch_one(&mut database).await.unwrap().get(0);
        assert_eq!(left, 1, "what has ended is swept");
    }
}
