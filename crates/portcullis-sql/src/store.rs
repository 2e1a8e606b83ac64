//! The store: opening, and bringing up to date.

use std::fmt;
use std::sync::Arc;

use crate::config::SqlConfig;
use crate::database::Database;
use crate::error::SqlError;
#[cfg(feature = "postgres")]
use crate::postgres;
#[cfg(feature = "sqlite")]
use crate::sqlite;

/// Keeps users, groups, tokens, refresh tokens, sessions and counters in an SQL database; cloning shares the connections.
///
/// It implements every trait of [`portcullis::store`] for [`Account`](portcullis::Account). An application with its own
/// user table puts its own [`UserStore`](portcullis::store::UserStore) beside it with
/// [`Mixed`](portcullis::store::Mixed).
///
/// # Examples
///
/// ```
/// use portcullis::store::{NewUser, UserStore};
/// use portcullis_sql::SqlStore;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let store = SqlStore::connect("sqlite::memory:").await?; // or "sqlite:app.db", or "postgres://app@localhost/app"
/// store.migrate().await?; // PostgreSQL does not migrate by itself
/// let john = store.create_user(NewUser::new("john")).await?;
/// assert_eq!(store.user(&john.id).await?, Some(john));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// The database holds password hashes and the digests of tokens and sessions; a file of SQLite that is made here only its
/// owner may read (on Unix). Who can write it can let anybody in. To a PostgreSQL on another machine write
/// `?sslmode=verify-full` (feature `tls`): anything less may be listened to, or answered by somebody else.
#[derive(Clone)]
pub struct SqlStore(pub(crate) Arc<Kind>);

/// The database that the URL named.
pub(crate) enum Kind {
    #[cfg(feature = "sqlite")]
    Sqlite(Database<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Database<sqlx::Postgres>),
}

/// Calls a verb on the database, whichever it is.
macro_rules! on {
    ($store:ident, $database:ident => $verb:expr) => {
        match &*$store.0 {
            #[cfg(feature = "sqlite")]
            crate::store::Kind::Sqlite($database) => $verb,
            #[cfg(feature = "postgres")]
            crate::store::Kind::Postgres($database) => $verb,
        }
    };
}
pub(crate) use on;

impl SqlStore {
    /// Opens a database: SQLite is brought up to date at once, PostgreSQL by [`migrate`](Self::migrate).
    ///
    /// - `sqlite:app.db` is a file, made if it is missing; `?mode=rw` asks that it exists, and with `?mode=ro` every
    ///   change is an outage. `sqlite::memory:` lives as long as the store.
    /// - `postgres://user:password@host:5432/database` is a PostgreSQL server, which must answer and be no standby; what the URL leaves
    ///   out is taken from the variables and the file of passwords that libpq reads. Its parameters are libpq's
    ///   `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `host` (also the directory of a socket), `hostaddr`, `port`,
    ///   `user`, `dbname`, `password`, `application_name` and `options`.
    ///
    /// # Errors
    ///
    /// [`SqlError`] when the URL is not understood, the database cannot be opened, or its tables are of a later major
    /// version.
    pub async fn connect(url: &str) -> Result<Self, SqlError> {
        Self::connect_with(url, SqlConfig::default()).await
    }

    /// Opens a database like [`connect`](Self::connect), with another configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_sql::{SqlConfig, SqlStore};
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let config = SqlConfig::default().with_timeout(Duration::from_millis(500));
    /// let store = SqlStore::connect_with("sqlite::memory:", config).await?;
    /// # let _ = store;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub async fn connect_with(url: &str, config: SqlConfig) -> Result<Self, SqlError> {
        let kind = match url.split_once(':') {
            #[cfg(feature = "sqlite")]
            Some(("sqlite", _)) => Kind::Sqlite(sqlite::open(url, &config).await?),
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => Kind::Postgres(postgres::open(url, &config).await?),
            #[cfg(not(feature = "sqlite"))]
            Some(("sqlite", _)) => return Err(SqlError::MissingFeature("sqlite:".to_owned())),
            #[cfg(not(feature = "postgres"))]
            Some((scheme @ ("postgres" | "postgresql"), _)) => {
                return Err(SqlError::MissingFeature(format!("{scheme}:")));
            }
            _ => return Err(SqlError::UnknownScheme(scheme_of(url))),
        };
        Ok(Self(Arc::new(kind)))
    }

    /// Makes the tables or brings them up to date, and tells how many steps that took.
    ///
    /// [`connect`](Self::connect) has done it already for SQLite. Each step is one transaction, and programs that start
    /// together take turns, however long that takes: the time-out of the verbs does not bound a step. A step adds, so that
    /// programs of the version before go on working beside this one. The tables' names begin with `portcullis_`, that of
    /// their versions too: other programs' tables and migrations may live in the same database.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_sql::SqlStore;
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let store = SqlStore::connect("sqlite::memory:").await?;
    /// assert_eq!(store.migrate().await?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SqlError::NewerSchema`] when the tables are of a later major version, else what the database said.
    pub async fn migrate(&self) -> Result<u32, SqlError> {
        on!(self, database => database.migrate().await)
    }

    /// Tells whether the tables are there and up to date, and changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_sql::SqlStore;
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let store = SqlStore::connect("sqlite::memory:").await?;
    /// assert!(store.is_migrated().await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`migrate`](Self::migrate).
    pub async fn is_migrated(&self) -> Result<bool, SqlError> {
        on!(self, database => database.is_migrated().await)
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").finish_non_exhaustive()
    }
}

/// Shows no more of an unknown URL than its scheme: there may be a password in it.
fn scheme_of(url: &str) -> String {
    match url.split_once(':') {
        Some((scheme, _))
            if scheme.len() <= 20 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            format!("{scheme}:")
        }
        _ => "that URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_that_is_refused() {
        for (url, message) in [
            ("", "`that URL` is not a database"),
            ("app.db", "`that URL` is not a database"),
            ("sqlite", "`that URL` is not a database"),
            ("mysql://root:secret@db/app", "`mysql:` is not a database"),
            ("rediss://:secret@db", "`rediss:` is not a database"),
            ("SQLITE:app.db", "`SQLITE:` is not a database"),
            ("secret@db:5432/app", "`that URL` is not a database"),
            #[cfg(not(feature = "postgres"))]
            ("postgres://u:secret@db/app", "turn on the feature"),
            #[cfg(not(feature = "sqlite"))]
            ("sqlite:app.db", "turn on the feature"),
        ] {
            let error = SqlStore::connect(url).await.unwrap_err().to_string();
            assert!(error.contains(message) && error.contains("postgres://"), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
