//! Sessions in memory.

use std::cmp::Reverse;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::table::{Row, Table};
use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::store::{
    Committed, Purged, SessionChange, SessionRecord, SessionStore, StoreError, UserBySession,
};
use crate::user::{Account, UserId};

impl Row for SessionRecord {
    type Family = ();

    const FAMILIES: ((), ()) = ((), ());

    fn owner(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    fn family(&self) {}

    fn ends_at(&self) -> Timestamp {
        self.expires_at
    }
}

fn commit(sessions: &mut Table<SessionRecord>, change: SessionChange) -> Committed {
    let changed = match change {
        SessionChange::Create(key, record) => return add(sessions, key, record),
        SessionChange::Cycle(_, to, _) if sessions.get(&to).is_some() => return Committed::Taken,
        SessionChange::Cycle(from, to, record) if sessions.remove(&from) => return add(sessions, to, record),
        SessionChange::Cycle(..) => false,
        SessionChange::Save(key, record) => sessions.replace(&key, compact(record)),
        SessionChange::Touch(key, last_seen_at, expires_at) => sessions.update(&key, |session| {
            session.last_seen_at = last_seen_at;
            session.expires_at = expires_at;
        }),
        SessionChange::Flush(key) => sessions.remove(&key),
    };
    if changed { Committed::Done } else { Committed::Gone }
}

fn add(sessions: &mut Table<SessionRecord>, key: Digest, record: SessionRecord) -> Committed {
    let now = record.last_seen_at;
    if sessions.add(key, compact(record), now) { Committed::Done } else { Committed::Taken }
}

/// Lets empty texts share one allocation.
fn compact(mut record: SessionRecord) -> SessionRecord {
    for text in [&mut record.data, &mut record.label] {
        if text.is_empty() {
            *text = Arc::default();
        }
    }
    record
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.read().sessions.get(key).cloned())
    }

    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        Ok(commit(&mut self.write().sessions, change))
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        let mut own: Vec<_> =
            self.read().sessions.of(user).map(|(key, session)| (*key, session.clone())).collect();
        own.sort_by_key(|(key, session)| (Reverse(session.last_seen_at), *key));
        Ok(own)
    }

    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        Ok(self.write().sessions.remove_of(user, key))
    }

    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError> {
        Ok(self.write().sessions.remove_all_of(user, except))
    }

    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let ended = self.read().sessions.ended(now, limit);
        Ok(Purged::out_of(limit, self.write().sessions.remove_ended(&ended, now)))
    }
}

#[async_trait]
impl UserBySession<Account> for MemoryStore {
    async fn user_by_session(
        &self,
        key: &Digest,
    ) -> Result<Option<(SessionRecord, Option<Arc<Account>>)>, StoreError> {
        let tables = self.read();
        let Some(session) = tables.sessions.get(key) else { return Ok(None) };
        let user = session.user.as_ref().and_then(|user| tables.users.account(user));
        Ok(Some((session.clone(), user)))
    }
}
