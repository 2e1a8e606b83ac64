//! The contract for refresh tokens.
//!
//! 1. What one login began is a family: each rotation gives it one new token, and at most one of them is live.
//! 2. A token that was rotated or revoked keeps its row until it expires: the row is what tells a replay from a token
//!    that is not known, and in the simplejwt preset from one that may be adopted.
//! 3. A rotation is one step: of many with one token exactly one succeeds.

use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::store::{Purged, StoreError};
use crate::user::UserId;

/// A refresh token at rest; never the token.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::store::{RefreshRecord, RefreshState};
/// use portcullis::{Digest, Timestamp};
///
/// let now = Timestamp::from_seconds(1_800_000_000);
/// let ends = now.after(Duration::from_secs(86_400));
/// let token = RefreshRecord::new(Digest::of("a jti"), Some(17.into()), now, ends);
/// assert_eq!(token.family, token.id);
/// assert_eq!(token.state, RefreshState::Live);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshRecord {
    /// The digest of the token's `jti`.
    pub id: Digest,
    /// The id of the first token: what one login began.
    pub family: Digest,
    /// Whose token it is; simplejwt lets a refresh token name nobody.
    pub user: Option<UserId>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// When the family ends, whatever happens; [`Timestamp::MAX`] for never.
    pub deadline: Timestamp,
    /// What has become of it.
    pub state: RefreshState,
}

impl RefreshRecord {
    /// Describes the first token of a family that has no deadline.
    #[must_use]
    pub fn new(id: Digest, user: Option<UserId>, created_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            id,
            family: id,
            user,
            created_at,
            expires_at,
            deadline: Timestamp::MAX,
            state: RefreshState::Live,
        }
    }
}

/// What has become of a refresh token.
///
/// # Examples
///
/// See [`RefreshStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshState {
    /// It may be rotated.
    Live,
    /// Another one has taken its place.
    Rotated {
        /// When it was rotated first; a repeated rotation does not move it.
        at: Timestamp,
        /// The id of the token that took its place.
        to: Digest,
    },
    /// It was ended.
    Revoked,
}

/// A refresh token that is presented, and the one to take its place.
///
/// # Examples
///
/// See [`RefreshStore`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotation {
    /// What the presented token says of itself; where a row knows its id, the row is believed.
    pub presented: RefreshRecord,
    /// The id of the token that takes its place.
    pub next: Digest,
    /// When that one ends, unless the deadline of the family comes first.
    pub next_expires_at: Timestamp,
    /// The present moment.
    pub now: Timestamp,
    /// How long a token that was rotated may be rotated again by a client that lost the answer; zero for not at all.
    pub grace: Duration,
    /// Whether a token that no row knows is taken over. The caller has verified its signature.
    pub adopts: bool,
}

impl Rotation {
    /// Describes a rotation without grace that adopts nothing.
    #[must_use]
    pub fn new(presented: RefreshRecord, next: Digest, next_expires_at: Timestamp, now: Timestamp) -> Self {
        Self { presented, next, next_expires_at, now, grace: Duration::ZERO, adopts: false }
    }

    /// Tells whether a token that was rotated at this moment may be rotated again, if its successor was not used yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis::store::{RefreshRecord, Rotation};
    /// use portcullis::{Digest, Timestamp};
    ///
    /// let now = Timestamp::from_seconds(1_800_000_000);
    /// let presented = RefreshRecord::new(Digest::of("a jti"), None, Timestamp::EPOCH, Timestamp::MAX);
    /// let mut rotation = Rotation::new(presented, Digest::of("another"), Timestamp::MAX, now);
    /// assert!(!rotation.forgives(now));
    /// rotation.grace = Duration::from_secs(10);
    /// assert!(rotation.forgives(now.before(rotation.grace)));
    /// ```
    ///
    /// # Security
    ///
    /// A moment in the future forgives nothing: a clock that went back does not make the grace longer.
    #[must_use]
    pub fn forgives(&self, at: Timestamp) -> bool {
        !self.grace.is_zero() && at <= self.now && self.now.since(at) <= self.grace
    }

    /// Describes the token that takes the place of a stored one: its family, user and deadline are kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::store::{RefreshRecord, Rotation};
    /// use portcullis::{Digest, Timestamp};
    ///
    /// let (now, deadline) = (Timestamp::from_seconds(1_800_000_000), Timestamp::from_seconds(1_800_000_060));
    /// let mut old = RefreshRecord::new(Digest::of("a jti"), Some(17.into()), Timestamp::EPOCH, deadline);
    /// old.deadline = deadline;
    /// let new = Rotation::new(old.clone(), Digest::of("another"), Timestamp::MAX, now).successor_of(&old);
    /// assert_eq!((new.family, new.expires_at), (old.id, deadline));
    /// ```
    #[must_use]
    pub fn successor_of(&self, old: &RefreshRecord) -> RefreshRecord {
        RefreshRecord {
            id: self.next,
            family: old.family,
            user: old.user.clone(),
            created_at: self.now,
            expires_at: self.next_expires_at.min(old.deadline),
            deadline: old.deadline,
            state: RefreshState::Live,
        }
    }
}

