//! HTTP Basic (RFC 7617), as DRF's `BasicAuthentication`.

use async_trait::async_trait;
use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::authentication::Authenticator;
use crate::challenge::{Challenge, ChallengeError};
use crate::error::Error;
use crate::header;
use crate::identity::{Identity, Scheme};
use crate::request::RequestHead;
use crate::user::User;
use crate::users::Users;

/// Checks a username and a password on every request; made by [`Users::basic`].
///
/// Every request costs a password hash: prefer a token or a session where you can.
///
/// # Examples
///
/// ```
/// use portcullis::{Users, store::MemoryStore};
///
/// let users = Users::new(MemoryStore::new());
/// let basic = users.basic().with_realm("bookshop")?;
/// # let _ = basic;
/// # Ok::<(), portcullis::ChallengeError>(())
/// ```
///
/// # Security
///
/// The password travels with every request: use [`require_https`](crate::GuardBuilder::require_https).
#[derive(Debug)]
pub struct BasicAuthenticator<U> {
    users: Users<U>,
    challenge: Challenge,
}

impl<U: User> Users<U> {
    /// Makes an authenticator for HTTP Basic, realm `api`.
    #[must_use]
    pub fn basic(&self) -> BasicAuthenticator<U> {
        BasicAuthenticator { users: self.clone(), challenge: Challenge::basic_api() }
    }
}

impl<U> BasicAuthenticator<U> {
    /// Replaces the realm, `api` unless told.
    ///
    /// # Errors
    ///
    /// [`ChallengeError`] when the realm holds anything but visible ASCII and spaces.
    pub fn with_realm(self, realm: &str) -> Result<Self, ChallengeError> {
        Ok(Self { challenge: Challenge::with_realm("Basic", realm)?, ..self })
    }
}

#[async_trait]
impl<U: User> Authenticator<U> for BasicAuthenticator<U> {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error> {
        let Some(credentials) = header::basic(&head.headers)? else { return Ok(None) };
        let user = self.users.check(&credentials, head.origin()).await?;
        Ok(Some(Identity::new(user, Scheme::BASIC).with_since(self.users.environment().now())))
    }

    fn scheme(&self) -> Scheme {
        Scheme::BASIC
    }

    fn challenge(&self) -> Option<&Challenge> {
        Some(&self.challenge)
    }

    fn applies(&self, head: &RequestHead<'_>) -> bool {
        header::scheme_matches(&head.headers, "Basic")
    }

    fn header(&self) -> Option<HeaderName> {
        Some(AUTHORIZATION)
    }
}
