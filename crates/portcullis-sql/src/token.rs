//! Tokens, alone and with their user.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis::store::{Purged, StoreError, TokenRecord, TokenStore, UserByToken};
use portcullis::{Account, Digest, Scopes, Timestamp, UserId};

use crate::database::{Database, Transaction};
use crate::engine::{Engine, Query, query};
use crate::row::Reader;
use crate::store::{SqlStore, on};

#[async_trait]
impl TokenStore for SqlStore {
    async fn create_token(&self, record: TokenRecord, keep: Option<u32>) -> Result<(), StoreError> {
        on!(self, database => database.create_token(record, keep).await)
    }

    async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        on!(self, database => database.token(digest).await)
    }

    async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError> {
        on!(self, database => database.tokens_of(user).await)
    }

    async fn touch_token(&self, digest: &Digest, last_used_at: Timestamp) -> Result<(), StoreError> {
        on!(self, database => database.touch_token(digest, last_used_at).await)
    }

    async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError> {
        on!(self, database => database.revoke_token(user, digest).await)
    }

    async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError> {
        on!(self, database => database.revoke_tokens(user).await)
    }

    async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        on!(self, database => database.purge_tokens(now, limit).await)
    }
}

#[async_trait]
impl UserByToken<Account> for SqlStore {
    async fn user_by_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(TokenRecord, Option<Arc<Account>>)>, StoreError> {
        on!(self, database => database.user_by_token(digest).await)
    }
}

impl<E: Engine> Database<E> {
    pub(crate) async fn create_token(
        &self,
        record: TokenRecord,
        keep: Option<u32>,
    ) -> Result<(), StoreError> {
        let insert = insert(&record)?;
        match keep {
            None => self.execute(insert).await.map(drop),
            Some(keep) => {
                let add = async |transaction: &mut Transaction<'_, E>| {
                    insert_and_trim(transaction, insert, &record, keep).await
                };
                self.transact(add).await
            }
        }
    }

    pub(crate) async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        let row = self.fetch_optional(|| query(E::TOKEN.by_digest).bind(bytes(digest))).await?;
        row.map(|row| Reader::<E>::new(&row).token()).transpose()
    }

    pub(crate) async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError> {
        let rows = self.fetch_all(|| query(E::TOKEN.of_user).bind(user.to_string())).await?;
        rows.iter().map(|row| Reader::<E>::new(row).token()).collect()
    }

    pub(crate) async fn touch_token(
        &self,
        digest: &Digest,
        last_used_at: Timestamp,
    ) -> Result<(), StoreError> {
        let touch = query(E::TOKEN.touch).bind(bytes(digest)).bind(last_used_at.as_micros());
        self.execute(touch).await.map(drop)
    }

    pub(crate) async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError> {
        let revoke = query(E::TOKEN.revoke).bind(bytes(digest)).bind(user.to_string());
        Ok(self.end(revoke).await? > 0)
    }

    pub(crate) async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError> {
        self.end(query(E::TOKEN.revoke_all).bind(user.to_string())).await
    }

    pub(crate) async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.purge(limit, |size| query(E::TOKEN.purge).bind(now.as_micros()).bind(size)).await
    }

    pub(crate) async fn user_by_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(TokenRecord, Option<Arc<Account>>)>, StoreError> {
        let Some(row) = self.fetch_optional(|| query(E::TOKEN.with_user).bind(bytes(digest))).await? else {
            return Ok(None);
        };
        let mut row = Reader::<E>::new(&row);
        Ok(Some((row.token()?, row.account()?)))
    }
}

fn insert<E: Engine>(record: &TokenRecord) -> Result<Query<E>, StoreError> {
    let scopes = record.scopes.as_ref().map(ToString::to_string);
    // A scope with a space in it would come back as two, which were never granted.
    if scopes.as_deref().map(Scopes::parse) != record.scopes {
        return Err(StoreError::unavailable("a scope holds a space or nothing"));
    }
    let idle = record.idle.map(|idle| i64::try_from(idle.as_micros()).unwrap_or(i64::MAX));
    Ok(query(E::TOKEN.insert)
        .bind(bytes(&record.digest))
        .bind(record.user.to_string())
        .bind(&record.name)
        .bind(scopes)
        .bind(record.created_at.as_micros())
        .bind(record.expires_at.map(Timestamp::as_micros))
        .bind(idle)
        .bind(record.last_used_at.map(Timestamp::as_micros))
        .bind(record.ends_at().as_micros()))
}

/// Two that each add one and keep as many as there may be would not see, and so not trim, each other's.
async fn insert_and_trim<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    insert: Query<E>,
    record: &TokenRecord,
    keep: u32,
) -> Result<(), StoreError> {
    transaction.lock("user", &record.user).await?;
    transaction.execute(insert).await?;
    let trim = query(E::TOKEN.trim).bind(record.user.to_string()).bind(i64::from(keep.saturating_sub(1)));
    transaction.execute(trim.bind(bytes(&record.digest))).await.map(drop)
}

pub(crate) fn bytes(digest: &Digest) -> &[u8] {
    digest.as_bytes()
}

/// Writes a digest for a lock to be named by.
pub(crate) struct Hex<'d>(pub(crate) &'d Digest);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytes(self.0).iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
