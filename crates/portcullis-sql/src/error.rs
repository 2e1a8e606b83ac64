//! Why there is no store.

use std::error::Error as StdError;

use portcullis::store::StoreError;

use crate::engine::Engine;

/// Why a database could not be opened or brought up to date.
///
/// # Examples
///
/// ```
/// use portcullis_sql::{SqlError, SqlStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let error = SqlStore::connect("mongodb://localhost").await.unwrap_err();
/// assert!(matches!(error, SqlError::UnknownScheme(_)));
/// assert!(error.to_string().contains("sqlite:app.db"));
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The URL names a database that Portcullis does not know.
    #[error(
        "`{0}` is not a database that is supported; write `sqlite:app.db` or `postgres://user@host/database`"
    )]
    UnknownScheme(String),
    /// The URL names a database for which the program was not compiled.
    #[error(
        "`{0}` is not compiled in: turn on the feature `sqlite` of `portcullis-sql` for `sqlite:app.db`, or `postgres` \
         for `postgres://user@host/database`"
    )]
    MissingFeature(String),
    /// The URL cannot be read.
    #[error("the URL of the database cannot be used: {0}")]
    Malformed(String),
    /// The database cannot be opened or be brought up to date.
    #[error("the database cannot be opened or brought up to date: {0}")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The tables were made by a later version that this one does not understand.
    #[error("the tables are of schema {found}, and this version understands {known}: update the program")]
    NewerSchema {
        /// The major version of the tables.
        found: i64,
        /// The newest major version that this program understands.
        known: i64,
    },
    /// The tables are of an older version, and the database cannot be written.
    #[error("the tables are not up to date, and the database is read-only")]
    ReadOnly,
}

impl SqlError {
    pub(crate) fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }
}

impl From<sqlx::Error> for SqlError {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable(error)
    }
}

impl From<StoreError> for SqlError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::unavailable(Box::new(why)),
            other => Self::unavailable(other),
        }
    }
}

/// What PostgreSQL says of a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// Tells a taken name or key from an outage.
///
/// Of what a database refuses only the message is kept, which holds names of columns: the detail that PostgreSQL gives
/// beside it may be the whole row, with the hash of a password.
pub(crate) fn store_error<E: Engine>(error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(refusal) if refusal.is_unique_violation() => StoreError::Conflict,
        Some(refusal) if refusal.code().as_deref() == Some(UNDEFINED_TABLE) => StoreError::unavailable(
            "the tables of Portcullis are not there: call `SqlStore::migrate()` once, before the first request",
        ),
        Some(refusal) if !E::is_gone(&error) => StoreError::unavailable(refusal.message()),
        _ => StoreError::unavailable(error),
    }
}
