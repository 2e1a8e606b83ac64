//! The stores on throwaway servers: one Redis, and a cluster.

#![expect(clippy::unwrap_used, reason = "whatever fails ends the test")]

mod contract;
mod end_all;
mod fault;
mod hostile;
mod login;
mod purge;
mod record;
mod replica;
mod revival;
mod rotation;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use portcullis_redis::{RedisConfig, RedisStore};
use portcullis_servers::{Cluster, Redis, or_left_out, unique};

/// The server that the tests share, where Redis is installed.
fn redis() -> Option<String> {
    or_left_out(Redis::shared()).map(Redis::url)
}

/// The cluster that the tests share, where Redis is installed.
fn cluster() -> Option<String> {
    or_left_out(Cluster::shared()).map(Cluster::url)
}

/// A configuration for a machine that is busy with tests, on a namespace that nobody else uses.
fn patient() -> RedisConfig {
    RedisConfig::default().with_timeout(Duration::from_secs(10)).with_namespace(&unique("test"))
}

/// Opens an empty store.
async fn store(url: &str) -> RedisStore {
    RedisStore::connect_with(url, patient()).await.unwrap()
}

/// As many rounds as usual, or as `PORTCULLIS_ROUNDS` says.
fn rounds(usual: u32) -> u32 {
    std::env::var("PORTCULLIS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}