/// What became of a [`Rotation`].
///
/// # Examples
///
/// See [`RefreshStore`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// The new token, as it is stored now.
    Done(RefreshRecord),
    /// The token had been used or ended before while its family lived on: the family is ended now.
    Reused {
        /// Whose family it was.
        user: Option<UserId>,
        /// The family that was ended.
        family: Digest,
    },
    /// The token and its family had been ended before: nothing was changed.
    Revoked,
    /// No row knows the token: nothing was changed.
    Unknown,
}

/// What became of the revocation of a refresh token.
///
/// # Examples
///
/// See [`RefreshStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// It is ended now.
    Done,
    /// It had been rotated or ended before; what lived on of its family is ended now.
    Already,
    /// No row knows it: nothing was changed.
    Unknown,
}

/// Keeps refresh tokens by the digest of their `jti`.
///
/// # Examples
///
/// ```
/// use portcullis::store::{MemoryStore, RefreshRecord, RefreshStore, Rotated, Rotation};
/// use portcullis::{Digest, Timestamp};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (store, now) = (MemoryStore::new(), Timestamp::from_seconds(1_800_000_000));
/// let first = RefreshRecord::new(Digest::of("first"), Some(17.into()), now, Timestamp::MAX);
/// store.create_refresh(first.clone()).await?;
///
/// let rotate = |next| store.rotate_refresh(Rotation::new(first.clone(), Digest::of(next), Timestamp::MAX, now));
/// assert!(matches!(rotate("second").await?, Rotated::Done(second) if second.family == first.id));
/// // Who presents it once more ends what the login began, for the thief and for the owner.
/// assert!(matches!(rotate("third").await?, Rotated::Reused { family, .. } if family == first.id));
/// assert!(store.refresh_of(&17.into()).await?.is_empty());
/// # Ok::<(), portcullis::store::StoreError>(())
/// # }).unwrap();
/// ```
///
/// # Security
///
/// The rows of tokens that were rotated or revoked are tombstones: where one is lost before its token expires, a replay
/// is [`Rotated::Unknown`] and not detected, and a rotation that adopts revives what was revoked. So nothing but
/// [`purge_refresh`](Self::purge_refresh) deletes a row, the deletion of a user neither.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not keep refresh tokens",
    label = "not a `RefreshStore`",
    note = "where records lie in one store and users in another, join them: `Mixed::new(records, users)`",
    note = "a service that only verifies tokens needs none: `JwtVerifier::new(ring, config)`"
)]
#[async_trait]
pub trait RefreshStore: Send + Sync + 'static {
    /// Adds a token.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the id exists, whoever's it is.
    ///
    /// # Security
    ///
    /// A creation that replaces a row revives a token that was revoked.
    async fn create_refresh(&self, record: RefreshRecord) -> Result<(), StoreError>;

    /// Finds a token by id, also one that expired or was rotated or revoked.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    ///
    /// # Security
    ///
    /// A token that was revoked must be so at once, on every node: `Live` here lets it verify.
    async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError>;

    /// Puts a new token in the place of the presented one, in one step.
    ///
    /// - A live token becomes [`RefreshState::Rotated`], and the new one is live in the same family.
    /// - A token that no row knows is [`Rotated::Unknown`]; a rotation that adopts inserts it as rotated, as the first of
    ///   its family, and the new one.
    /// - A rotated token within the [grace](Rotation::forgives), whose successor is live still, is rotated once more: the
    ///   successor becomes [`RefreshState::Revoked`], and the moment of the first rotation stays.
    /// - Any other one that is not live ends its family: [`Rotated::Reused`] if a token of it was live, and
    ///   [`Rotated::Revoked`] if none was, so that each family is reported at most once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the id of the new token exists, and nothing was changed;
    /// [`StoreError::Unavailable`] when it is not certain what became of it.
    ///
    /// # Security
    ///
    /// Two steps, a look-up and a write, let a thief and the owner of one token win both, and nobody learns of it (RFC
    /// 9700 section 4.14). Whoever holds a token that was superseded within the grace must trip the detection: a family
    /// has at most one live token.
    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError>;

    /// Ends a token, and whatever lives of its family.
    ///
    /// A token that no row knows is [`Revocation::Unknown`]; with `adopts` it is inserted as revoked, a tombstone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that it is ended.
    ///
    /// # Security
    ///
    /// A logout with a token that was rotated a moment before must end the token that took its place, too; a logout with
    /// one that is to be adopted must leave a row, or the next rotation adopts it.
    async fn revoke_refresh(&self, presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError>;

    /// Lists a user's live tokens, also expired ones, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    ///
    /// # Security
    ///
    /// Ids of users compare exactly: a list that folds `01` and `1` shows one user the logins of another.
    async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError>;

    /// Ends one family of one user; `false` when that user has no live token in such a family.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that it is ended.
    ///
    /// # Security
    ///
    /// The family comes from a client: a store that ignores `user` lets anybody log others out.
    async fn revoke_refresh_family(&self, user: &UserId, family: &Digest) -> Result<bool, StoreError>;

    /// Ends all families of a user and tells how many had a live token.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not certain that they are ended.
    ///
    /// # Security
    ///
    /// This follows a changed password: what is left live is the thief's.
    async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError>;

    /// Deletes at most `limit` tokens that expired by `now`, in whatever state, and tells whether that was all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    ///
    /// # Security
    ///
    /// A row that is deleted while its token still verifies is a tombstone lost: the simplejwt preset would adopt the
    /// token once more. Where expiry is checked with leeway, `now` is to lie as far in the past.
    async fn purge_refresh(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError>;
}
