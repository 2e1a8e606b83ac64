//! The published contracts, on a file and in memory.

#![expect(clippy::unwrap_used, reason = "a store that cannot be opened ends the test")]

use std::error::Error;

use portcullis_sql::SqlStore;
use portcullis_testing::suite::{self, BoxFuture, Broken};
use tempfile::TempDir;

fn spawn(task: BoxFuture<'static, ()>) {
    drop(tokio::spawn(task));
}

async fn in_memory() -> SqlStore {
    SqlStore::connect("sqlite::memory:").await.unwrap()
}

/// Opens one new file after the other, in a directory of its own.
struct Files(TempDir, std::cell::Cell<u32>);

impl Files {
    fn new() -> std::io::Result<Self> {
        Ok(Self(tempfile::tempdir()?, std::cell::Cell::new(0)))
    }

    async fn next(&self) -> SqlStore {
        self.1.set(self.1.get() + 1);
        let path = self.0.path().join(format!("{}.db", self.1.get()));
        SqlStore::connect(&format!("sqlite:{}", path.display())).await.unwrap()
    }
}

macro_rules! contract {
    ($($name:ident => $run:path),* $(,)?) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn holds_in_memory() -> Result<(), Broken> {
                $run(async || in_memory().await, spawn).await
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn holds_on_a_file() -> Result<(), Box<dyn Error>> {
                let files = Files::new()?;
                Ok($run(async || files.next().await, spawn).await?)
            }
        }
    )*};
}

contract! {
    users => suite::user::run,
    tokens => suite::token::run,
    sessions => suite::session::run,
    refresh_tokens => suite::refresh::run,
    counters => suite::counter::run,
    joins => suite::join::run,
    cascades => suite::join::run_cascade,
}
