//! Running verbs in time, and bringing the tables up to date.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::store::{Purged, StoreError};
use sqlx::{Connection, SqlSafeStr as _};
use tokio::time::{Instant, timeout};

use crate::engine::{Engine, Options, Query, Step, query};
use crate::error::{SqlError, store_error};
use crate::pool::{Pool, is_gone};

/// How many rows one statement of a purge deletes: few enough that no verb waits long behind it.
const BATCH: u32 = 500;

/// One database, and the verbs on it.
pub(crate) struct Database<E: Engine> {
    pub(crate) readers: Arc<Pool<E>>,
    /// The same as `readers`, unless the database has one writer.
    pub(crate) writer: Arc<Pool<E>>,
    pub(crate) timeout: Duration,
    pub(crate) is_read_only: bool,
    /// How many new keys of counters there were.
    pub(crate) new_keys: AtomicU64,
    /// Keeps a database in memory alive while no other connection is open.
    pub(crate) _anchor: Option<Mutex<E::Connection>>,
}

impl<E: Engine> Database<E> {
    /// Takes one set of connections for everything.
    pub(crate) fn new(options: Options<E>, timeout: Duration, connections: NonZeroU32) -> Self {
        let pool = Arc::new(Pool::new(options, timeout, connections));
        Self {
            readers: Arc::clone(&pool),
            writer: pool,
            timeout,
            is_read_only: false,
            new_keys: AtomicU64::new(0),
            _anchor: None,
        }
    }

    pub(crate) async fn fetch_optional(
        &self,
        statement: impl Fn() -> Query<E>,
    ) -> Result<Option<E::Row>, StoreError> {
        self.read(statement, async |database, query| {
            E::fetch_optional(database, query.checked()?).await.map_err(store_error::<E>)
        })
        .await
    }

    pub(crate) async fn fetch_all(
        &self,
        statement: impl Fn() -> Query<E>,
    ) -> Result<Vec<E::Row>, StoreError> {
        self.read(statement, async |database, query| {
            E::fetch_all(database, query.checked()?).await.map_err(store_error::<E>)
        })
        .await
    }

    /// Runs a look-up, and once more where its connection had rested and is gone. Nothing that changes rows is repeated:
    /// it may have happened.
    async fn read<T: Default>(
        &self,
        statement: impl Fn() -> Query<E>,
        run: impl AsyncFn(&mut E::Connection, Query<E>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let query = statement();
        if query.holds_nul() {
            return Ok(T::default());
        }
        self.in_time(async {
            let lease = self.readers.lease().await.map_err(store_error::<E>)?;
            let has_rested = lease.has_rested();
            match lease.run(async |database| run(database, query).await).await {
                Err(error) if has_rested && is_gone::<E>(&error) => {
                    let lease = self.readers.lease().await.map_err(store_error::<E>)?;
                    lease.run(async |database| run(database, statement()).await).await
                }
                answer => answer,
            }
        })
        .await
    }

    /// Runs one statement that changes rows, and tells how many.
    pub(crate) async fn execute(&self, query: Query<E>) -> Result<u64, StoreError> {
        let query = query.checked()?;
        self.write(async |database| E::execute(database, query).await.map_err(store_error::<E>)).await
    }

    /// Runs one statement that changes rows, and returns what it says of them.
    pub(crate) async fn write_all(&self, query: Query<E>) -> Result<Vec<E::Row>, StoreError> {
        let query = query.checked()?;
        self.write(async |database| E::fetch_all(database, query).await.map_err(store_error::<E>)).await
    }

    /// Runs one statement that changes rows that are there, and tells how many.
    pub(crate) async fn end(&self, query: Query<E>) -> Result<u64, StoreError> {
        if query.holds_nul() { Ok(0) } else { self.execute(query).await }
    }

    async fn write<T>(
        &self,
        verb: impl AsyncFnOnce(&mut E::Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.in_time(async { self.writer.lease().await.map_err(store_error::<E>)?.run(verb).await }).await
    }

    /// Runs a transaction, and commits it unless it fails; one that is dropped is rolled back.
    pub(crate) async fn transact<T>(
        &self,
        verb: impl AsyncFnOnce(&mut Transaction<'_, E>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write(async |database| {
            let mut transaction =
                Transaction(database.begin_with(E::BEGIN.into_sql_str()).await.map_err(store_error::<E>)?);
            match verb(&mut transaction).await {
                Ok(answer) => transaction.0.commit().await.map_err(store_error::<E>).map(|()| answer),
                // The connection will be closed.
                Err(error @ StoreError::Unavailable(_)) => Err(error),
                // A rollback that is only queued would leave locks to a connection at rest.
                Err(error) => transaction.0.rollback().await.map_err(store_error::<E>).and(Err(error)),
            }
        })
        .await
    }

    /// Deletes up to `limit` rows in small steps, between which other verbs have their turn.
    ///
    /// It stops early rather than late: what is left is for the next time.
    pub(crate) async fn purge(
        &self,
        limit: u32,
        batch: impl Fn(i64) -> Query<E>,
    ) -> Result<Purged, StoreError> {
        let began = Instant::now();
        let (mut left, mut deleted, mut is_done) = (limit, 0, false);
        while left > 0 && !is_done && began.elapsed() < self.timeout / 2 {
            let size = left.min(BATCH);
            let count = self.execute(batch(size.into())).await?;
            deleted += count;
            left -= size;
            is_done = count < size.into();
        }
        Ok(Purged { deleted, is_done })
    }

    /// Counts a new key of a counter, and tells the how-many-th it is.
    pub(crate) fn count_new_key(&self) -> u64 {
        self.new_keys.fetch_add(1, Ordering::Relaxed)
    }

    async fn in_time<T>(&self, verb: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.timeout, verb).await.unwrap_or_else(|_| {
            // A machine that is gone does not say so: the connections at rest may go to it, too.
            self.readers.forget();
            Err(StoreError::unavailable("the database did not answer in time"))
        })
    }
}

