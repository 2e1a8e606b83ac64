//! What the tests share: a file, and a second connection to it.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use portcullis::store::{
    RefreshRecord, RefreshStore, Rotation, SessionChange, SessionRecord, SessionStore, StoreError,
    TokenRecord, TokenStore,
};
use portcullis::{Digest, Timestamp, UserId};
use portcullis_sql::{SqlConfig, SqlStore};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

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

pub(crate) fn token(name: &str, user: impl Into<UserId>) -> TokenRecord {
    TokenRecord::new(Digest::of(name), user.into(), NOW)
}

pub(crate) fn session_of(user: impl Into<UserId>) -> SessionRecord {
    let mut session = SessionRecord::new(NOW, NOW.after(Duration::from_secs(3600)));
    session.user = Some(user.into());
    session
}

pub(crate) fn refresh_of(name: &str, user: impl Into<UserId>) -> RefreshRecord {
    RefreshRecord::new(Digest::of(name), Some(user.into()), NOW, NOW.after(Duration::from_secs(3600)))
}

pub(crate) fn rotation_of(presented: &RefreshRecord, next: &str) -> Rotation {
    Rotation::new(presented.clone(), Digest::of(next), NOW.after(Duration::from_secs(7200)), NOW)
}

/// Adds a token, a session and a refresh token, all called `name`, of one user.
pub(crate) async fn add_credentials(store: &SqlStore, name: &str, user: &UserId) {
    store.create_token(token(name, user.clone()), None).await.unwrap();
    let create = SessionChange::Create(Digest::of(name), session_of(user.clone()));
    store.commit(create).await.unwrap();
    store.create_refresh(refresh_of(name, user.clone())).await.unwrap();
}

/// Insists that an answer is an outage, and nothing else.
#[expect(clippy::needless_pass_by_value, reason = "it takes the answer where it is made")]
pub(crate) fn unavailable<T: Debug>(answer: Result<T, StoreError>, what: &str) {
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{what}: {answer:?}");
}
