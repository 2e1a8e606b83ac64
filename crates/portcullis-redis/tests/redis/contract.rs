//! The published contracts, on one server and on a cluster.

use portcullis_testing::suite::{self, BoxFuture, Broken};

use crate::{cluster, redis, store};

fn spawn(task: BoxFuture<'static, ()>) {
    drop(tokio::spawn(task));
}

macro_rules! contract {
    ($($name:ident => $run:path, $servers:ident;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn holds() -> Result<(), Broken> {
                let Some(url) = $servers() else { return Ok(()) };
                $run(async || store(&url).await, spawn).await
            }
        }
    )*};
}

contract! {
    sessions_on_one_server => suite::session::run, redis;
    sessions_on_a_cluster => suite::session::run, cluster;
    refresh_tokens_on_one_server => suite::refresh::run, redis;
    refresh_tokens_on_a_cluster => suite::refresh::run, cluster;
    counters_on_one_server => suite::counter::run, redis;
    counters_on_a_cluster => suite::counter::run, cluster;
}
