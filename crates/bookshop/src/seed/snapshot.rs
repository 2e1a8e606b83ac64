//! The way back to the seeded state of an SQLite file.
//!
//! 1. The copy lies in an in-memory database that is attached to one connection; a reset is one transaction, so nobody
//!    ever sees a half-seeded file.
//! 2. Every table is put back, whoever made it, and `sqlite_sequence` too: ids start again where they did.
//! 3. This is for tests: nothing but the test hook `POST /__reset__` and a start with `--reset-endpoint` calls it.

use std::path::Path;

use portcullis::store::StoreError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::sync::Mutex;

use crate::domain::options;

/// A copy of every table of an SQLite file.
#[derive(Debug)]
pub struct Snapshot {
    connection: Mutex<SqliteConnection>,
    tables: Vec<String>,
}

impl Snapshot {
    /// Deletes every row of the file, whatever is in it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file cannot be written.
    pub async fn wipe(file: &Path) -> Result<(), StoreError> {
        let mut connection = open(file).await.map_err(StoreError::unavailable)?;
        let tables = tables(&mut connection).await.map_err(StoreError::unavailable)?;
        let wiped = run(&mut connection, tables.iter().map(|table| format!("delete from main.{table:?}")));
        wiped.await.map_err(StoreError::unavailable)
    }

    /// Copies every table as it is now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file cannot be read.
    pub async fn take(file: &Path) -> Result<Self, StoreError> {
        Self::copy(file).await.map_err(StoreError::unavailable)
    }

    /// Puts every table back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file cannot be written.
    pub async fn restore(&self) -> Result<(), StoreError> {
        let statements = self.tables.iter().flat_map(|table| {
            [
                format!("delete from main.{table:?}"),
                format!("insert into main.{table:?} select * from seed.\"copy of {table}\""),
            ]
        });
        let mut connection = self.connection.lock().await;
        run(&mut connection, statements).await.map_err(StoreError::unavailable)
    }

    async fn copy(file: &Path) -> Result<Self, sqlx::Error> {
        let mut connection = open(file).await?;
        let tables = tables(&mut connection).await?;
        connection.execute("attach database ':memory:' as seed").await?;
        for table in &tables {
            let copy = format!("create table seed.\"copy of {table}\" as select * from main.{table:?}");
            connection.execute(AssertSqlSafe(copy)).await?;
        }
        Ok(Self { connection: Mutex::new(connection), tables })
    }
}

/// Opens a connection that deletes tables in any order.
async fn open(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnection::connect_with(&options(file).foreign_keys(false)).await
}

/// Lists the tables with rows of the application. The schema's versions stay: without them the next start would make
/// every table a second time.
async fn tables(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select name from main.sqlite_master where type = 'table' and name <> 'portcullis_migration'",
    )
    .fetch_all(connection)
    .await
}

/// Runs all statements or none.
///
/// The names in them are those of our own tables, so there is nothing for a client to inject.
async fn run(
    connection: &mut SqliteConnection,
    statements: impl Iterator<Item = String> + Send,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    for statement in statements {
        transaction.execute(AssertSqlSafe(statement)).await?;
    }
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use portcullis_sql::SqlStore;

    use super::*;
    use crate::domain::{BookStore, SqliteBooks};

    #[tokio::test]
    async fn a_file_opens_again_after_it_was_wiped_or_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("reopened.db");
        let url = format!("sqlite:{}", file.display());
        drop(SqlStore::connect(&url).await.unwrap());
        Snapshot::wipe(&file).await.unwrap();
        drop(SqlStore::connect(&url).await.expect("wiped"));
        Snapshot::take(&file).await.unwrap().restore().await.unwrap();
        drop(SqlStore::connect(&url).await.expect("put back"));
    }

    #[tokio::test]
    async fn a_reset_puts_rows_and_ids_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("snapshot.db");
        let books = SqliteBooks::open(&file).await.unwrap();
        books.create("One", &1.into(), "john").await.unwrap();
        let snapshot = Snapshot::take(&file).await.unwrap();
        for round in 0..2 {
            books.delete(1).await.unwrap();
            let second = books.create("Two", &1.into(), "john").await.unwrap();
            assert_eq!(second.id, 2, "round {round}");
            snapshot.restore().await.unwrap();
            let titles: Vec<_> = books.list().await.unwrap().into_iter().map(|book| book.title).collect();
            assert_eq!(titles, ["One"], "round {round}");
        }
        Snapshot::wipe(&file).await.unwrap();
        assert_eq!(books.list().await.unwrap(), []);
        assert_eq!(books.create("First", &1.into(), "john").await.unwrap().id, 1);
    }
}
