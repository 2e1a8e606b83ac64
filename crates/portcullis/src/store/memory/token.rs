//! Opaque tokens in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::table::{Row, Table};
use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::store::{Purged, StoreError, TokenRecord, TokenStore, UserByToken};
use crate::user::{Account, UserId};

impl Row for TokenRecord {
    type Family = ();

    const FAMILIES: ((), ()) = ((), ());

    fn owner(&self) -> Option<&UserId> {
        Some(&self.user)
    }

    fn family(&self) {}

    fn ends_at(&self) -> Timestamp {
        self.ends_at()
    }
}

fn create(tokens: &mut Table<TokenRecord>, new: TokenRecord, keep: Option<u32>) -> Result<(), StoreError> {
    let (digest, user, created_at) = (new.digest, new.user.clone(), new.created_at);
    if !tokens.add(digest, new, created_at) {
        return Err(StoreError::Conflict);
    }
    if let Some(keep) = keep {
        revoke_surplus(tokens, &user, &digest, keep);
    }
    Ok(())
}

/// Revokes a user's oldest tokens beyond `keep`, but never the new one: a clock that went back, or a tie, must not hand
/// out a token that is dead already.
fn revoke_surplus(tokens: &mut Table<TokenRecord>, user: &UserId, new: &Digest, keep: u32) {
    let others = tokens.of(user).filter(|(digest, _)| *digest != new);
    let mut others: Vec<_> = others.map(|(digest, token)| (token.created_at, *digest)).collect();
    others.sort_unstable();
    let keep = usize::try_from(keep.saturating_sub(1)).unwrap_or(usize::MAX);
    let surplus = others.len().saturating_sub(keep);
    for (_, digest) in others.iter().take(surplus) {
        tokens.remove(digest);
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn create_token(&self, record: TokenRecord, keep: Option<u32>) -> Result<(), StoreError> {
        create(&mut self.write().tokens, record, keep)
    }

    async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        Ok(self.read().tokens.get(digest).cloned())
    }

    async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError> {
        let mut own: Vec<_> = self.read().tokens.of(user).map(|(_, token)| token.clone()).collect();
        own.sort_by_key(|token| (token.created_at, token.digest));
        Ok(own)
    }

    async fn touch_token(&self, digest: &Digest, last_used_at: Timestamp) -> Result<(), StoreError> {
        self.write().tokens.update(digest, |token| token.last_used_at = Some(last_used_at));
        Ok(())
    }

    async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError> {
        Ok(self.write().tokens.remove_of(user, digest))
    }

    async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError> {
        Ok(self.write().tokens.remove_all_of(user, None))
    }

    async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let ended = self.read().tokens.ended(now, limit);
        Ok(Purged::out_of(limit, self.write().tokens.remove_ended(&ended, now)))
    }
}

#[async_trait]
impl UserByToken<Account> for MemoryStore {
    async fn user_by_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(TokenRecord, Option<Arc<Account>>)>, StoreError> {
        let tables = self.read();
        Ok(tables.tokens.get(digest).map(|token| (token.clone(), tables.users.account(&token.user))))
    }
}
