//! A JSON Web Token in the `Authorization` header, as simplejwt's `JWTAuthentication` and
//! `JWTStatelessUserAuthentication`.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use crate::authentication::Authenticator;
use crate::challenge::Challenge;
use crate::error::{Error, Rejected};
use crate::header::{Bearer, bearer, names_scheme};
use crate::identity::{Grant, Identity, Scheme};
use crate::jwt::{Claims, FromClaims, Jwt, JwtConfig, JwtError, JwtVerifier, Named, Purpose};
use crate::request::RequestHead;
use crate::user::{Account, User};

/// Checks an access token and loads its user; made by [`Jwt::authenticator`].
///
/// # Examples
///
/// ```
/// use portcullis::jwt::{Jwt, KeyRing};
/// use portcullis::{Guard, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let jwt = Jwt::new(KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?, store.clone())?;
/// let guard = Guard::builder(Users::new(store)).authenticate(jwt.authenticator()).build()?;
/// # let _ = guard;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// A deactivated or deleted user is refused at once, and so is a token from before the last change of the password.
#[derive(Debug)]
pub struct JwtAuthenticator<U = Account> {
    jwt: Jwt<U>,
    challenge: Challenge,
    scheme: Scheme,
}

/// Checks an access token and makes its user of the claims, without a store; made by [`Jwt::stateless`].
///
/// # Examples
///
/// A service that only receives tokens:
///
/// ```
/// use portcullis::authentication::StatelessJwtAuthenticator;
/// use portcullis::jwt::{JwtConfig, JwtVerifier, KeyRing};
/// use portcullis::Account;
///
/// let ring = KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?;
/// let verifier = JwtVerifier::new(ring, JwtConfig::default())?;
/// let authenticator = StatelessJwtAuthenticator::<Account>::new(verifier);
/// # let _ = authenticator;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// Nothing but its end ends such a token: not a logout, a new password, a deactivation or a deletion.
#[derive(Debug)]
pub struct StatelessJwtAuthenticator<U = Account> {
    verifier: JwtVerifier,
    challenge: Challenge,
    scheme: Scheme,
    user: PhantomData<fn() -> U>,
}

impl<U: User> Jwt<U> {
    /// Makes an authenticator that loads the user of a token.
    #[must_use]
    pub fn authenticator(&self) -> JwtAuthenticator<U> {
        JwtAuthenticator {
            jwt: self.clone(),
            challenge: self.verifier().config().challenge(),
            scheme: Scheme::JWT,
        }
    }

    /// Makes an authenticator that takes the user from the claims.
    #[must_use]
    pub fn stateless(&self) -> StatelessJwtAuthenticator<U>
    where
        U: FromClaims,
    {
        StatelessJwtAuthenticator::new(self.verifier().clone())
    }
}

impl<U> JwtAuthenticator<U> {
    /// Replaces the name of the scheme.
    #[must_use]
    pub fn named(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }
}

impl<U: FromClaims> StatelessJwtAuthenticator<U> {
    /// Takes what checks the tokens.
    #[must_use]
    pub fn new(verifier: JwtVerifier) -> Self {
        let challenge = verifier.config().challenge();
        Self { verifier, challenge, scheme: Scheme::JWT_STATELESS, user: PhantomData }
    }

    /// Replaces the name of the scheme.
    #[must_use]
    pub fn named(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    fn identify(&self, headers: &HeaderMap) -> Result<Option<Identity<U>>, Rejected> {
        let read = |claims: &Claims<'_>| {
            let user = U::from_claims(claims).ok_or_else(JwtError::no_user)?;
            Ok(Identity::new(Arc::new(user), self.scheme).with_grant(grant(claims)))
        };
        let found = access_token(&self.verifier, headers, read)?;
        found.transpose()
    }
}

#[async_trait]
impl<U: User> Authenticator<U> for JwtAuthenticator<U> {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error> {
        let verifier = self.jwt.verifier();
        let read = |claims: &Claims<'_>| (claims.named(), claims.epoch(), grant(claims));
        let Some((named, epoch, grant)) = access_token(verifier, &head.headers, read)? else {
            return Ok(None);
        };
        let id = match named {
            Named::User(id) => id,
            Named::Nobody => return Err(JwtError::no_user().into()),
            Named::Odd => return Err(JwtError::user_not_found().into()),
        };
        let user = self.jwt.user(&id).await?.ok_or_else(JwtError::user_not_found)?;
        if !user.is_active() {
            return Err(JwtError::user_inactive().into());
        }
        if verifier.config().checks_epoch && epoch != Some(user.auth_epoch()) {
            return Err(JwtError::outdated().into());
        }
        Ok(Some(Identity::new(user, self.scheme).with_grant(grant)))
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn challenge(&self) -> Option<&Challenge> {
        Some(&self.challenge)
    }

    fn applies(&self, head: &RequestHead<'_>) -> bool {
        applies(self.jwt.verifier().config(), head)
    }

    fn header(&self) -> Option<HeaderName> {
        Some(AUTHORIZATION)
    }

    fn relaxations(&self) -> Vec<&'static str> {
        self.jwt.relaxations()
    }
}

#[async_trait]
impl<U: FromClaims> Authenticator<U> for StatelessJwtAuthenticator<U> {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error> {
        Ok(self.identify(&head.headers)?)
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn challenge(&self) -> Option<&Challenge> {
        Some(&self.challenge)
    }

    fn applies(&self, head: &RequestHead<'_>) -> bool {
        applies(self.verifier.config(), head)
    }

    fn header(&self) -> Option<HeaderName> {
        Some(AUTHORIZATION)
    }

    fn relaxations(&self) -> Vec<&'static str> {
        self.verifier.config().relaxations()
    }
}

/// What an identity keeps of a token. When its user proved to be it stays open: an access token is as old as the last
/// refresh, not as the login.
fn grant(claims: &Claims<'_>) -> Grant {
    let grant = Grant::default().with_expiry(claims.expires_at()).with_claims(claims.json());
    claims.scopes().into_iter().fold(grant, Grant::with_scopes)
}

/// Finds and checks the access token of a request; nothing for another scheme.
fn access_token<R>(
    verifier: &JwtVerifier,
    headers: &HeaderMap,
    read: impl FnOnce(&Claims<'_>) -> R,
) -> Result<Option<R>, Rejected> {
    let config = verifier.config();
    match bearer(headers, &config.schemes, config.schemes_have_case, config.max_bytes) {
        Bearer::Absent => Ok(None),
        Bearer::Malformed => {
            Err(Rejected::new("Authorization header must contain two space-delimited values")
                .with_code("bad_authorization_header")
                .with_members(r#","code":"bad_authorization_header""#))
        }
        Bearer::Impossible => Err(JwtError::Invalid.into_rejected()),
        Bearer::Token(token) => {
            verifier.verify(token, Purpose::ACCESS, read).map(Some).map_err(JwtError::into_rejected)
        }
    }
}

fn applies(config: &JwtConfig, head: &RequestHead<'_>) -> bool {
    config.schemes.iter().any(|scheme| names_scheme(&head.headers, scheme, config.schemes_have_case))
}
