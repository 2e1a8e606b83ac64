//! Tokens, alone and with their user.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis::store::{StoreError, TokenRecord, TokenStore, UserByToken};
use portcullis::{Account, Digest, Scopes, Timestamp, UserId};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, query};

use crate::error::store_error;
use crate::row::Reader;
use crate::sqlite::{self, token};
use crate::store::{Query, SqlStore};

#[async_trait]
impl TokenStore for SqlStore {
    async fn create_token(&self, record: TokenRecord, keep: Option<u32>) -> Result<(), StoreError> {
        let insert = insert(&record)?;
        match keep {
            None => self.execute(insert).await.map(drop),
            Some(keep) => {
                let user = record.user.to_string();
                self.write(async |database| {
                    insert_and_trim(database, insert, &user, &record.digest, keep).await
                })
                .await
            }
        }
    }

    async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        let row = self.fetch_optional(query(token::BY_DIGEST).bind(bytes(digest))).await?;
        row.map(|row| Reader::new(&row).token()).transpose()
    }

    async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError> {
        let rows = self.fetch_all(query(token::OF_USER).bind(user.to_string())).await?;
        rows.iter().map(|row| Reader::new(row).token()).collect()
    }

    async fn touch_token(&self, digest: &Digest, last_used_at: Timestamp) -> Result<(), StoreError> {
        let touch = query(token::TOUCH).bind(bytes(digest)).bind(last_used_at.as_micros());
        self.execute(touch).await.map(drop)
    }

    async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError> {
        let revoke = query(token::REVOKE).bind(bytes(digest)).bind(user.to_string());
        Ok(self.execute(revoke).await? > 0)
    }

    async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError> {
        self.execute(query(token::REVOKE_ALL).bind(user.to_string())).await
    }

    async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.purge(limit, |size| query(token::PURGE).bind(now.as_micros()).bind(size)).await
    }
}

#[async_trait]
impl UserByToken<Account> for SqlStore {
    async fn user_by_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(TokenRecord, Option<Arc<Account>>)>, StoreError> {
        let Some(row) = self.fetch_optional(query(token::WITH_USER).bind(bytes(digest))).await? else {
            return Ok(None);
        };
        let mut row = Reader::new(&row);
        Ok(Some((row.token()?, row.account()?)))
    }
}

fn insert(record: &TokenRecord) -> Result<Query<'_>, StoreError> {
    let scopes = record.scopes.as_ref().map(ToString::to_string);
    // A scope with a space in it would come back as two, which were never granted.
    if scopes.as_deref().map(Scopes::parse) != record.scopes {
        return Err(StoreError::unavailable("a scope holds a space or nothing"));
    }
    let idle = record.idle.map(|idle| i64::try_from(idle.as_micros()).unwrap_or(i64::MAX));
    Ok(query(token::INSERT)
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

async fn insert_and_trim(
    database: &mut SqliteConnection,
    insert: Query<'_>,
    user: &str,
    new: &Digest,
    keep: u32,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_with(sqlite::BEGIN).await.map_err(store_error)?;
    insert.execute(&mut *transaction).await.map_err(store_error)?;
    let trim = query(token::TRIM).bind(user).bind(i64::from(keep.saturating_sub(1))).bind(bytes(new));
    trim.execute(&mut *transaction).await.map_err(store_error)?;
    transaction.commit().await.map_err(store_error)
}

pub(crate) fn bytes(digest: &Digest) -> &[u8] {
    digest.as_bytes()
}
