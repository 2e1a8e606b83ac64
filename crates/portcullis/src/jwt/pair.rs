//! Pairs of an access and a refresh token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::environment::Environment;
use crate::error::{Error, Rejected, Unavailable};
use crate::event::{Event, EventKind, Origin};
use crate::jwt::claims::{Claims, Named};
use crate::jwt::config::{JwtConfig, JwtConfigError};
use crate::jwt::error::JwtError;
use crate::jwt::issue::{Content, copied, custom, draw_id, sign};
use crate::jwt::key::KeyError;
use crate::jwt::purpose::Purpose;
use crate::jwt::ring::KeyRing;
use crate::jwt::verify::JwtVerifier;
use crate::secret::{Digest, Secret};
use crate::store::{
    Purged, RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, Rotation, StoreError, UserStore,
};
use crate::user::{Account, User, UserId};

/// Issues, refreshes, verifies and revokes pairs of tokens; cloning shares it.
///
/// # Examples
///
/// ```
/// use portcullis::jwt::{Jwt, KeyRing};
/// use portcullis::{Origin, Users, store::MemoryStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let john = Users::new(store.clone()).create_without_password("john").await?;
/// let jwt = Jwt::new(KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?, store)?;
///
/// let pair = jwt.issue(&john).await?;
/// let first = pair.refresh().unwrap().expose_secret();
/// let next = jwt.refresh(first, Origin::default()).await?;
/// assert!(next.refresh().is_some());
///
/// // Whoever uses the first one again ends the login, for both.
/// assert!(jwt.refresh(first, Origin::default()).await.is_err());
/// assert!(jwt.refresh(next.refresh().unwrap().expose_secret(), Origin::default()).await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Jwt<U = Account>(Arc<Inner<U>>);

type CustomClaims<U> = Arc<dyn Fn(&U) -> Map<String, Value> + Send + Sync>;

struct Inner<U> {
    verifier: JwtVerifier,
    users: Arc<dyn UserStore<U>>,
    store: Arc<dyn RefreshStore>,
    claims: Option<CustomClaims<U>>,
}

/// An access token and, where there is a new one, a refresh token.
///
/// # Examples
///
/// See [`Jwt`].
#[derive(Debug, Clone)]
pub struct TokenPair {
    access: Secret,
    refresh: Option<Secret>,
}

impl TokenPair {
    /// Returns the access token.
    #[must_use]
    pub const fn access(&self) -> &Secret {
        &self.access
    }

    /// Returns the refresh token; `None` where the one that was used stays good.
    #[must_use]
    pub const fn refresh(&self) -> Option<&Secret> {
        self.refresh.as_ref()
    }
}

/// Whom and what the tokens of one moment are about.
struct About<'a, U> {
    user: Option<&'a U>,
    /// The custom claims, as members in JSON.
    others: &'a str,
    now: Timestamp,
}

/// What a refresh token says of itself.
struct Presented {
    record: RefreshRecord,
    named: Named,
    epoch: Option<i64>,
    /// The custom claims, where they are to be copied.
    others: String,
}

impl<U> Clone for Jwt<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Jwt<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jwt").field(&self.0.verifier).finish()
    }
}

impl<U> Inner<U> {
    fn with_verifier(&self, verifier: JwtVerifier) -> Self {
        let Self { users, store, claims, .. } = self;
        Self { verifier, users: Arc::clone(users), store: Arc::clone(store), claims: claims.clone() }
    }
}

impl<U: User> Jwt<U> {
    /// Takes keys, and the users and refresh tokens of a store.
    ///
    /// # Errors
    ///
    /// [`JwtConfigError`] when no key of the ring signs; to verify alone there is [`JwtVerifier`].
    pub fn new(ring: KeyRing, store: impl UserStore<U> + RefreshStore) -> Result<Self, JwtConfigError> {
        if !ring.signs() {
            return Err(KeyError::NoSigningKey.into());
        }
        let verifier = JwtVerifier::new(ring, JwtConfig::default())?;
        let store = Arc::new(store);
        Ok(Self(Arc::new(Inner { verifier, users: Arc::clone(&store) as _, store, claims: None })))
    }

    /// Replaces the configuration.
    ///
    /// # Errors
    ///
    /// [`JwtConfigError`] when it can never work.
    pub fn with_config(self, config: JwtConfig) -> Result<Self, JwtConfigError> {
        let earlier = &self.0.verifier;
        let verifier = JwtVerifier::new(earlier.ring().clone(), config)?;
        let verifier = verifier.with_environment(earlier.environment().clone());
        Ok(Self(Arc::new(self.0.with_verifier(verifier))))
    }

