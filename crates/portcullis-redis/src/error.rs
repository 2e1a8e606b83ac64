//! Why there is no store, and what a failure of the server is to a verb.

use std::error::Error as StdError;

use portcullis::store::StoreError;
use redis::ServerError;

/// Why a server could not be connected to.
///
/// # Examples
///
/// ```
/// use portcullis_redis::{RedisError, RedisStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let error = RedisStore::connect("mongodb://localhost").await.unwrap_err();
/// assert!(matches!(error, RedisError::UnknownScheme(_)));
/// assert!(error.to_string().contains("redis://host:6379"));
/// # });
/// ```
///
/// # Security
///
/// No message holds a password, wherever in the URL it stood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The URL names something that is not Redis.
    #[error("`{0}` is not supported; write `redis://host:6379` or `redis+cluster://host:6379,host:6380`")]
    UnknownScheme(String),
    /// The URL or the namespace cannot be used.
    #[error("the URL or the namespace of Redis cannot be used: {0}")]
    Malformed(String),
    /// The URL asks for TLS, and this program was built without.
    #[error("`{0}` needs the feature `tls` of portcullis-redis")]
    MissingFeature(String),
    /// The server cannot be reached, or does not do as a store needs.
    #[error("Redis cannot be used: {0}")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
}

impl From<StoreError> for RedisError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Unavailable(Box::new(why)),
            other => Self::Unavailable(other.into()),
        }
    }
}

/// What a server answered that is no answer: OOM, LOADING, READONLY, CLUSTERDOWN, NOAUTH, WRONGTYPE, …
pub(crate) fn refused(error: &ServerError) -> StoreError {
    let details = error.details().unwrap_or_default();
    StoreError::unavailable(format!("Redis answered {} {details}", error.code()))
}

/// A record that Portcullis cannot have written lets nobody in.
pub(crate) fn corrupt(what: &'static str) -> StoreError {
    StoreError::unavailable(what)
}
