//! The way back to an empty Redis.
//!
//! This is for tests: nothing but the test hook `POST /__reset__` and a start with `--reset-endpoint` calls it.

use std::fmt;

use portcullis::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{Client, RedisError, cmd};

/// A way to empty a throwaway Redis, one server or a cluster, whatever is in it.
#[derive(Clone)]
pub struct Flush(Connection);

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Flush {
    /// Connects to `redis://…` or `redis+cluster://…`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::open(url).await.map_err(StoreError::unavailable)
    }

    /// Deletes everything, on every master.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when that is not certain.
    pub async fn all(&self) -> Result<(), StoreError> {
        let flush = cmd("FLUSHALL");
        let flushed: Result<(), RedisError> = match self.0.clone() {
            Connection::Server(mut server) => flush.query_async(&mut server).await,
            // It goes to every master, and all must have done it.
            Connection::Cluster(mut cluster) => flush.query_async(&mut cluster).await,
        };
        flushed.map_err(StoreError::unavailable)
    }

    async fn open(url: &str) -> Result<Self, RedisError> {
        let Some(nodes) = url.strip_prefix("redis+cluster://") else {
            return Ok(Self(Connection::Server(
                Client::open(url)?.get_multiplexed_async_connection().await?,
            )));
        };
        // One user for all nodes: `user:password@one:7000,two:7000`.
        let (user, nodes) = nodes.rsplit_once('@').map_or(("", nodes), |(user, nodes)| (user, nodes));
        let at = if user.is_empty() { "" } else { "@" };
        let nodes = nodes.split(',').map(|node| format!("redis://{user}{at}{node}"));
        let cluster = ClusterClient::new(nodes)?;
        Ok(Self(Connection::Cluster(cluster.get_async_connection().await?)))
    }
}

impl fmt::Debug for Flush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flush").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use portcullis_servers::{Cluster, Redis, or_left_out};

    use super::*;

    #[tokio::test]
    async fn a_server_is_emptied() {
        let Some(redis) = or_left_out(Redis::start(&[])) else { return };
        assert_eq!(redis.cli(&["set", "a", "1"]).trim(), "OK");
        Flush::connect(&redis.url()).await.unwrap().all().await.unwrap();
        assert_eq!(redis.cli(&["dbsize"]).trim(), "0");
    }

    #[tokio::test]
    async fn a_cluster_is_emptied_on_every_master() {
        let Some(cluster) = or_left_out(Cluster::start()) else { return };
        for key in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(cluster.master_of(key).unwrap().cli(&["set", key, "1"]).trim(), "OK");
        }
        Flush::connect(&cluster.url()).await.unwrap().all().await.unwrap();
        for key in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(cluster.master_of(key).unwrap().cli(&["exists", key]).trim(), "0", "{key}");
        }
    }
}
