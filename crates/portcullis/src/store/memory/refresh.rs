//! Refresh tokens in memory.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use async_trait::async_trait;

use super::MemoryStore;
use super::table::{Row, Table};
use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::store::{
    Purged, RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, Rotation, StoreError,
};
use crate::user::UserId;

impl Row for RefreshRecord {
    type Family = Digest;

    const FAMILIES: (Digest, Digest) = (Digest::from_bytes([0; 32]), Digest::from_bytes([u8::MAX; 32]));

    fn owner(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    fn family(&self) -> Digest {
        self.family
    }

    fn ends_at(&self) -> Timestamp {
        self.expires_at
    }
}

type Tokens = Table<RefreshRecord>;

fn rotate(tokens: &mut Tokens, rotation: &Rotation) -> Result<Rotated, StoreError> {
    let id = rotation.presented.id;
    if rotation.next == id || tokens.get(&rotation.next).is_some() {
        return Err(StoreError::Conflict);
    }
    let Some(stored) = tokens.get(&id) else { return Ok(adopt(tokens, rotation)) };
    let new = rotation.successor_of(stored);
    let at = match stored.state {
        RefreshState::Live => rotation.now,
        RefreshState::Rotated { at, to } if rotation.forgives(at) && is_live(tokens, &to) => {
            set(tokens, &to, RefreshState::Revoked);
            at
        }
        RefreshState::Rotated { .. } | RefreshState::Revoked => return Ok(refuse(tokens, &new)),
    };
    set(tokens, &id, RefreshState::Rotated { at, to: new.id });
    Ok(add(tokens, new, rotation.now))
}

fn adopt(tokens: &mut Tokens, rotation: &Rotation) -> Rotated {
    if !rotation.adopts {
        return Rotated::Unknown;
    }
    let mut first = rotation.presented.clone();
    first.family = first.id;
    first.state = RefreshState::Rotated { at: rotation.now, to: rotation.next };
    let new = rotation.successor_of(&first);
    tokens.add(first.id, first, rotation.now);
    add(tokens, new, rotation.now)
}

fn add(tokens: &mut Tokens, new: RefreshRecord, now: Timestamp) -> Rotated {
    tokens.add(new.id, new.clone(), now);
    Rotated::Done(new)
}

/// Ends the family that a replayed token would have gone on with.
fn refuse(tokens: &mut Tokens, refused: &RefreshRecord) -> Rotated {
    let (user, family) = (refused.user.clone(), refused.family);
    if end(tokens, user.as_ref(), family) { Rotated::Reused { user, family } } else { Rotated::Revoked }
}

fn revoke(tokens: &mut Tokens, mut presented: RefreshRecord, adopts: bool) -> Revocation {
    let Some(stored) = tokens.get(&presented.id) else {
        if !adopts {
            return Revocation::Unknown;
        }
        presented.family = presented.id;
        presented.state = RefreshState::Revoked;
        let now = presented.created_at;
        tokens.add(presented.id, presented, now);
        return Revocation::Done;
    };
    let (user, family, state) = (stored.user.clone(), stored.family, stored.state);
    end(tokens, user.as_ref(), family);
    if state == RefreshState::Live { Revocation::Done } else { Revocation::Already }
}

/// Ends what lives of a family, and tells whether anything did.
fn end(tokens: &mut Tokens, user: Option<&UserId>, family: Digest) -> bool {
    let own = tokens.of_family(user, family).filter(|(_, token)| token.state == RefreshState::Live);
    let live: Vec<_> = own.map(|(id, _)| *id).collect();
    for id in &live {
        set(tokens, id, RefreshState::Revoked);
    }
    !live.is_empty()
}

fn end_all(tokens: &mut Tokens, user: &UserId) -> u64 {
    let families: BTreeSet<_> = live_of(tokens, user).map(|token| token.family).collect();
    families.into_iter().map(|family| u64::from(end(tokens, Some(user), family))).sum()
}

fn live_of<'a>(tokens: &'a Tokens, user: &UserId) -> impl Iterator<Item = &'a RefreshRecord> {
    tokens.of(user).map(|(_, token)| token).filter(|token| token.state == RefreshState::Live)
}

fn is_live(tokens: &Tokens, id: &Digest) -> bool {
    tokens.get(id).is_some_and(|token| token.state == RefreshState::Live)
}

fn set(tokens: &mut Tokens, id: &Digest, state: RefreshState) {
    tokens.update(id, |token| token.state = state);
}

#[async_trait]
impl RefreshStore for MemoryStore {
    async fn create_refresh(&self, record: RefreshRecord) -> Result<(), StoreError> {
        let now = record.created_at;
        let is_new = self.write().refresh.add(record.id, record, now);
        is_new.then_some(()).ok_or(StoreError::Conflict)
    }

    async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        Ok(self.read().refresh.get(id).cloned())
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        rotate(&mut self.write().refresh, &rotation)
    }

    async fn revoke_refresh(&self, presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError> {
        Ok(revoke(&mut self.write().refresh, presented, adopts))
    }

    async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError> {
        let mut own: Vec<_> = live_of(&self.read().refresh, user).cloned().collect();
        own.sort_by_key(|token| (Reverse(token.created_at), token.id));
        Ok(own)
    }

    async fn revoke_refresh_family(&self, user: &UserId, family: &Digest) -> Result<bool, StoreError> {
        Ok(end(&mut self.write().refresh, Some(user), *family))
    }

    async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError> {
        Ok(end_all(&mut self.write().refresh, user))
    }

    async fn purge_refresh(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let ended = self.read().refresh.ended(now, limit);
        Ok(Purged::out_of(limit, self.write().refresh.remove_ended(&ended, now)))
    }
}
