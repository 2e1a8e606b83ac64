//! The contract of a store: one trait per aggregate, the records at rest, and the verbs on them.
//!
//! 1. A store never decides: it answers what is there, and the [`Clock`](crate::Clock) of the mechanism judges expiry.
//! 2. Create is create-if-absent, save is update-if-still-there: what was ended is never revived.
//! 3. A verb is atomic, also when its future is dropped half-way.
//! 4. A store that cannot answer says [`StoreError::Unavailable`]; "not there" is an answer, and never stands for one.
//! 5. A verb that was added later has a default that fails with [`StoreError::Unsupported`].
//!
//! Each contract has a published suite in `portcullis-testing`; a third-party store runs it in a few lines.

mod counter;
mod memory;
mod mixed;
mod refresh;
mod session;
mod token;
mod user;

use std::error::Error as StdError;
use std::sync::Arc;

pub use counter::{Algorithm, CounterState, CounterStore, Limit, Reserved};
pub use memory::MemoryStore;
pub use mixed::Mixed;
pub use refresh::{RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, Rotation};
pub use session::{Committed, SessionChange, SessionRecord, SessionStore, UserBySession};
pub use token::{TokenRecord, TokenStore, UserByToken};
pub use user::{Group, LoginRecord, NewUser, NoUsers, UserChange, UserStore};

use crate::error::{Error, Unavailable};

/// Why a store did not do what it was asked.
///
/// # Examples
///
/// ```
/// use portcullis::{Error, store::StoreError};
///
/// let outage: Error = StoreError::unavailable("connection refused").into();
/// assert_eq!(outage.status(), 503);
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, did not answer in time, or answered nonsense.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Arc<dyn StdError + Send + Sync>),
    /// A record of that key or name exists.
    #[error("the record exists")]
    Conflict,
    /// A new user is to be a member of a group that does not exist.
    #[error("there is no such group")]
    NoSuchGroup,
    /// The store does not have this verb.
    #[error("the store does not support `{0}`")]
    Unsupported(&'static str),
}

impl StoreError {
    /// Wraps what the driver said.
    #[must_use]
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(source.into().into())
    }
}

/// What one call of a purge did.
///
/// # Examples
///
/// ```
/// # async fn purge(sessions: portcullis::Sessions) -> Result<(), portcullis::Unavailable> {
/// while !sessions.purge(500).await?.is_done {}
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Purged {
    /// How many rows were deleted.
    pub deleted: u64,
    /// Whether nothing is left that had ended when the round began, which is at the first call after one that was done; but
    /// a row that somebody else is changing at that moment may be left.
    ///
    /// Where it is not, the limit was reached, or the time that the store gives to one call: the next call goes on.
    pub is_done: bool,
}

impl Purged {
    /// Describes what a store deleted that stops at nothing but the limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::store::Purged;
    ///
    /// assert!(Purged::out_of(500, 499).is_done);
    /// assert!(!Purged::out_of(500, 500).is_done);
    /// ```
    pub const fn out_of(limit: u32, deleted: u64) -> Self {
        Self { deleted, is_done: deleted < limit as u64 }
    }
}

/// Whatever a store fails with in the middle of a request is an outage: 503, never a refusal.
impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}
