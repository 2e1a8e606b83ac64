//! The published contracts: SQLite on a file and in memory, and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a store that cannot be opened ends the test")]

#[cfg(feature = "sqlite")]
use std::error::Error;

#[cfg(feature = "postgres")]
use portcullis_servers::{Postgres, or_left_out};
use portcullis_sql::SqlStore;
use portcullis_testing::suite::{self, BoxFuture, Broken};
#[cfg(feature = "sqlite")]
use tempfile::TempDir;

fn spawn(task: BoxFuture<'static, ()>) {
    drop(tokio::spawn(task));
}

#[cfg(feature = "sqlite")]
async fn in_memory() -> SqlStore {
    SqlStore::connect("sqlite::memory:").await.unwrap()
}

#[cfg(feature = "sqlite")]
/// Opens one new file after the other, in a directory of its own.
struct Files(TempDir, std::cell::Cell<u32>);

#[cfg(feature = "sqlite")]
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

#[cfg(feature = "postgres")]
async fn on_postgres(server: &Postgres) -> SqlStore {
    let store = SqlStore::connect(&server.database()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

macro_rules! contract {
    ($($name:ident => $run:path),* $(,)?) => {$(
        mod $name {
            use super::*;

            #[cfg(feature = "sqlite")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn holds_in_memory() -> Result<(), Broken> {
                $run(async || in_memory().await, spawn).await
            }

            #[cfg(feature = "sqlite")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn holds_on_a_file() -> Result<(), Box<dyn Error>> {
                let files = Files::new()?;
                Ok($run(async || files.next().await, spawn).await?)
            }

            #[cfg(feature = "postgres")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn holds_on_postgres() -> Result<(), Broken> {
                let Some(server) = or_left_out(Postgres::shared()) else { return Ok(()) };
                $run(async || on_postgres(server).await, spawn).await
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
