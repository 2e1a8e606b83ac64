//! An opaque token in the `Authorization` header, as DRF's `TokenAuthentication`.

use async_trait::async_trait;
use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::authentication::Authenticator;
use crate::challenge::{Challenge, ChallengeError};
use crate::error::{Error, Rejected};
use crate::header;
use crate::identity::{Grant, Identity, Scheme};
use crate::request::RequestHead;
use crate::token::Tokens;
use crate::user::User;

/// Looks a token up by its digest; made by [`Tokens::authenticator`].
///
/// # Examples
///
/// ```
/// use portcullis::{Scheme, Tokens, store::MemoryStore};
///
/// let tokens = Tokens::new(MemoryStore::new());
/// let bearer = tokens.authenticator().with_keyword("Bearer", Scheme::new("bearer"))?;
/// # let _ = bearer;
/// # Ok::<(), portcullis::ChallengeError>(())
/// ```
#[derive(Debug)]
pub struct TokenAuthenticator<U> {
    tokens: Tokens<U>,
    keyword: Box<str>,
    challenge: Challenge,
    scheme: Scheme,
}

impl<U: User> Tokens<U> {
    /// Makes an authenticator for `Authorization: Token …`.
    #[must_use]
    pub fn authenticator(&self) -> TokenAuthenticator<U> {
        TokenAuthenticator {
            tokens: self.clone(),
            keyword: "Token".into(),
            challenge: Challenge::token(),
            scheme: Scheme::TOKEN,
        }
    }
}

impl<U> TokenAuthenticator<U> {
    /// Replaces the keyword in front of the token, and the name of the scheme.
    ///
    /// # Errors
    ///
    /// [`ChallengeError`] when the keyword is not a token of RFC 9110.
    pub fn with_keyword(self, keyword: &str, scheme: Scheme) -> Result<Self, ChallengeError> {
        Ok(Self { keyword: keyword.into(), challenge: Challenge::new(keyword)?, scheme, ..self })
    }
}

#[async_trait]
impl<U: User> Authenticator<U> for TokenAuthenticator<U> {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error> {
        let Some(raw) = header::token(&head.headers, &self.keyword)? else { return Ok(None) };
        let found = self.tokens.find(raw).await?;
        let (record, user, now) = found.ok_or_else(|| Rejected::new("Invalid token."))?;
        let user =
            user.filter(|user| user.is_active()).ok_or_else(|| Rejected::new("User inactive or deleted."))?;
        self.tokens.touch(&record, now).await;
        let grant = Grant::default().with_token(record.digest);
        let grant = record.expires_at.into_iter().fold(grant, Grant::with_expiry);
        let grant = record.scopes.into_iter().fold(grant, Grant::with_scopes);
        Ok(Some(Identity::new(user, self.scheme).with_grant(grant).with_since(record.created_at)))
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn challenge(&self) -> Option<&Challenge> {
        Some(&self.challenge)
    }

    fn applies(&self, head: &RequestHead<'_>) -> bool {
        header::scheme_matches(&head.headers, &self.keyword)
    }

    fn header(&self) -> Option<HeaderName> {
        Some(AUTHORIZATION)
    }
}
