//! The contract for opaque tokens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::identity::Scopes;
use crate::secret::Digest;
use crate::store::{Purged, StoreError, UserStore};
use crate::user::UserId;

/// A token at rest: its digest and what it grants, never the token.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::store::TokenRecord;
/// use portcullis::{Digest, Timestamp};
///
/// let issued = Timestamp::from_seconds(1_800_000_000);
/// let mut token = TokenRecord::new(Digest::of("a token"), 17.into(), issued);
/// token.idle = Some(Duration::from_secs(3600));
/// assert_eq!(token.ends_at(), issued.after(Duration::from_secs(3600)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRecord {
    /// The digest of the token; also its handle in lists and for revoking.
    pub digest: Digest,
    /// Whose token it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What it is limited to; `None` for no limit.
    pub scopes: Option<Scopes>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends in any case.
    pub expires_at: Option<Timestamp>,
    /// How long it may rest unused.
    pub idle: Option<Duration>,
    /// About when it was used last: written at most every tenth of the idle time.
    pub last_used_at: Option<Timestamp>,
}

impl TokenRecord {
    /// Describes a token without a name, a limit or an end.
    #[must_use]
    pub fn new(digest: Digest, user: UserId, created_at: Timestamp) -> Self {
        Self {
            digest,
            user,
            name: String::new(),
            scopes: None,
            created_at,
            expires_at: None,
            idle: None,
            last_used_at: None,
        }
    }

    /// Returns when the token ends if it is not used again; [`Timestamp::MAX`] for never.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        let idle = self.idle.map(|idle| self.last_used_at.unwrap_or(self.created_at).after(idle));
        let absolute = self.expires_at.unwrap_or(Timestamp::MAX);
        idle.map_or(absolute, |idle| idle.min(absolute))
    }
}

/// Keeps opaque tokens by digest.
///
/// # Examples
///
/// ```
/// use portcullis::store::{MemoryStore, TokenRecord, TokenStore};
/// use portcullis::{Digest, Timestamp};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let token = TokenRecord::new(Digest::of("a token"), 17.into(), Timestamp::EPOCH);
/// store.create_token(token.clone(), None).await?;
/// assert!(store.revoke_token(&token.user, &token.digest).await?);
/// assert!(store.token(&token.digest).await?.is_none());
/// # Ok::<(), portcullis::store::StoreError>(())
/// # }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not keep tokens",
    label = "not a `TokenStore`",
    note = "where records lie in one store and users in another, join them: `Mixed::new(records, users)`"
)]
#[async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// Adds a token; with `keep`, the user's oldest tokens beyond that many are revoked in the same step.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the digest exists, whoever's it is.
    async fn create_token(&self, record: TokenRecord, keep: Option<u32>) -> Result<(), StoreError>;

    /// Finds a token by digest, also an expired one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    ///
    /// # Security
    ///
    /// A token that was revoked must be gone at once, on every node.
    async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError>;

    /// Lists a user's tokens, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError>;

    /// Notes a use; nothing happens when the token is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn touch_token(&self, digest: &Digest, last_used_at: Timestamp) -> Result<(), StoreError>;

    /// Revokes one token of one user; `false` when that user has no such token.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that the token is gone.
    async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError>;

    /// Revokes all tokens of a user and tells how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that they are gone.
    async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError>;

    /// Deletes at most `limit` tokens that ended by `now`, and tells whether that was all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError>;
}

/// Finds a token and its user; a store that keeps both in one database answers in one round trip.
///
/// # Examples
///
/// See [`UserBySession`](crate::store::UserBySession), which is alike.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not find the users behind its tokens",
    label = "not a `UserByToken<{U}>`",
    note = "where records lie in one store and users in another, join them: `Mixed::new(records, users)`",
    note = "a store of your own that keeps both needs no code: `impl UserByToken<{U}> for MyStore {{}}`"
)]
#[async_trait]
pub trait UserByToken<U>: TokenStore + UserStore<U> {
    /// Finds a token and its user, who may be gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    async fn user_by_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(TokenRecord, Option<Arc<U>>)>, StoreError> {
        let Some(record) = self.token(digest).await? else { return Ok(None) };
        let user = self.user(&record.user).await?;
        Ok(Some((record, user)))
    }
}
