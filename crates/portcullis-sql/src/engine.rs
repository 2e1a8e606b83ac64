//! What one database says otherwise than another.
//!
//! 1. The verbs are written once, over [`Engine`]; an engine has its statements, its values, and how it is opened.
//! 2. Every value is bound; no statement is put together.
//! 3. A text that the engine cannot store names nothing: a look-up by it finds nothing, and storing it is refused.

use std::borrow::Cow;
use std::time::Duration;

use portcullis::store::StoreError;
use sqlx::{Connection, Database, Error};

/// How a connection to a database is opened.
pub(crate) type Options<E> = <<E as Database>::Connection as Connection>::Options;
/// The driver's statement with its values.
pub(crate) type Raw<E> = sqlx::query::Query<'static, E, <E as Database>::Arguments>;

/// A kind of database.
pub(crate) trait Engine: Database {
    const USER: UserSql;
    const TOKEN: TokenSql;
    const SESSION: SessionSql;
    const REFRESH: RefreshSql;
    const COUNTER: CounterSql;
    const SCHEMA: Schema;
    /// Begins a transaction that is to change rows.
    const BEGIN: &'static str;
    /// Makes transactions that name the same thing take turns; none where all that write do so anyway.
    const LOCK: Option<&'static str>;
    /// Whether a text may hold NUL.
    const STORES_NUL: bool;
    /// Whether a connection ends by itself, in order, what a dropped verb has begun; else it is closed.
    const OUTLIVES_ITS_VERB: bool;

    /// Opens a connection on which no statement runs for much longer than its verb is waited for.
    fn open(
        options: &Options<Self>,
        patience: Duration,
    ) -> impl Future<Output = Result<Self::Connection, Error>> + Send;

    /// Tells whether the error says that the connection is gone, rather than that a statement failed.
    fn is_gone(error: &Error) -> bool;