impl<E: Engine> fmt::Debug for Database<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// What happens wholly or not at all.
pub(crate) struct Transaction<'c, E: Engine>(sqlx::Transaction<'c, E>);

impl<E: Engine> Transaction<'_, E> {
    pub(crate) async fn fetch_optional(&mut self, query: Query<E>) -> Result<Option<E::Row>, StoreError> {
        E::fetch_optional(&mut self.0, query.checked()?).await.map_err(store_error::<E>)
    }

    pub(crate) async fn fetch_all(&mut self, query: Query<E>) -> Result<Vec<E::Row>, StoreError> {
        E::fetch_all(&mut self.0, query.checked()?).await.map_err(store_error::<E>)
    }

    pub(crate) async fn execute(&mut self, query: Query<E>) -> Result<u64, StoreError> {
        E::execute(&mut self.0, query.checked()?).await.map_err(store_error::<E>)
    }

    /// Waits for every other transaction that has locked this, and lets those that follow wait for this one.
    ///
    /// Only what is read afterwards can be relied on: a statement that waits does not see what it waited for.
    pub(crate) async fn lock(
        &mut self,
        kind: &'static str,
        name: impl fmt::Display,
    ) -> Result<(), StoreError> {
        match E::LOCK {
            Some(lock) => self.execute(query(lock).bind(kind).bind(name.to_string())).await.map(drop),
            None => Ok(()),
        }
    }
}

/// The schema.
impl<E: Engine> Database<E> {
    /// Applies the steps that are missing, and tells how many.
    pub(crate) async fn migrate(&self) -> Result<u32, SqlError> {
        let is_read_only = self.is_read_only;
        let lease = timeout(self.timeout, self.writer.lease()).await.map_err(|_| late())??;
        let verb = async |database: &mut E::Connection| match migrate::<E>(database, is_read_only).await {
            Err(SqlError::Unavailable(outage)) => Err(StoreError::unavailable(outage)),
            answer => Ok(answer),
        };
        lease.run(verb).await?
    }

    /// Tells whether every step was applied; an error where the tables are of a later major version.
    pub(crate) async fn is_migrated(&self) -> Result<bool, SqlError> {
        let answer = self.in_time(async {
            let lease = self.readers.lease().await.map_err(store_error::<E>)?;
            lease
                .run(async |database| match number::<E>(database).await {
                    Err(SqlError::Unavailable(outage)) => Err(StoreError::unavailable(outage)),
                    answer => Ok(answer),
                })
                .await
        });
        let number = answer.await??;
        Ok(E::SCHEMA.steps.iter().all(|step| step.number <= number))
    }
}

fn late() -> SqlError {
    SqlError::unavailable("the database did not answer in time")
}

async fn migrate<E: Engine>(database: &mut E::Connection, is_read_only: bool) -> Result<u32, SqlError> {
    let number = number::<E>(database).await?;
    let mut applied = 0;
    for step in E::SCHEMA.steps.iter().filter(|step| step.number > number) {
        if is_read_only {
            return Err(SqlError::ReadOnly);
        }
        applied += u32::from(apply::<E>(database, step).await?);
    }
    Ok(applied)
}

/// Applies one step, unless another program did while this one waited.
async fn apply<E: Engine>(database: &mut E::Connection, step: &Step) -> Result<bool, SqlError> {
    let mut transaction = database.begin_with(E::BEGIN.into_sql_str()).await?;
    E::run_script(&mut transaction, E::SCHEMA.prepare).await?;
    E::run_script(&mut transaction, E::SCHEMA.create_versions).await?;
    let is_new = match version::<E>(&mut transaction).await {
        Ok(number) => number < step.number,
        Err(error) => {
            // A rollback that is only queued would leave locks to a connection at rest.
            transaction.rollback().await?;
            return Err(error);
        }
    };
    if is_new {
        E::run_script(&mut transaction, step.sql).await?;
        let note = query::<E>(E::SCHEMA.note_version).bind(step.number).bind(step.major).bind(step.name);
        E::execute(&mut transaction, note.checked()?).await?;
    }
    transaction.commit().await?;
    Ok(is_new)
}

/// Reads the number of the last step that was applied; 0 where there are no tables.
async fn number<E: Engine>(database: &mut E::Connection) -> Result<i64, SqlError> {
    let has_versions = query::<E>(E::SCHEMA.has_versions).checked()?;
    match E::fetch_optional(database, has_versions).await? {
        Some(_) => version::<E>(database).await,
        None => Ok(0),
    }
}

async fn version<E: Engine>(database: &mut E::Connection) -> Result<i64, SqlError> {
    let row = E::fetch_optional(database, query::<E>(E::SCHEMA.version).checked()?).await?;
    let row = row.ok_or_else(|| SqlError::unavailable("the table of versions does not answer"))?;
    let (number, found) = (E::int(&row, 0)?.unwrap_or(0), E::int(&row, 1)?.unwrap_or(0));
    let known = E::SCHEMA.steps.iter().map(|step| step.major).max().unwrap_or(0);
    if found > known { Err(SqlError::NewerSchema { found, known }) } else { Ok(number) }
}
