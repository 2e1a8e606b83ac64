//! A session cookie, as DRF's `SessionAuthentication`.

use async_trait::async_trait;
use http::HeaderName;
use http::header::COOKIE;

use crate::authentication::Authenticator;
use crate::error::Error;
use crate::identity::{Identity, Scheme};
use crate::request::RequestHead;
use crate::session::{SessionState, Sessions};
use crate::user::User;

/// Finds the user of a session; made by [`Sessions::authenticator`].
///
/// An identity that came from a session must prove the origin of unsafe requests ([`CsrfConfig`](crate::CsrfConfig)). There is no
/// challenge: listed first under [`ChallengePolicy::First`](crate::ChallengePolicy), every 401 becomes 403.
///
/// # Examples
///
/// ```
/// use portcullis::{SessionConfig, Sessions, store::MemoryStore};
///
/// let sessions = Sessions::new(MemoryStore::new(), SessionConfig::default());
/// let authenticator = sessions.authenticator();
/// # let _ = authenticator;
/// ```
#[derive(Debug)]
pub struct SessionAuthenticator<U>(Sessions<U>);

impl<U: User> Sessions<U> {
    /// Makes an authenticator for the session cookie.
    #[must_use]
    pub fn authenticator(&self) -> SessionAuthenticator<U> {
        SessionAuthenticator(self.clone())
    }
}

#[async_trait]
impl<U: User> Authenticator<U> for SessionAuthenticator<U> {
    /// Finds the identity, with the CSRF token in the header or not at all; a guard does more (form fields, cookies).
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error> {
        let mut state = SessionState::default();
        let identity = self.0.identify(head, &mut state).await?;
        if identity.is_some()
            && let Some(check) = self.0.check_csrf(head, &mut state)?
        {
            check.check_header(head)?;
        }
        Ok(identity)
    }

    fn scheme(&self) -> Scheme {
        Scheme::SESSION
    }

    fn header(&self) -> Option<HeaderName> {
        Some(COOKIE)
    }

    fn sessions(&self) -> Option<&Sessions<U>> {
        Some(&self.0)
    }
}