    /// Replaces clock, randomness and event sink.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        Self(Arc::new(self.0.with_verifier(self.0.verifier.clone().with_environment(environment))))
    }

    /// Adds claims of your own to both tokens; a name that Portcullis writes itself is left out, and the log says so.
    ///
    /// # Examples
    ///
    /// ```
    /// # use portcullis::jwt::{Jwt, KeyRing};
    /// # use portcullis::{Account, store::MemoryStore};
    /// # let ring = KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?;
    /// let jwt = Jwt::new(ring, MemoryStore::new())?
    ///     .with_claims(|user: &Account| [("username", user.username.clone().into())]);
    /// # Ok::<(), portcullis::jwt::JwtConfigError>(())
    /// ```
    ///
    /// # Security
    ///
    /// A token is signed, not encrypted: whoever has it can read it.
    #[must_use]
    pub fn with_claims<C, N>(self, claims: impl Fn(&U) -> C + Send + Sync + 'static) -> Self
    where
        C: IntoIterator<Item = (N, Value)>,
        N: Into<String>,
    {
        let claims =
            move |user: &U| claims(user).into_iter().map(|(name, value)| (name.into(), value)).collect();
        let inner = self.0.with_verifier(self.0.verifier.clone());
        Self(Arc::new(Inner { claims: Some(Arc::new(claims)), ..inner }))
    }

    /// Lends what checks tokens.
    #[must_use]
    pub fn verifier(&self) -> &JwtVerifier {
        &self.0.verifier
    }

    /// Lists what this configuration does less strictly than it could, because the preset of simplejwt asks for it.
    #[must_use]
    pub fn relaxations(&self) -> Vec<&'static str> {
        self.config().relaxations()
    }

    /// Issues a pair: what a login ends with. The password, or whatever else proves the user, is checked by the caller.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store, the randomness or the signature fails; then there is no pair.
    pub async fn issue(&self, user: &U) -> Result<TokenPair, Unavailable> {
        let now = self.environment().now();
        let deadline = self.deadline(now);
        let others = self.custom(user);
        let about = About { user: Some(user), others: &others, now };
        for _ in 0..3 {
            let id = draw_id(&self.0.verifier)?;
            let mut record = RefreshRecord::new(
                Digest::of(id.expose_secret()),
                Some(user.id()),
                now,
                self.refresh_end(now).min(deadline),
            );
            record.deadline = deadline;
            let end = record.expires_at;
            let pair = TokenPair {
                access: self.access(&about)?,
                refresh: Some(self.sign(Purpose::REFRESH, &id, &about, end)?),
            };
            match self.0.store.create_refresh(record).await {
                Ok(()) => {
                    self.record(EventKind::PairIssued, Some(user.id()), Origin::default());
                    return Ok(pair);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Unavailable::new("the randomness repeats itself"))
    }

    /// Issues a token for a purpose of your own, such as a link in a mail; check it with [`JwtVerifier::verify`].
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the randomness or the signature fails, and for [`Purpose::REFRESH`]: such tokens come in
    /// pairs.
    pub fn issue_for(&self, purpose: Purpose, user: &U, lifetime: Duration) -> Result<Secret, Unavailable> {
        if purpose == Purpose::REFRESH {
            return Err(Unavailable::new("refresh tokens are issued in pairs: `Jwt::issue`"));
        }
        let now = self.environment().now();
        let about = About { user: Some(user), others: "", now };
        self.sign(purpose, &draw_id(&self.0.verifier)?, &about, now.after(lifetime))
    }

    /// Exchanges a refresh token for an access token and, with rotation, another refresh token.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] with simplejwt's messages when the token is not good, was used before (then the whole login
    /// has ended), or its user may not log in; [`Error::Unavailable`] when the store cannot answer.
    pub async fn refresh(&self, token: &str, origin: Origin<'_>) -> Result<TokenPair, Error> {
        let refreshed = Box::pin(self.exchange(token, origin)).await;
        self.record_refusal(&refreshed, origin);
        refreshed
    }

    /// Checks a token of any purpose (simplejwt's `TokenVerifyView`); neither the user nor the purpose is looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the token is not good, with the code `token_revoked` when it was used before or revoked;
    /// [`Error::Unavailable`] when the store cannot answer.
    pub async fn verify(&self, token: &str) -> Result<(), Error> {
        let id = self.0.verifier.check(token.as_bytes(), None, |claims| Digest::of(claims.id()));
        let id = id.map_err(JwtError::into_plain)?;
        match self.0.store.refresh(&id).await? {
            Some(record) if record.state != RefreshState::Live => Err(JwtError::Revoked.into_plain().into()),
            _ => Ok(()),
        }
    }

    /// Revokes a refresh token and with it the login: what a logout ends with.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the token is not good, or was used or revoked before (its login has ended then, too);
    /// [`Error::Unavailable`] when it is not certain that it is revoked.
    pub async fn revoke(&self, token: &str, origin: Origin<'_>) -> Result<(), Error> {
        let revoked = self.end(token, origin).await;
        self.record_refusal(&revoked, origin);
        revoked
    }

    /// Lists the living logins of a user, newest first: one refresh token each.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn list(&self, user: &UserId) -> Result<Vec<RefreshRecord>, Unavailable> {
        let now = self.environment().now();
        let mut records = self.0.store.refresh_of(user).await?;
        records.retain(|record| record.expires_at > now);
        Ok(records)
    }

    /// Ends one login of a user; `false` when that user has no such login.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not certain that it has ended.
    ///
    /// # Security
    ///
    /// Access tokens live on until they end; [`Users::log_out_everywhere`](crate::Users::log_out_everywhere) ends them
    /// where the user is loaded.
    pub async fn revoke_family(&self, user: &UserId, family: &Digest) -> Result<bool, Unavailable> {
        let revoked = self.0.store.revoke_refresh_family(user, family).await?;
        if revoked {
            self.record(EventKind::RefreshRevoked, Some(user.clone()), Origin::default());
        }
        Ok(revoked)
    }

    /// Ends all logins of a user and tells how many.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not certain that they have ended.
    ///
    /// # Security
    ///
    /// As [`Jwt::revoke_family`].
    pub async fn revoke_all(&self, user: &UserId) -> Result<u64, Unavailable> {
        let revoked = self.0.store.revoke_refresh_all(user).await?;
        self.record(EventKind::RefreshRevoked, Some(user.clone()), Origin::default());
        Ok(revoked)
    }

    /// Deletes at most `limit` refresh tokens that have ended, and tells whether that was all; call it from a timer until it
    /// is done.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn purge(&self, limit: u32) -> Result<Purged, Unavailable> {
        // A token is good for the leeway longer: without its row an adopting store would take it for a new one.
        let now = self.environment().now().before(self.config().leeway);
        Ok(self.0.store.purge_refresh(now, limit).await?)
    }

    /// Returns the public keys of this moment, as a JWK set.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.0.verifier.ring().jwks(self.environment().now())
    }

    /// Finds the user of an access token.
    pub(crate) async fn user(&self, id: &UserId) -> Result<Option<Arc<U>>, Unavailable> {
        Ok(self.0.users.user(id).await?)
    }

    async fn end(&self, token: &str, origin: Origin<'_>) -> Result<(), Error> {
        let presented = self.presented(token)?;
        let user = presented.record.user.clone();
        match self.0.store.revoke_refresh(presented.record, self.config().adopts).await? {
            Revocation::Done => {
                self.record(EventKind::RefreshRevoked, user, origin);
                Ok(())
            }
            Revocation::Already | Revocation::Unknown => Err(JwtError::Revoked.into_plain().into()),
        }
    }

    async fn exchange(&self, token: &str, origin: Origin<'_>) -> Result<TokenPair, Error> {
        let presented = self.presented(token)?;
        let user = self.living_user(&presented).await?;
        let user = user.as_deref();
        let now = self.environment().now();
        let others = match (self.config().copies_claims, user) {
            (false, Some(user)) => self.custom(user),
            _ => presented.others,
        };
        let about = About { user, others: &others, now };
        if !self.config().rotates {
            let known = self.0.store.refresh(&presented.record.id).await?;
            if known.map_or(!self.config().adopts, |record| record.state != RefreshState::Live) {
                return Err(JwtError::Revoked.into_plain().into());
            }
            return Ok(TokenPair { access: self.access(&about)?, refresh: None });
        }
        let (id, record) = self.rotate(presented.record, now, origin).await?;
        Ok(TokenPair {
            access: self.access(&about)?,
            refresh: Some(self.sign(Purpose::REFRESH, &id, &about, record.expires_at)?),
        })
    }

    /// Puts a new refresh token in the place of one, in one call of the store; its id and its record.
    async fn rotate(
        &self,
        presented: RefreshRecord,
        now: Timestamp,
        origin: Origin<'_>,
    ) -> Result<(Secret, RefreshRecord), Error> {
        let id = draw_id(&self.0.verifier)?;
        let user = presented.user.clone();
        let rotation = Rotation {
            presented,
            next: Digest::of(id.expose_secret()),
            next_expires_at: self.refresh_end(now),
            now,
            grace: self.config().grace,
            adopts: self.config().adopts,
        };
        match self.0.store.rotate_refresh(rotation).await? {
            Rotated::Done(record) => {
                self.record(EventKind::PairRotated, user, origin);
                Ok((id, record))
            }
            Rotated::Reused { .. } => {
                self.record(EventKind::RefreshReused, user, origin);
                Err(JwtError::Revoked.into_plain().into())
            }
            Rotated::Revoked | Rotated::Unknown => Err(JwtError::Revoked.into_plain().into()),
        }
    }

    fn presented(&self, token: &str) -> Result<Presented, Error> {
        let now = self.environment().now();
        let read = |claims: &Claims<'_>| {
            let user = match claims.named() {
                Named::User(user) => Some(user),
                Named::Nobody | Named::Odd => None,
            };
            let issued = claims.issued_at().unwrap_or(now);
            let mut record = RefreshRecord::new(Digest::of(claims.id()), user, issued, claims.expires_at());
            // Where no row knows the token, its login began with it and ends as any other.
            record.deadline = self.deadline(issued);
            Presented {
                record,
                named: claims.named(),
                epoch: claims.epoch(),
                others: copied(self.config(), claims.others()),
            }
        };
        let presented = self.0.verifier.verify(token, Purpose::REFRESH, read);
        let presented = presented.map_err(JwtError::into_plain)?;
        if presented.record.deadline <= now.before(self.config().leeway) {
            return Err(JwtError::Expired.into_plain().into());
        }
        Ok(presented)
    }

    /// Finds the user whom a refresh token names, who must be active; `None` where the preset lets it name nobody.
    async fn living_user(&self, presented: &Presented) -> Result<Option<Arc<U>>, Error> {
        let no_account = || Error::from(Rejected::new("No active account found for the given token."));
        let id = match &presented.named {
            Named::Nobody if self.config().allows_nobody => return Ok(None),
            Named::Nobody | Named::Odd => return Err(no_account()),
            Named::User(id) => id,
        };
        let user = self.user(id).await?.filter(|user| user.is_active()).ok_or_else(no_account)?;
        if self.config().checks_epoch && presented.epoch != Some(user.auth_epoch()) {
            return Err(JwtError::outdated().into());
        }
        Ok(Some(user))
    }

    fn access(&self, about: &About<'_, U>) -> Result<Secret, Unavailable> {
        let end = about.now.after(self.config().access_lifetime);
        self.sign(Purpose::ACCESS, &draw_id(&self.0.verifier)?, about, end)
    }

    fn sign(
        &self,
        purpose: Purpose,
        id: &Secret,
        about: &About<'_, U>,
        end: Timestamp,
    ) -> Result<Secret, Unavailable> {
        let content = Content {
            purpose,
            id: id.expose_secret(),
            issued_at: about.now,
            expires_at: end,
            user: about.user.map(|user| user.id().to_string()),
            epoch: about.user.filter(|_| self.config().checks_epoch).map(User::auth_epoch),
            others: about.others,
        };
        sign(&self.0.verifier, &content)
    }

    /// When a login that begins now ends, however often it is refreshed.
    fn deadline(&self, now: Timestamp) -> Timestamp {
        self.config().login_lifetime.map_or(Timestamp::MAX, |life| now.after(life))
    }

    fn refresh_end(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_seconds(now.after(self.config().refresh_lifetime).as_seconds())
    }

    fn custom(&self, user: &U) -> String {
        self.0.claims.as_ref().map(|claims| custom(self.config(), &claims(user))).unwrap_or_default()
    }

    fn config(&self) -> &JwtConfig {
        self.0.verifier.config()
    }

    fn environment(&self) -> &Environment {
        self.0.verifier.environment()
    }

    fn record(&self, kind: EventKind, user: Option<UserId>, origin: Origin<'_>) {
        self.environment().record(|| {
            let event = Event::new(kind).with_scheme(crate::identity::Scheme::JWT).with_origin(origin);
            user.into_iter().fold(event, Event::with_user)
        });
    }

    fn record_refusal<T>(&self, result: &Result<T, Error>, origin: Origin<'_>) {
        if let Err(Error::Rejected(rejected)) = result {
            self.environment()
                .record(|| Event::new(EventKind::Rejected).with_code(rejected.code()).with_origin(origin));
        }
    }
}
