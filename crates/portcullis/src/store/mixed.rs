//! Two stores as one.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::store::{
    Committed, CounterStore, Group, Limit, LoginRecord, NewUser, Purged, RefreshRecord, RefreshStore,
    Reserved, Revocation, Rotated, Rotation, SessionChange, SessionRecord, SessionStore, StoreError,
    TokenRecord, TokenStore, UserBySession, UserByToken, UserChange, UserStore,
};
use crate::user::UserId;

/// Keeps tokens, refresh tokens, sessions and counters in one store and finds users in another.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use portcullis::store::{MemoryStore, Mixed};
///
/// // An application's own user table would stand in the second place.
/// let store = Mixed::new(MemoryStore::new(), MemoryStore::new());
/// # let _ = store.clone();
/// ```
#[derive(Debug, Default)]
pub struct Mixed<R, S> {
    records: Arc<R>,
    users: Arc<S>,
}

impl<R, S> Mixed<R, S> {
    /// Joins a store of tokens, refresh tokens, sessions and counters with a store of users.
    #[must_use]
    pub fn new(records: R, users: S) -> Self {
        Self { records: Arc::new(records), users: Arc::new(users) }
    }
}

impl<R, S> Clone for Mixed<R, S> {
    fn clone(&self) -> Self {
        Self { records: Arc::clone(&self.records), users: Arc::clone(&self.users) }
    }
}

#[async_trait]
impl<U: Send + Sync + 'static, R: Send + Sync + 'static, S: UserStore<U>> UserStore<U> for Mixed<R, S> {
    async fn user(&self, id: &UserId) -> Result<Option<Arc<U>>, StoreError> {
        self.users.user(id).await
    }

    async fn login(&self, username: &str) -> Result<Option<LoginRecord<U>>, StoreError> {
        self.users.login(username).await
    }

    async fn create_user(&self, user: NewUser) -> Result<Arc<U>, StoreError> {
        self.users.create_user(user).await
    }

    async fn update_user(&self, id: &UserId, change: UserChange) -> Result<bool, StoreError> {
        self.users.update_user(id, change).await
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        self.users.delete_user(id).await
    }

    async fn users(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Arc<U>>, StoreError> {
        self.users.users(after, limit).await
    }

    async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        self.users.put_group(group).await
    }
}

#[async_trait]
impl<R: TokenStore, S: Send + Sync + 'static> TokenStore for Mixed<R, S> {
    async fn create_token(&self, record: TokenRecord, keep: Option<u32>) -> Result<(), StoreError> {
        self.records.create_token(record, keep).await
    }

    async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        self.records.token(digest).await
    }

    async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError> {
        self.records.tokens_of(user).await
    }

    async fn touch_token(&self, digest: &Digest, last_used_at: Timestamp) -> Result<(), StoreError> {
        self.records.touch_token(digest, last_used_at).await
    }

    async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError> {
        self.records.revoke_token(user, digest).await
    }

    async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError> {
        self.records.revoke_tokens(user).await
    }

    async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.records.purge_tokens(now, limit).await
    }
}

#[async_trait]
impl<R: SessionStore, S: Send + Sync + 'static> SessionStore for Mixed<R, S> {
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        self.records.session(key).await
    }

    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        self.records.commit(change).await
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        self.records.sessions_of(user).await
    }

    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        self.records.end_session(user, key).await
    }

    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError> {
        self.records.end_sessions(user, except).await
    }

    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.records.purge_sessions(now, limit).await
    }
}

#[async_trait]
impl<R: RefreshStore, S: Send + Sync + 'static> RefreshStore for Mixed<R, S> {
    async fn create_refresh(&self, record: RefreshRecord) -> Result<(), StoreError> {
        self.records.create_refresh(record).await
    }

    async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        self.records.refresh(id).await
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.records.rotate_refresh(rotation).await
    }

    async fn revoke_refresh(&self, presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError> {
        self.records.revoke_refresh(presented, adopts).await
    }

    async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError> {
        self.records.refresh_of(user).await
    }

    async fn revoke_refresh_family(&self, user: &UserId, family: &Digest) -> Result<bool, StoreError> {
        self.records.revoke_refresh_family(user, family).await
    }

    async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError> {
        self.records.revoke_refresh_all(user).await
    }

    async fn purge_refresh(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.records.purge_refresh(now, limit).await
    }
}

#[async_trait]
impl<R: CounterStore, S: Send + Sync + 'static> CounterStore for Mixed<R, S> {
    async fn reserve(&self, key: &Digest, limit: &Limit, now: Timestamp) -> Result<Reserved, StoreError> {
        self.records.reserve(key, limit, now).await
    }

    async fn give_back(&self, key: &Digest, limit: &Limit, at: Timestamp) -> Result<(), StoreError> {
        self.records.give_back(key, limit, at).await
    }

    async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.records.purge_counters(now, limit).await
    }
}

impl<U: Send + Sync + 'static, R: TokenStore, S: UserStore<U>> UserByToken<U> for Mixed<R, S> {}

impl<U: Send + Sync + 'static, R: SessionStore, S: UserStore<U>> UserBySession<U> for Mixed<R, S> {}
