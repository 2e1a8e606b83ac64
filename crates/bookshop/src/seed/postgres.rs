//! The way back to the seeded state of a PostgreSQL database.
//!
//! 1. A copy of the rows is kept as one script, which is one transaction: nobody ever sees a half-seeded database.
//! 2. Only our own tables are touched: other programs may have theirs in the same database.
//! 3. This is for tests: nothing but the test hook `POST /__reset__` and a start with `--reset-endpoint` calls it.

use portcullis::store::StoreError;
use sqlx::{AssertSqlSafe, Error, PgPool};

use crate::domain::PostgresBooks;

/// Lists our tables in the order in which they were made: none names rows of a later one. The schema's versions stay:
/// without them the next start would make every table a second time.
const TABLES: &str = "
select relname::text from pg_class
where relkind = 'r' and relnamespace = current_schema()::regnamespace and relname <> 'portcullis_migration'
    and (starts_with(relname, 'portcullis_') or starts_with(relname, 'bookshop_'))
order by oid";

/// Writes the statements that put the ids of our tables back to where they are.
const SEQUENCES: &str = "
select format('select setval(%L, %s, %L)', quote_ident(sequencename), coalesce(last_value, start_value), last_value is not null)
from pg_sequences
where schemaname = current_schema()
    and (starts_with(sequencename, 'portcullis_') or starts_with(sequencename, 'bookshop_'))";

/// A copy of every row of Portcullis' and the bookshop's tables.
#[derive(Debug)]
pub struct PostgresSnapshot {
    database: PgPool,
    restore: String,
}

impl PostgresSnapshot {
    /// Deletes every row of Portcullis' and the bookshop's tables; ids start again at 1.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub async fn wipe(books: &PostgresBooks) -> Result<(), StoreError> {
        let wiped = async {
            let tables = tables(books.pool()).await?;
            run(books.pool(), &format!("truncate {} restart identity", tables.join(", "))).await
        };
        wiped.await.map_err(StoreError::unavailable)
    }

    /// Copies every row as it is now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn take(books: &PostgresBooks) -> Result<Self, StoreError> {
        let database = books.pool().clone();
        let restore = script(&database).await.map_err(StoreError::unavailable)?;
        Ok(Self { database, restore })
    }

    /// Puts every row and the ids back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub async fn restore(&self) -> Result<(), StoreError> {
        run(&self.database, &self.restore).await.map_err(StoreError::unavailable)
    }
}

/// Writes the script that puts everything back. PostgreSQL quotes the rows itself; to delete a few is faster than to
/// truncate.
async fn script(database: &PgPool) -> Result<String, Error> {
    let tables = tables(database).await?;
    let mut script: Vec<_> = tables.iter().rev().map(|table| format!("delete from {table}")).collect();
    for table in &tables {
        let copy = format!(
            "select format(
                'insert into {table} overriding system value
                select * from json_populate_recordset(null::{table}, %L)',
                coalesce(json_agg(row), '[]'))
            from {table} row"
        );
        script.push(sqlx::query_scalar(AssertSqlSafe(copy)).fetch_one(database).await?);
    }
    script.extend(sqlx::query_scalar(SEQUENCES).fetch_all(database).await?);
    Ok(script.join(";\n"))
}

/// Lists our tables; their names are ours, so there is nothing in them to quote.
async fn tables(database: &PgPool) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(TABLES).fetch_all(database).await
}

/// Runs all statements or none.
///
/// There is nothing in them that a client could have injected.
async fn run(database: &PgPool, statements: &str) -> Result<(), Error> {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(database).await.map(drop)
}

#[cfg(test)]
mod tests {
    use portcullis::store::{NewUser, TokenStore, UserStore};
    use portcullis::{Digest, PasswordHash, Timestamp};
    use portcullis_servers::{Postgres, or_left_out};
    use portcullis_sql::SqlStore;

    use super::*;
    use crate::domain::BookStore;
    use crate::seed::{Hashes, PEOPLE, plant};

    #[tokio::test]
    async fn a_wiped_database_is_as_new_and_opens_again() {
        let Some(postgres) = or_left_out(Postgres::shared()) else { return };
        let url = postgres.database();
        let books = PostgresBooks::open(&url).await.unwrap();
        run(books.pool(), "create table another_program as select 1").await.unwrap();
        for round in 0..2 {
            let store = SqlStore::connect(&url).await.unwrap();
            store.migrate().await.unwrap();
            let john = store.create_user(NewUser::new("john")).await.unwrap();
            let diary = books.create("John's Diary", &john.id, "john").await.unwrap();
            assert_eq!((john.id.as_number(), diary.id), (Some(1), 1), "round {round}");
            PostgresSnapshot::wipe(&books).await.unwrap();
            assert!(store.login("john").await.unwrap().is_none(), "round {round}");
            assert_eq!(books.list().await.unwrap(), [], "round {round}");
        }
        let others = sqlx::query("select * from another_program").fetch_all(books.pool()).await.unwrap();
        assert_eq!(others.len(), 1, "another program's rows are its own");
    }

    #[tokio::test]
    async fn a_reset_puts_rows_and_ids_back() {
        let Some(postgres) = or_left_out(Postgres::shared()) else { return };
        let url = postgres.database();
        let (store, books) =
            (SqlStore::connect(&url).await.unwrap(), PostgresBooks::open(&url).await.unwrap());
        store.migrate().await.unwrap();
        let hashes = Hashes(PEOPLE.iter().map(|person| PasswordHash::new(person.password)).collect());
        plant(&store, &books, &hashes, Timestamp::EPOCH).await.unwrap();
        let snapshot = PostgresSnapshot::take(&books).await.unwrap();
        let mary = store.user(&2.into()).await.unwrap().unwrap();
        for round in 0..2 {
            assert!(store.delete_user(&mary.id).await.unwrap(), "round {round}");
            assert_eq!(store.create_user(NewUser::new("new")).await.unwrap().id, 7.into(), "round {round}");
            assert_eq!(books.create("New", &7.into(), "new").await.unwrap().id, 4, "round {round}");
            snapshot.restore().await.unwrap();
            assert_eq!(store.user(&mary.id).await.unwrap().unwrap(), mary, "round {round}");
            assert!(store.token(&Digest::of(&"2".repeat(40))).await.unwrap().is_some(), "round {round}");
            assert!(store.login("new").await.unwrap().is_none(), "round {round}");
            assert_eq!(books.list().await.unwrap().len(), 3, "round {round}");
        }
    }
}
