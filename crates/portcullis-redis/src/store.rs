//! The store.

use std::fmt;
use std::sync::Arc;

use portcullis::store::StoreError;

use crate::config::RedisConfig;
use crate::connection::Connections;
use crate::error::RedisError;
use crate::key::Names;
use crate::sweep::Rounds;
use crate::url;

/// Keeps sessions, refresh tokens and counters in Redis, one server or a cluster; cloning shares the connections.
///
/// Users and tokens lie in another store: [`Mixed`](portcullis::store::Mixed) joins the two.
///
/// # Examples
///
/// ```no_run
/// use portcullis::store::{MemoryStore, Mixed};
/// use portcullis_redis::RedisStore;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let redis = RedisStore::connect("redis://:secret@localhost:6379").await?;
/// # let sql = MemoryStore::new();
/// let store = Mixed::new(redis, sql);
/// # let _ = store;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// Who can write to the server can let anybody in. A server that evicts keys loses tombstones of refresh tokens, by
/// which a replay is known: with a limit of memory it is refused unless it has `maxmemory-policy noeviction`.
#[derive(Clone)]
pub struct RedisStore(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) redis: Connections,
    pub(crate) names: Names,
    pub(crate) rounds: Rounds,
}

impl RedisStore {
    /// Connects to a server or a cluster, which must be there.
    ///
    /// `redis://user:password@host:port/database`; `rediss://` with TLS (feature `tls`); `redis+cluster://` and
    /// `rediss+cluster://` with any of a cluster's servers, separated by commas.
    ///
    /// # Errors
    ///
    /// [`RedisError`] when the URL is not understood, no master answers, or one evicts keys when its memory is full.
    pub async fn connect(url: &str) -> Result<Self, RedisError> {
        Self::connect_with(url, RedisConfig::default()).await
    }

    /// Connects like [`connect`](Self::connect), with another configuration.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use portcullis_redis::{RedisConfig, RedisStore};
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let config = RedisConfig::default().with_timeout(Duration::from_millis(500));
    /// let store = RedisStore::connect_with("redis+cluster://10.0.0.1:6379,10.0.0.2:6379", config).await?;
    /// # let _ = store;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect), and a namespace that cannot be one.
    pub async fn connect_with(url: &str, config: RedisConfig) -> Result<Self, RedisError> {
        let target = url::parse(url)?;
        let names = Names::new(config.namespace())?;
        let redis = Connections::connect(target, &config).await?;
        Ok(Self(Arc::new(Inner { redis, names, rounds: Rounds::default() })))
    }

    /// Runs a verb of several steps to its end, also when the caller's future is dropped; it is bounded like any other.
    pub(crate) async fn wholly<T, F>(&self, verb: impl FnOnce(Self) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (store, verb) = (self.clone(), verb(self.clone()));
        let task = tokio::spawn(async move { store.0.redis.within(verb).await });
        task.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }

    /// Does some housekeeping beside the verb; a failure changes nothing that counts.
    pub(crate) fn beside<F>(&self, work: impl FnOnce(Self) -> F)
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let (store, work) = (self.clone(), work(self.clone()));
        drop(tokio::spawn(async move { store.0.redis.within(work).await }));
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").finish_non_exhaustive()
    }
}