    fn bind(query: Raw<Self>, value: Value<'_>) -> Raw<Self>;

    fn fetch_optional(
        database: &mut Self::Connection,
        query: Raw<Self>,
    ) -> impl Future<Output = Result<Option<Self::Row>, Error>> + Send;

    fn fetch_all(
        database: &mut Self::Connection,
        query: Raw<Self>,
    ) -> impl Future<Output = Result<Vec<Self::Row>, Error>> + Send;

    /// Runs a statement, and tells how many rows it changed.
    fn execute(
        database: &mut Self::Connection,
        query: Raw<Self>,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Runs statements that take no values.
    fn run_script(
        database: &mut Self::Connection,
        script: &'static str,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    fn int(row: &Self::Row, column: usize) -> Result<Option<i64>, StoreError>;
    fn flag(row: &Self::Row, column: usize) -> Result<Option<bool>, StoreError>;
    fn text(row: &Self::Row, column: usize) -> Result<Option<&str>, StoreError>;
    fn bytes(row: &Self::Row, column: usize) -> Result<Option<&[u8]>, StoreError>;
}

/// Writes what is textually alike in the engines, whose bounds cannot be named once for all.
macro_rules! alike {
    () => {
        fn bind(query: Raw<Self>, value: Value<'_>) -> Raw<Self> {
            match value {
                Value::Int(value) => query.bind(value),
                Value::Flag(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            }
        }

        async fn fetch_optional(
            database: &mut Self::Connection,
            query: Raw<Self>,
        ) -> Result<Option<Self::Row>, Error> {
            query.fetch_optional(database).await
        }

        async fn fetch_all(
            database: &mut Self::Connection,
            query: Raw<Self>,
        ) -> Result<Vec<Self::Row>, Error> {
            query.fetch_all(database).await
        }

        async fn execute(database: &mut Self::Connection, query: Raw<Self>) -> Result<u64, Error> {
            query.execute(database).await.map(|done| done.rows_affected())
        }

        async fn run_script(database: &mut Self::Connection, script: &'static str) -> Result<(), Error> {
            sqlx::raw_sql(script).execute(database).await.map(drop)
        }

        fn int(row: &Self::Row, column: usize) -> Result<Option<i64>, StoreError> {
            row.try_get(column).map_err(StoreError::unavailable)
        }

        fn text(row: &Self::Row, column: usize) -> Result<Option<&str>, StoreError> {
            row.try_get(column).map_err(StoreError::unavailable)
        }

        fn bytes(row: &Self::Row, column: usize) -> Result<Option<&[u8]>, StoreError> {
            row.try_get(column).map_err(StoreError::unavailable)
        }
    };
}
pub(crate) use alike;

/// A value to be bound; a null is of its type, too.
#[derive(Debug)]
pub(crate) enum Value<'v> {
    Int(Option<i64>),
    Flag(Option<bool>),
    Text(Option<Cow<'v, str>>),
    Bytes(Option<Cow<'v, [u8]>>),
}

macro_rules! values {
    ($($value:ty => $kind:ident),* $(,)?) => {$(
        impl<'v> From<$value> for Value<'v> {
            fn from(value: $value) -> Self {
                Self::$kind(Some(value.into()))
            }
        }

        impl<'v> From<Option<$value>> for Value<'v> {
            fn from(value: Option<$value>) -> Self {
                Self::$kind(value.map(Into::into))
            }
        }
    )*};
}

values! {
    i64 => Int,
    bool => Flag,
    &'v str => Text,
    &'v String => Text,
    String => Text,
    &'v [u8] => Bytes,
    Vec<u8> => Bytes,
}

/// A statement with its values.
pub(crate) struct Query<E: Engine> {
    raw: Raw<E>,
    holds_nul: bool,
}

pub(crate) fn query<E: Engine>(statement: &'static str) -> Query<E> {
    Query { raw: sqlx::query(statement), holds_nul: false }
}

impl<E: Engine> Query<E> {
    pub(crate) fn bind<'v>(self, value: impl Into<Value<'v>>) -> Self {
        let value = value.into();
        let has_nul =
            !E::STORES_NUL && matches!(&value, Value::Text(Some(text)) if text.as_bytes().contains(&0));
        Self { raw: E::bind(self.raw, value), holds_nul: self.holds_nul || has_nul }
    }

    /// Tells that the engine knows no row with these values.
    pub(crate) const fn holds_nul(&self) -> bool {
        self.holds_nul
    }

    /// Hands over what is to be stored.
    pub(crate) fn checked(self) -> Result<Raw<E>, StoreError> {
        if self.holds_nul {
            return Err(StoreError::unavailable("a text holds NUL, which this database cannot store"));
        }
        Ok(self.raw)
    }
}

pub(crate) struct UserSql {
    pub(crate) by_id: &'static str,
    pub(crate) login: &'static str,
    pub(crate) list: &'static str,
    pub(crate) insert: &'static str,
    pub(crate) join_groups: &'static str,
    pub(crate) grant: &'static str,
    pub(crate) update: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) create_group: &'static str,
    pub(crate) clear_group: &'static str,
    pub(crate) fill_group: &'static str,
}

pub(crate) struct TokenSql {
    pub(crate) by_digest: &'static str,
    pub(crate) with_user: &'static str,
    pub(crate) of_user: &'static str,
    pub(crate) insert: &'static str,
    pub(crate) trim: &'static str,
    pub(crate) touch: &'static str,
    pub(crate) revoke: &'static str,
    pub(crate) revoke_all: &'static str,
    pub(crate) purge: &'static str,
}

pub(crate) struct SessionSql {
    pub(crate) by_key: &'static str,
    pub(crate) with_user: &'static str,
    pub(crate) of_user: &'static str,
    pub(crate) create: &'static str,
    pub(crate) save: &'static str,
    pub(crate) touch: &'static str,
    pub(crate) cycle: &'static str,
    pub(crate) flush: &'static str,
    pub(crate) end: &'static str,
    pub(crate) end_all: &'static str,
    pub(crate) purge: &'static str,
}

pub(crate) struct RefreshSql {
    pub(crate) by_id: &'static str,
    pub(crate) by_ids: &'static str,
    pub(crate) of_user: &'static str,
    /// Makes all that change what the row's login holds take turns, and touches the row; see `Engine::LOCK`.
    pub(crate) lock: Option<&'static str>,
    pub(crate) insert: &'static str,
    pub(crate) rotate: &'static str,
    pub(crate) revoke: &'static str,
    pub(crate) revoke_family: &'static str,
    pub(crate) revoke_all: &'static str,
    pub(crate) purge: &'static str,
}

pub(crate) struct CounterSql {
    pub(crate) by_key: &'static str,
    /// Finds a counter for a transaction that will put another in its place: nobody swaps it meanwhile.
    pub(crate) lock: &'static str,
    pub(crate) swap: &'static str,
    pub(crate) put: &'static str,
    pub(crate) purge: &'static str,
    pub(crate) trim: &'static str,
}

/// The tables and their versions.
pub(crate) struct Schema {
    /// All steps, in order.
    pub(crate) steps: &'static [Step],
    /// What a transaction that applies a step does first.
    pub(crate) prepare: &'static str,
    /// Finds a row where the table of versions is there.
    pub(crate) has_versions: &'static str,
    pub(crate) create_versions: &'static str,
    pub(crate) version: &'static str,
    pub(crate) note_version: &'static str,
}

/// One step of the schema.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its place; a step is never changed once released, only followed.
    pub(crate) number: i64,
    /// Raised by a step that programs written before it cannot live with.
    pub(crate) major: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}
