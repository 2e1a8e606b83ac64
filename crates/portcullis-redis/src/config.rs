//! What an application may choose.

use std::num::NonZeroU32;
use std::time::Duration;

/// How a [`RedisStore`](crate::RedisStore) deals with its server.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis_redis::{RedisConfig, Replicas};
///
/// let config = RedisConfig::default()
///     .with_timeout(Duration::from_millis(500))
///     .with_namespace("shop")
///     .with_replicas(Replicas::None);
/// assert_eq!(config.timeout(), Duration::from_millis(500));
/// ```
#[derive(Debug, Clone)]
pub struct RedisConfig {
    timeout: Duration,
    namespace: String,
    replicas: Replicas,
    #[cfg(feature = "tls")]
    roots: Option<Vec<u8>>,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(1),
            namespace: "portcullis".to_owned(),
            replicas: Replicas::default(),
            #[cfg(feature = "tls")]
            roots: None,
        }
    }
}

impl RedisConfig {
    /// Sets within what time every verb answers, connecting and reconnecting included (1 second unless set). Replicas have
    /// half of it to acknowledge, and a purge looks for a third of it. What is shorter than a millisecond or longer than
    /// an hour is taken for that.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_redis::RedisConfig;
    ///
    /// let patient = RedisConfig::default().with_timeout(Duration::MAX);
    /// assert_eq!(patient.timeout(), Duration::from_secs(3_600));
    /// ```
    ///
    /// # Security
    ///
    /// A verb that has run out of time is an outage, and what it was to change may happen yet.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: timeout.clamp(Duration::from_millis(1), Duration::from_secs(3_600)), ..self }
    }

    /// Sets what every key begins with (`portcullis` unless set): letters, digits, `_`, `-`, `.` and `:`.
    #[must_use]
    pub fn with_namespace(self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self }
    }

    /// Sets how many replicas must have what ends a session or a token ([`Replicas::IfAny`] unless set).
    #[must_use]
    pub fn with_replicas(self, replicas: Replicas) -> Self {
        Self { replicas, ..self }
    }

    /// Sets the certificates (PEM) that may vouch for the server, in place of those that the system trusts.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_redis::RedisConfig;
    ///
    /// let config = RedisConfig::default().with_roots(b"-----BEGIN CERTIFICATE-----...");
    /// # let _ = config;
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_roots(self, pem: &[u8]) -> Self {
        Self { roots: Some(pem.to_vec()), ..self }
    }

    /// Returns within what time every verb answers.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns what every key begins with.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns how many replicas must have what ends a session or a token.
    #[must_use]
    pub const fn replicas(&self) -> Replicas {
        self.replicas
    }

    #[cfg(feature = "tls")]
    pub(crate) fn roots(&self) -> Option<&[u8]> {
        self.roots.as_deref()
    }
}

/// How many replicas must have what ends a session or a token before it counts as done.
///
/// # Examples
///
/// See [`RedisConfig`].
///
/// # Security
///
/// Redis replicates later than it answers: when a master dies at the wrong moment, a replica that never heard of a
/// logout takes its place, and the session lives again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Replicas {
    /// One, where the master has any that is in step; none, where it has none.
    #[default]
    IfAny,
    /// None: a fail-over may revive what was ended in the last moments.
    None,
    /// So many; with fewer it is an outage.
    AtLeast(NonZeroU32),
}
