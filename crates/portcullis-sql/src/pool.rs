//! The connections of a store.
//!
//! 1. A lease gives its connection back when it is dropped, without a task, a ping or a wait: a look-up costs one hop to
//!    the connection's thread and one back.
//! 2. A connection on which something failed is closed: its state is not known. One whose verb was dropped half-way is
//!    kept (its thread ends the statement, or rolls the transaction back), but others are preferred.
//! 3. Nothing is opened in advance; a database that is back is found by the next verb.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis::store::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Error};
use tokio::sync::{Semaphore, SemaphorePermit};

/// At most so many connections to one database.
pub(crate) struct Pool {
    options: SqliteConnectOptions,
    permits: Semaphore,
    idle: Mutex<VecDeque<SqliteConnection>>,
}

impl Pool {
    pub(crate) fn new(options: SqliteConnectOptions, size: NonZeroU32) -> Self {
        let size = usize::try_from(size.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { options, permits: Semaphore::new(size), idle: Mutex::default() }
    }

    /// Borrows a connection for one verb, opening one where none rests.
    pub(crate) async fn lease(&self) -> Result<Lease<'_>, Error> {
        let permit = self.permits.acquire().await.map_err(|_| Error::PoolClosed)?;
        let idle = self.idle().pop_back();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Lease { pool: self, connection: Some(connection), finished: false, _permit: permit })
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// A connection for the time of one verb.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<SqliteConnection>,
    finished: bool,
    /// Given back after the connection: fields drop after `Drop::drop`.
    _permit: SemaphorePermit<'a>,
}

impl Lease<'_> {
    /// Runs a verb, and closes the connection when it was an outage.
    pub(crate) async fn run<T>(
        mut self,
        verb: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(connection) = &mut self.connection else {
            return Err(StoreError::unavailable("the connection is closed"));
        };
        let result = verb(connection).await;
        self.finished = true;
        if matches!(result, Err(StoreError::Unavailable(_)))
            && let Some(connection) = self.connection.take()
        {
            // Waits for the rollback: a database in memory keeps its locks until then. Failing to close changes nothing.
            let _ = connection.close().await;
        }
        result
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let mut idle = self.pool.idle();
        if self.finished { idle.push_back(connection) } else { idle.push_front(connection) }
    }
}
