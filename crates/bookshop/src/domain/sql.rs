//! Books in a table of the application's own, beside Portcullis' tables: in an SQLite file, or on PostgreSQL.
//!
//! The statements are the same on both; only how a table is made and how a connection is opened differs.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use portcullis::UserId;
use portcullis::store::StoreError;
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteRow, SqliteSynchronous};
use sqlx::{ColumnIndex, Decode, Error as SqlxError, Row, Type};

use crate::domain::{Book, BookStore};

/// Keeps books in the table `bookshop_book` of an SQLite file.
#[derive(Debug)]
pub struct SqliteBooks(SqlitePool);

/// Keeps books in the table `bookshop_book` of a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresBooks(PgPool);

impl SqliteBooks {
    /// Opens the file and makes the table where it is missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file cannot be opened or written.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let pool = SqlitePool::connect_with(options(file)).await.map_err(StoreError::unavailable)?;
        sqlx::query(
            "create table if not exists bookshop_book (
                id integer primary key autoincrement,
                title text not null,
                owner_id integer not null,
                owner_name text not null
            )",
        )
        .execute(&pool)
        .await
        .map_err(StoreError::unavailable)?;
        Ok(Self(pool))
    }
}

/// Says how the bookshop opens its file: readers and one writer side by side.
pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
}

impl PostgresBooks {
    /// Connects, and makes the table where it is missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the database cannot be reached or written.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgPoolOptions::new().acquire_timeout(Duration::from_secs(5));
        let pool = options.connect(url).await.map_err(StoreError::unavailable)?;
        // Two that start together would both find it missing: they take turns.
        sqlx::raw_sql(
            "begin;
            select pg_advisory_xact_lock(hashtext('bookshop'));
            create table if not exists bookshop_book (
                id bigint generated always as identity primary key,
                title text not null,
                owner_id bigint not null,
                owner_name text not null
            );
            commit",
        )
        .execute(&pool)
        .await
        .map_err(StoreError::unavailable)?;
        Ok(Self(pool))
    }

    /// Lends the connections to the reset, which knows the other tables too.
    pub(crate) const fn pool(&self) -> &PgPool {
        &self.0
    }
}

macro_rules! keeps_books {
    ($store:ty, $row:ty) => {
        #[async_trait]
        impl BookStore for $store {
            async fn list(&self) -> Result<Vec<Book>, StoreError> {
                let rows =
                    sqlx::query("select id, title, owner_id, owner_name from bookshop_book order by id")
                        .try_map(book::<$row>)
                        .fetch_all(&self.0);
                rows.await.map_err(StoreError::unavailable)
            }

            async fn book(&self, id: i64) -> Result<Option<Book>, StoreError> {
                let row =
                    sqlx::query("select id, title, owner_id, owner_name from bookshop_book where id = $1")
                        .bind(id)
                        .try_map(book::<$row>)
                        .fetch_optional(&self.0);
                row.await.map_err(StoreError::unavailable)
            }

            async fn create(
                &self,
                title: &str,
                owner: &UserId,
                owner_name: &str,
            ) -> Result<Book, StoreError> {
                let row = sqlx::query(
                    "insert into bookshop_book (title, owner_id, owner_name) values ($1, $2, $3)
                     returning id, title, owner_id, owner_name",
                )
                .bind(title)
                .bind(number(owner)?)
                .bind(owner_name)
                .try_map(book::<$row>)
                .fetch_one(&self.0);
                row.await.map_err(StoreError::unavailable)
            }

            async fn rename(&self, id: i64, title: &str) -> Result<bool, StoreError> {
                let renamed = sqlx::query("update bookshop_book set title = $1 where id = $2")
                    .bind(title)
                    .bind(id)
                    .execute(&self.0)
                    .await
                    .map_err(StoreError::unavailable)?;
                Ok(renamed.rows_affected() > 0)
            }

            async fn delete(&self, id: i64) -> Result<bool, StoreError> {
                let deleted = sqlx::query("delete from bookshop_book where id = $1")
                    .bind(id)
                    .execute(&self.0)
                    .await
                    .map_err(StoreError::unavailable)?;
                Ok(deleted.rows_affected() > 0)
            }

            async fn delete_of(&self, owner: &UserId) -> Result<(), StoreError> {
                sqlx::query("delete from bookshop_book where owner_id = $1")
                    .bind(number(owner)?)
                    .execute(&self.0)
                    .await
                    .map_err(StoreError::unavailable)?;
                Ok(())
            }
        }
    };
}

keeps_books!(SqliteBooks, SqliteRow);
keeps_books!(PostgresBooks, PgRow);

/// Reads a row of `id, title, owner_id, owner_name`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is sqlx's")]
fn book<R: Row>(row: R) -> Result<Book, SqlxError>
where
    usize: ColumnIndex<R>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(Book {
        id: row.try_get(0)?,
        title: row.try_get(1)?,
        owner: row.try_get::<i64, _>(2)?.into(),
        owner_name: row.try_get(3)?,
    })
}

/// The ids of `SqlStore` are numbers; another one cannot be the owner of a row here.
fn number(owner: &UserId) -> Result<i64, StoreError> {
    owner.as_number().ok_or(StoreError::Unsupported("books of users whose id is no number"))
}
