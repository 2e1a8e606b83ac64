//! The connections of a store.
//!
//! 1. A lease gives its connection back when it is dropped, without a task, a ping or a wait: a look-up costs one round
//!    trip, or one hop to the connection's thread and one back.
//! 2. A connection on which something failed is closed: its state is not known. So is one whose verb was dropped
//!    half-way, lest its late answer be read by another verb; but an embedded database ends the statement on the
//!    connection's own thread, or rolls the transaction back, and is kept, while others are preferred.
//!    A server goes on with the statement, and with the connection: its place is free when it has ended, or when the verb
//!    would have run out of time. Else whoever begins requests and goes could take all connections that a server has.
//! 3. Where a connection turns out to be gone, or does not answer in time, those at rest are closed, too: the server was
//!    restarted, or another has taken its place, and one that answers is found by the next verb.
//! 4. Nothing is opened in advance.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis::store::StoreError;
use sqlx::{Connection, Error};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::engine::{Engine, Options};

/// At most so many connections to one database.
pub(crate) struct Pool<E: Engine> {
    options: Options<E>,
    patience: Duration,
    permits: Arc<Semaphore>,
    idle: Mutex<VecDeque<E::Connection>>,
}

impl<E: Engine> Pool<E> {
    pub(crate) fn new(options: Options<E>, patience: Duration, size: NonZeroU32) -> Self {
        let size = usize::try_from(size.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { options, patience, permits: Arc::new(Semaphore::new(size)), idle: Mutex::default() }
    }

    /// Borrows a connection for one verb, opening one where none rests.
    pub(crate) async fn lease(&self) -> Result<Lease<'_, E>, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Error::PoolClosed)?;
        let idle = self.idle().pop_back();
        let has_rested = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => E::open(&self.options, self.patience).await?,
        };
        let began = Instant::now();
        Ok(Lease {
            pool: self,
            connection: Some(connection),
            has_rested,
            finished: false,
            began,
            permit: Some(permit),
        })
    }

    /// Closes the connections at rest, unless they are to an embedded database, which does not go away.
    pub(crate) fn forget(&self) {
        if !E::OUTLIVES_ITS_VERB {
            drop(mem::take(&mut *self.idle()));
        }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<E::Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Engine> fmt::Debug for Pool<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// A connection for the time of one verb.
pub(crate) struct Lease<'a, E: Engine> {
    pool: &'a Pool<E>,
    connection: Option<E::Connection>,
    has_rested: bool,
    finished: bool,
    began: Instant,
    /// Given back after the connection: fields drop after `Drop::drop`.
    permit: Option<OwnedSemaphorePermit>,
}

impl<E: Engine> Lease<'_, E> {
    /// Tells whether the connection was there before: the server may have closed it since.
    pub(crate) const fn has_rested(&self) -> bool {
        self.has_rested
    }

    /// Runs a verb, and closes the connection when it was an outage.
    pub(crate) async fn run<T>(
        mut self,
        verb: impl AsyncFnOnce(&mut E::Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(connection) = &mut self.connection else {
            return Err(StoreError::unavailable("the connection is closed"));
        };
        let result = verb(connection).await;
        self.finished = true;
        let Err(error @ StoreError::Unavailable(_)) = &result else { return result };
        if is_gone::<E>(error) {
            self.pool.forget();
        }
        match self.connection.take() {
            // Waits for the rollback: a database in memory keeps its locks until then. Failing to close changes nothing.
            Some(connection) if E::OUTLIVES_ITS_VERB => drop(connection.close().await),
            connection => drop(connection),
        }
        result
    }
}

impl<E: Engine> Drop for Lease<'_, E> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.finished {
            self.pool.idle().push_back(connection);
        } else if E::OUTLIVES_ITS_VERB {
            self.pool.idle().push_front(connection);
        } else if let Ok(runtime) = Handle::try_current() {
            let left = self.pool.patience.saturating_sub(self.began.elapsed());
            drop(runtime.spawn(outlast::<E>(connection, left, self.permit.take())));
        }
    }
}

/// Keeps the place of a connection until the server has ended what nobody waits for any more.
async fn outlast<E: Engine>(
    mut connection: E::Connection,
    left: Duration,
    place: Option<OwnedSemaphorePermit>,
) {
    let _ = timeout(left, connection.ping()).await;
    drop(connection);
    drop(place);
}

/// Tells whether an outage is that the connection was gone.
pub(crate) fn is_gone<E: Engine>(error: &StoreError) -> bool {
    let StoreError::Unavailable(source) = error else { return false };
    source.downcast_ref::<Error>().is_some_and(E::is_gone)
}
