//! What the tests share: a file, and a second connection to it.

use std::path::PathBuf;
use std::time::Duration;

use portcullis_sql::{SqlConfig, SqlStore};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;

pub(crate) use crate::shared::*;

/// A database file that is deleted with its directory.
pub(crate) struct File(TempDir);

impl File {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("app.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    pub(crate) async fn store(&self) -> SqlStore {
        SqlStore::connect(&self.url()).await.unwrap()
    }

    pub(crate) async fn hasty_store(&self, timeout: Duration) -> SqlStore {
        let config = SqlConfig::default().with_timeout(timeout);
        SqlStore::connect_with(&self.url(), config).await.unwrap()
    }

    /// Another program's connection.
    pub(crate) async fn other(&self) -> SqliteConnection {
        SqliteConnection::connect(&format!("{}?mode=rwc", self.url())).await.unwrap()
    }
}

pub(crate) async fn run(database: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(database)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}
