//! A store that rests before and after each of its verbs, so that whoever calls it can be dropped there.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis::store::{
    Committed, CounterStore, Group, Limit, LoginRecord, NewUser, Purged, RefreshRecord, RefreshStore,
    Reserved, Revocation, Rotated, Rotation, SessionChange, SessionRecord, SessionStore, StoreError,
    TokenRecord, TokenStore, UserBySession, UserByToken, UserChange, UserStore,
};
use portcullis::{Account, Digest, Timestamp, UserId};
use tokio::task::yield_now;

/// Rests around every verb of another store.
#[derive(Debug, Clone)]
pub struct Pausing<S>(pub S);

/// Writes one trait's verbs: rest, ask, rest.
macro_rules! pausing {
    ($contract:path => $(fn $verb:ident($($name:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl<S: $contract> $contract for Pausing<S> {
            $(async fn $verb(&self, $($name: $kind),*) -> Result<$answer, StoreError> {
                yield_now().await;
                let answer = self.0.$verb($($name),*).await;
                yield_now().await;
                answer
            })*
        }
    };
}

pausing! { UserStore<Account> =>
    fn user(id: &UserId) -> Option<Arc<Account>>;
    fn login(username: &str) -> Option<LoginRecord<Account>>;
    fn create_user(user: NewUser) -> Arc<Account>;
    fn update_user(id: &UserId, change: UserChange) -> bool;
    fn delete_user(id: &UserId) -> bool;
    fn users(after: Option<&UserId>, limit: u32) -> Vec<Arc<Account>>;
    fn put_group(group: Group) -> ();
}

pausing! { SessionStore =>
    fn session(key: &Digest) -> Option<SessionRecord>;
    fn commit(change: SessionChange) -> Committed;
    fn sessions_of(user: &UserId) -> Vec<(Digest, SessionRecord)>;
    fn end_session(user: &UserId, key: &Digest) -> bool;
    fn end_sessions(user: &UserId, except: Option<&Digest>) -> u64;
    fn purge_sessions(now: Timestamp, limit: u32) -> Purged;
}

pausing! { UserBySession<Account> =>
    fn user_by_session(key: &Digest) -> Option<(SessionRecord, Option<Arc<Account>>)>;
}

pausing! { TokenStore =>
    fn create_token(record: TokenRecord, keep: Option<u32>) -> ();
    fn token(digest: &Digest) -> Option<TokenRecord>;
    fn tokens_of(user: &UserId) -> Vec<TokenRecord>;
    fn touch_token(digest: &Digest, last_used_at: Timestamp) -> ();
    fn revoke_token(user: &UserId, digest: &Digest) -> bool;
    fn revoke_tokens(user: &UserId) -> u64;
    fn purge_tokens(now: Timestamp, limit: u32) -> Purged;
}

pausing! { UserByToken<Account> =>
    fn user_by_token(digest: &Digest) -> Option<(TokenRecord, Option<Arc<Account>>)>;
}

pausing! { RefreshStore =>
    fn create_refresh(record: RefreshRecord) -> ();
    fn refresh(id: &Digest) -> Option<RefreshRecord>;
    fn rotate_refresh(rotation: Rotation) -> Rotated;
    fn revoke_refresh(presented: RefreshRecord, adopts: bool) -> Revocation;
    fn refresh_of(user: &UserId) -> Vec<RefreshRecord>;
    fn revoke_refresh_family(user: &UserId, family: &Digest) -> bool;
    fn revoke_refresh_all(user: &UserId) -> u64;
    fn purge_refresh(now: Timestamp, limit: u32) -> Purged;
}

pausing! { CounterStore =>
    fn reserve(key: &Digest, limit: &Limit, now: Timestamp) -> Reserved;
    fn give_back(key: &Digest, limit: &Limit, at: Timestamp) -> ();
    fn purge_counters(now: Timestamp, limit: u32) -> Purged;
}
