//! The contract for sessions.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::store::{Purged, StoreError, UserStore};
use crate::user::UserId;

/// A session at rest; its key is the digest of the id in the cookie.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::Timestamp;
/// use portcullis::store::SessionRecord;
///
/// let now = Timestamp::from_seconds(1_800_000_000);
/// let mut session = SessionRecord::new(now, now.after(Duration::from_secs(3600)));
/// session.user = Some(17.into());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// Who is logged in, if anyone is.
    pub user: Option<UserId>,
    /// The user's epoch at login.
    pub epoch: i64,
    /// When the user logged in, or the session began.
    pub created_at: Timestamp,
    /// About when it was used last.
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used again.
    pub expires_at: Timestamp,
    /// What the application keeps in it: a JSON object, or nothing.
    pub data: Arc<str>,
    /// What its owner may recognise it by: the browser's name at login.
    pub label: Arc<str>,
}

impl SessionRecord {
    /// Describes a session of nobody, without data.
    #[must_use]
    pub fn new(created_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            user: None,
            epoch: 0,
            created_at,
            last_seen_at: created_at,
            expires_at,
            data: "".into(),
            label: "".into(),
        }
    }
}

/// A change to one session, made in one piece.
///
/// # Examples
///
/// See [`SessionStore`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionChange {
    /// Add a session; never replace one.
    Create(Digest, SessionRecord),
    /// Replace a session that is still there.
    Save(Digest, SessionRecord),
    /// Note a use of a session that is still there: the last use, and the new end.
    Touch(Digest, Timestamp, Timestamp),
    /// Give a session that is still there a new key and record: the old key is dead in the same step.
    Cycle(Digest, Digest, SessionRecord),
    /// End a session.
    Flush(Digest),
}

/// What became of a [`SessionChange`].
///
/// # Examples
///
/// See [`SessionStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is done.
    Done,
    /// The session was not there (any more): nothing was changed.
    Gone,
    /// The new key is taken: nothing was changed.
    Taken,
}

/// Keeps sessions by the digest of their id.
///
/// # Examples
///
/// ```
/// use portcullis::store::{Committed, MemoryStore, SessionChange, SessionRecord, SessionStore};
/// use portcullis::{Digest, Timestamp};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let (key, now) = (Digest::of("the id in a cookie"), Timestamp::from_seconds(1_800_000_000));
/// let record = SessionRecord::new(now, Timestamp::MAX);
/// assert_eq!(store.commit(SessionChange::Create(key, record.clone())).await?, Committed::Done);
/// assert_eq!(store.commit(SessionChange::Flush(key)).await?, Committed::Done);
/// // What was ended stays ended.
/// assert_eq!(store.commit(SessionChange::Save(key, record)).await?, Committed::Gone);
/// # Ok::<(), portcullis::store::StoreError>(())
/// # }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not keep sessions",
    label = "not a `SessionStore`",
    note = "where records lie in one store and users in another, join them: `Mixed::new(records, users)`"
)]
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Finds a session by key, also an expired one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError>;

    /// Makes one change, wholly or not at all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that the change is durable.
    ///
    /// # Security
    ///
    /// A `Save` or `Cycle` that revives a session which was ended meanwhile undoes a logout (CVE-2024-35220).
    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError>;

    /// Lists a user's sessions with their keys, the one used last first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError>;

    /// Ends one session of one user; `false` when that user has no such session.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that it is gone.
    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError>;

    /// Ends all sessions of a user, but for one if asked, and tells how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that they are gone.
    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError>;

    /// Deletes at most `limit` sessions that ended by `now`, and tells whether that was all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError>;
}

/// Finds a session and its user; a store that keeps both in one database answers in one round trip.
///
/// # Examples
///
/// ```
/// use portcullis::Account;
/// use portcullis::store::{SessionStore, UserBySession, UserStore};
///
/// /// A store that makes two round trips needs no code.
/// fn as_it_is<S: SessionStore + UserStore + UserBySession<Account>>(_: S) {}
/// as_it_is(portcullis::store::MemoryStore::new());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not find the users behind its sessions",
    label = "not a `UserBySession<{U}>`",
    note = "where records lie in one store and users in another, join them: `Mixed::new(records, users)`",
    note = "a store of your own that keeps both needs no code: `impl UserBySession<{U}> for MyStore {{}}`"
)]
#[async_trait]
pub trait UserBySession<U>: SessionStore + UserStore<U> {
    /// Finds a session and its user, who may be gone, or nobody.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn user_by_session(
        &self,
        key: &Digest,
    ) -> Result<Option<(SessionRecord, Option<Arc<U>>)>, StoreError> {
        let Some(record) = self.session(key).await? else { return Ok(None) };
        let user = match &record.user {
            Some(id) => self.user(id).await?,
            None => None,
        };
        Ok(Some((record, user)))
    }
}
