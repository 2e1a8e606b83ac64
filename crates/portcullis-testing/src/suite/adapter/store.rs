//! A memory store whose wire can be cut.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use portcullis::store::{
    Committed, CounterStore, Group, Limit, LoginRecord, MemoryStore, NewUser, Purged, Reserved,
    SessionChange, SessionRecord, SessionStore, StoreError, TokenRecord, TokenStore, UserBySession,
    UserByToken, UserChange, UserStore,
};
use portcullis::{Account, Digest, Timestamp, UserId};

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Default)]
pub(super) enum Outage {
    #[default]
    Nothing,
    /// What changes a session.
    Changes,
    Everything,
}

/// Clones share one memory and one outage.
#[derive(Clone, Default)]
pub(super) struct Shaky {
    memory: MemoryStore,
    outage: Arc<Mutex<Outage>>,
}

impl Shaky {
    pub(super) fn fail(&self, outage: Outage) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = outage;
    }

    async fn unless<T>(
        &self,
        outage: Outage,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let now = *self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= outage {
            return Err(StoreError::unavailable("the wire to 10.0.0.7 is cut"));
        }
        answer.await
    }
}

macro_rules! over_the_wire {
    ($($trait:ident { $($verb:ident($($name:ident: $type:ty),*) -> $answer:ty, $outage:ident;)* })*) => {
        $(#[async_trait]
        impl $trait for Shaky {
            $(async fn $verb(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                self.unless(Outage::$outage, self.memory.$verb($($name),*)).await
            })*
        })*
    };
}

over_the_wire! {
    UserStore {
        user(id: &UserId) -> Option<Arc<Account>>, Everything;
        login(username: &str) -> Option<LoginRecord>, Everything;
        create_user(user: NewUser) -> Arc<Account>, Everything;
        update_user(id: &UserId, change: UserChange) -> bool, Everything;
        delete_user(id: &UserId) -> bool, Everything;
        put_group(group: Group) -> (), Everything;
    }
    TokenStore {
        create_token(record: TokenRecord, keep: Option<u32>) -> (), Everything;
        token(digest: &Digest) -> Option<TokenRecord>, Everything;
        tokens_of(user: &UserId) -> Vec<TokenRecord>, Everything;
        touch_token(digest: &Digest, at: Timestamp) -> (), Everything;
        revoke_token(user: &UserId, digest: &Digest) -> bool, Everything;
        revoke_tokens(user: &UserId) -> u64, Everything;
        purge_tokens(now: Timestamp, limit: u32) -> Purged, Everything;
    }
    SessionStore {
        session(key: &Digest) -> Option<SessionRecord>, Everything;
        commit(change: SessionChange) -> Committed, Changes;
        sessions_of(user: &UserId) -> Vec<(Digest, SessionRecord)>, Everything;
        end_session(user: &UserId, key: &Digest) -> bool, Changes;
        end_sessions(user: &UserId, except: Option<&Digest>) -> u64, Changes;
        purge_sessions(now: Timestamp, limit: u32) -> Purged, Everything;
    }
    CounterStore {
        reserve(key: &Digest, limit: &Limit, now: Timestamp) -> Reserved, Everything;
        give_back(key: &Digest, limit: &Limit, at: Timestamp) -> (), Everything;
        purge_counters(now: Timestamp, limit: u32) -> Purged, Everything;
    }
}

impl UserByToken<Account> for Shaky {}
impl UserBySession<Account> for Shaky {}
