//! Opening a store by its URL, and what lies over it.
//!
//! A file that is missing or has no tables is not made in passing: a name mistyped would look like an empty store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis::jwt::{JwtConfig, JwtConfigError, KeyError};
use portcullis::store::Mixed;
use portcullis::{Account, Jwt, KeyRing, SessionConfig, Sessions, Tokens, Users};
use portcullis_redis::{RedisConfig, RedisError, RedisStore};
use portcullis_sql::{SqlConfig, SqlError, SqlStore};

use crate::cli::Options;
use crate::failure::Failure;

/// Longer than an application waits: nobody is behind it, and a purge may meet a busy database.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most that an application may allow for clocks that differ.
const LEEWAY: Duration = Duration::from_secs(300);

/// Users and tokens in SQL, and sessions and refresh tokens there or in Redis.
pub(crate) struct Store {
    pub(crate) sql: SqlStore,
    /// Opened by `open_all` alone.
    pub(crate) redis: Option<RedisStore>,
}

impl Store {
    /// Opens where users and tokens lie: whoever must be shut out is, also while Redis is down.
    pub(crate) async fn open(options: &Options) -> Result<Self, Failure> {
        Ok(Self { sql: open_sql(options.store()?).await?, redis: None })
    }

    /// Opens where sessions and refresh tokens lie, too.
    pub(crate) async fn open_all(options: &Options) -> Result<Self, Failure> {
        let store = Self::open(options).await?;
        let redis = match options.sessions() {
            Some(url) => Some(open_redis(url, &options.namespace).await?),
            None => None,
        };
        Ok(Self { redis, ..store })
    }

    pub(crate) fn users(&self) -> Users {
        Users::new(self.sql.clone())
    }

    pub(crate) fn tokens(&self) -> Tokens {
        Tokens::new(self.sql.clone())
    }

    /// The sessions, of which each ends when its record says so: what the application makes of idle times is its own.
    pub(crate) fn sessions(&self) -> Sessions {
        let config = SessionConfig::default().with_idle(Duration::MAX).with_absolute(None);
        match &self.redis {
            Some(redis) => Sessions::new(Mixed::new(redis.clone(), self.sql.clone()), config),
            None => Sessions::new(self.sql.clone(), config),
        }
    }

    /// The refresh tokens. Nothing is signed here; the key is drawn and forgotten. A purge spares those that an application
    /// with leeway may still be shown: it would adopt what was revoked, once the row is gone.
    pub(crate) fn refresh(&self) -> Result<Jwt, Failure> {
        let ring = throwaway().map_err(|error| impossible(&error.into()))?;
        let jwt = match &self.redis {
            Some(redis) => Jwt::new(ring, Mixed::new(redis.clone(), self.sql.clone())),
            None => Jwt::new(ring, self.sql.clone()),
        };
        let config = JwtConfig::default().with_leeway(LEEWAY);
        jwt.and_then(|jwt| jwt.with_config(config)).map_err(|error| impossible(&error))
    }

    /// Finds a user by name.
    pub(crate) async fn user(&self, name: &str) -> Result<Arc<Account>, Failure> {
        self.users().find_by_name(name).await?.ok_or_else(|| Failure::no_such_user(name))
    }
}

/// Makes the tables, or brings them up to date.
pub(crate) async fn migrate(url: &str) -> Result<(), Failure> {
    let store = SqlStore::connect_with(url, config()).await.map_err(failure)?;
    store.migrate().await.map(drop).map_err(failure)
}

async fn open_sql(url: &str) -> Result<SqlStore, Failure> {
    let store = match file(url) {
        Some((path, mode)) => open_file(path, mode).await?,
        None => SqlStore::connect_with(url, config()).await.map_err(failure)?,
    };
    if store.is_migrated().await.map_err(failure)? { Ok(store) } else { Err(no_tables()) }
}

async fn open_file(path: &str, mode: &str) -> Result<SqlStore, Failure> {
    // Read-only, it says that tables are missing, and makes none.
    let look = SqlStore::connect_with(&format!("{path}?mode=ro"), config()).await;
    let look = look.map_err(|error| match error {
        SqlError::Unavailable(why) if is_missing(path) => Failure::Outage(format!(
            "the file cannot be opened: {why}; if the store is new, `portcullis migrate` makes it"
        )),
        other => failure(other),
    })?;
    if mode == "mode=ro" {
        return Ok(look);
    }
    SqlStore::connect_with(&format!("{path}?mode=rw"), config()).await.map_err(failure)
}

/// Tells whether no file is there, as far as the path of a URL is read without its escapes.
fn is_missing(url: &str) -> bool {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    matches!(Path::new(path).try_exists(), Ok(false))
}

/// Splits the URL of a file of SQLite into path and mode.
fn file(url: &str) -> Option<(&str, &str)> {
    let (path, mode) = url.split_once('?').unwrap_or((url, ""));
    let is_known = matches!(mode, "" | "mode=ro" | "mode=rw" | "mode=rwc");
    (url.starts_with("sqlite:") && is_known).then_some((path, mode))
}

fn config() -> SqlConfig {
    SqlConfig::default().with_timeout(TIMEOUT)
}

fn failure(error: SqlError) -> Failure {
    match error {
        SqlError::Unavailable(_) | SqlError::NewerSchema { .. } => Failure::Outage(error.to_string()),
        SqlError::ReadOnly => no_tables(),
        other => Failure::Usage(other.to_string()),
    }
}

fn no_tables() -> Failure {
    Failure::Outage("the store has no tables, or old ones: run `portcullis migrate`".into())
}

async fn open_redis(url: &str, namespace: &str) -> Result<RedisStore, Failure> {
    let config = RedisConfig::default().with_timeout(TIMEOUT).with_namespace(namespace);
    RedisStore::connect_with(url, config).await.map_err(|error| match error {
        RedisError::Unavailable(_) => Failure::Outage(error.to_string()),
        other => Failure::Usage(other.to_string()),
    })
}

fn throwaway() -> Result<KeyRing, KeyError> {
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| KeyError::NoKey)?;
    KeyRing::from_secret(secret)
}

fn impossible(error: &JwtConfigError) -> Failure {
    Failure::Refused(error.to_string())
}
