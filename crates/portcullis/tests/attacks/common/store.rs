//! The memory store behind a wire that can be cut, verb by verb, and that counts what went over it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portcullis::store::{
    Committed, CounterStore, Group, Limit, LoginRecord, MemoryStore, NewUser, Purged, RefreshRecord,
    RefreshStore, Reserved, Revocation, Rotated, Rotation, SessionChange, SessionRecord, SessionStore,
    StoreError, TokenRecord, TokenStore, UserBySession, UserByToken, UserChange, UserStore,
};
use portcullis::{Account, Digest, Timestamp, UserId};

#[derive(Clone, Default)]
pub(crate) struct Shaky {
    pub(crate) memory: MemoryStore,
    wire: Arc<Mutex<Wire>>,
}

#[derive(Default)]
struct Wire {
    cut: HashSet<&'static str>,
    calls: Vec<&'static str>,
    yields: bool,
}

impl Shaky {
    pub(crate) fn cut(&self, verb: &'static str) {
        self.wire.lock().unwrap().cut.insert(verb);
    }

    pub(crate) fn mend(&self) {
        self.wire.lock().unwrap().cut.clear();
    }

    /// Makes every verb wait once before and once after it did its work, so that its future can be dropped there.
    pub(crate) fn slow_down(&self) {
        self.wire.lock().unwrap().yields = true;
    }

    pub(crate) fn speed_up(&self) {
        self.wire.lock().unwrap().yields = false;
    }

    /// What was called since the last time.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.wire.lock().unwrap().calls)
    }

    async fn over<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        verb: &'static str,
        work: F,
    ) -> Result<T, StoreError> {
        let (cut, yields) = {
            let mut wire = self.wire.lock().unwrap();
            wire.calls.push(verb);
            (wire.cut.contains(verb) || wire.cut.contains("all"), wire.yields)
        };
        if yields {
            tokio::task::yield_now().await;
        }
        if cut {
            return Err(StoreError::unavailable("the wire is cut at 10.0.0.5:5432 (secret-of-the-database)"));
        }
        let done = work.await;
        if yields {
            tokio::task::yield_now().await;
        }
        done
    }
}

#[async_trait]
impl UserStore for Shaky {
    async fn user(&self, id: &UserId) -> Result<Option<Arc<Account>>, StoreError> {
        self.over("user", self.memory.user(id)).await
    }
    async fn login(&self, username: &str) -> Result<Option<LoginRecord>, StoreError> {
        self.over("login", self.memory.login(username)).await
    }
    async fn create_user(&self, user: NewUser) -> Result<Arc<Account>, StoreError> {
        self.over("create_user", self.memory.create_user(user)).await
    }
    async fn update_user(&self, id: &UserId, change: UserChange) -> Result<bool, StoreError> {
        self.over("update_user", self.memory.update_user(id, change)).await
    }
    async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        self.over("delete_user", self.memory.delete_user(id)).await
    }
    async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        self.over("put_group", self.memory.put_group(group)).await
    }
}

#[async_trait]
impl TokenStore for Shaky {
    async fn create_token(&self, record: TokenRecord, keep: Option<u32>) -> Result<(), StoreError> {
        self.over("create_token", self.memory.create_token(record, keep)).await
    }
    async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        self.over("token", self.memory.token(digest)).await
    }
    async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError> {
        self.over("tokens_of", self.memory.tokens_of(user)).await
    }
    async fn touch_token(&self, digest: &Digest, at: Timestamp) -> Result<(), StoreError> {
        self.over("touch_token", self.memory.touch_token(digest, at)).await
    }
    async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError> {
        self.over("revoke_token", self.memory.revoke_token(user, digest)).await
    }
    async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError> {
        self.over("revoke_tokens", self.memory.revoke_tokens(user)).await
    }
    async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.over("purge_tokens", self.memory.purge_tokens(now, limit)).await
    }
}

#[async_trait]
impl SessionStore for Shaky {
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        self.over("session", self.memory.session(key)).await
    }
    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        self.over("commit", self.memory.commit(change)).await
    }
    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        self.over("sessions_of", self.memory.sessions_of(user)).await
    }
    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        self.over("end_session", self.memory.end_session(user, key)).await
    }
    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError> {
        self.over("end_sessions", self.memory.end_sessions(user, except)).await
    }
    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.over("purge_sessions", self.memory.purge_sessions(now, limit)).await
    }
}

#[async_trait]
impl CounterStore for Shaky {
    async fn reserve(&self, key: &Digest, limit: &Limit, now: Timestamp) -> Result<Reserved, StoreError> {
        self.over("reserve", self.memory.reserve(key, limit, now)).await
    }
    async fn give_back(&self, key: &Digest, limit: &Limit, at: Timestamp) -> Result<(), StoreError> {
        self.over("give_back", self.memory.give_back(key, limit, at)).await
    }
    async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.over("purge_counters", self.memory.purge_counters(now, limit)).await
    }
}

#[async_trait]
impl UserByToken<Account> for Shaky {
    async fn user_by_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(TokenRecord, Option<Arc<Account>>)>, StoreError> {
        self.over("user_by_token", self.memory.user_by_token(digest)).await
    }
}

#[async_trait]
impl UserBySession<Account> for Shaky {
    async fn user_by_session(
        &self,
        key: &Digest,
    ) -> Result<Option<(SessionRecord, Option<Arc<Account>>)>, StoreError> {
        self.over("user_by_session", self.memory.user_by_session(key)).await
    }
}

#[async_trait]
impl RefreshStore for Shaky {
    async fn create_refresh(&self, record: RefreshRecord) -> Result<(), StoreError> {
        self.over("create_refresh", self.memory.create_refresh(record)).await
    }
    async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        self.over("refresh", self.memory.refresh(id)).await
    }
    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.over("rotate_refresh", self.memory.rotate_refresh(rotation)).await
    }
    async fn revoke_refresh(&self, presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError> {
        self.over("revoke_refresh", self.memory.revoke_refresh(presented, adopts)).await
    }
    async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError> {
        self.over("refresh_of", self.memory.refresh_of(user)).await
    }
    async fn revoke_refresh_family(&self, user: &UserId, family: &Digest) -> Result<bool, StoreError> {
        self.over("revoke_refresh_family", self.memory.revoke_refresh_family(user, family)).await
    }
    async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError> {
        self.over("revoke_refresh_all", self.memory.revoke_refresh_all(user)).await
    }
    async fn purge_refresh(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.over("purge_refresh", self.memory.purge_refresh(now, limit)).await
    }
}
