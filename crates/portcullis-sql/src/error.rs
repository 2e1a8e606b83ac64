//! Why there is no store.

use std::error::Error as StdError;

use portcullis::store::StoreError;

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
    #[error("`{0}` is not a database that is supported; write `sqlite:app.db` or `sqlite::memory:`")]
    UnknownScheme(String),
    /// The URL names a database that a later version is to support.
    #[error("`{0}` is not supported in this version; write `sqlite:app.db` or `sqlite::memory:`")]
    NotInThisVersion(String),
    /// The URL cannot be read.
    #[error("the URL of the database cannot be used: {0}")]
    Malformed(String),
    /// The database cannot be opened or be brought up to date.
    #[error("the database cannot be opened: {0}")]
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
        Self::unavailable(error)
    }
}

/// Tells a taken name or key from an outage. What the database says holds names of columns, never values.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(refusal) if refusal.is_unique_violation() => StoreError::Conflict,
        Some(refusal) if refusal.is_foreign_key_violation() => {
            StoreError::unavailable("a group does not exist")
        }
        _ => StoreError::unavailable(error),
    }
}
