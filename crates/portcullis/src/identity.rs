//! Who makes a request, and how we know.
//!
//! 1. An [`Identity`] is a user, the [`Scheme`] that proved it and what was granted ([`Grant`]).
//! 2. Nobody is `None` of `Option<Identity>`; there is no anonymous user object.
//! 3. Anyone may make an identity; only one that an [`Authenticator`](crate::authentication::Authenticator) of the
//!    guard returns is believed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::user::{Account, User};

/// The name of a way to authenticate, in lower case.
///
/// # Examples
///
/// ```
/// use portcullis::Scheme;
///
/// const DEVICE: Scheme = Scheme::new("device");
/// assert_eq!(DEVICE.as_str(), "device");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scheme(&'static str);

impl Scheme {
    /// HTTP Basic (RFC 7617).
    pub const BASIC: Self = Self("basic");
    /// An opaque token in the `Authorization` header.
    pub const TOKEN: Self = Self("token");
    /// A session cookie.
    pub const SESSION: Self = Self("session");
    /// A JSON Web Token whose user is loaded.
    pub const JWT: Self = Self("jwt");
    /// A JSON Web Token whose user is made of its claims.
    pub const JWT_STATELESS: Self = Self("jwt-stateless");
    /// A name that a trusted proxy sends.
    pub const REMOTE_USER: Self = Self("remote");

    /// Names a scheme of your own.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns the name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a credential may be used for (RFC 6749 section 3.3).
///
/// # Examples
///
/// ```
/// use portcullis::Scopes;
///
/// let scopes: Scopes = ["books:read", "books:write"].into_iter().collect();
/// assert!(scopes.contains("books:read"));
/// assert_eq!(scopes.to_string(), "books:read books:write");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Arc<BTreeSet<Box<str>>>);

impl Scopes {
    /// Tells whether a scope was granted.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Lists the scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Reads a list separated by spaces, the form in which `Display` writes it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.split_ascii_whitespace().collect()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        Self(Arc::new(scopes.into_iter().map(|scope| scope.as_ref().into()).collect()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            write!(f, "{}{scope}", if index > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

/// What came with a credential: which token or session it was, its scopes, when it ends.
///
/// # Examples
///
/// ```
/// use portcullis::{Grant, Scopes, Timestamp};
///
/// let grant = Grant::default().with_scopes(Scopes::parse("books:read")).with_expiry(Timestamp::from_seconds(60));
/// assert!(grant.scopes().is_some_and(|scopes| scopes.contains("books:read")));
/// ```
#[derive(Clone, Default)]
pub struct Grant {
    token: Option<Digest>,
    session: Option<Digest>,
    scopes: Option<Scopes>,
    expires_at: Option<Timestamp>,
    claims: Option<Arc<str>>,
}

impl Grant {
    /// Remembers the token.
    #[must_use]
    pub fn with_token(self, token: Digest) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Remembers the session: an identity with one must prove the origin of unsafe requests.
    #[must_use]
    pub(crate) fn with_session(self, session: Digest) -> Self {
        Self { session: Some(session), ..self }
    }

    /// Limits the credential to scopes.
    #[must_use]
    pub fn with_scopes(self, scopes: Scopes) -> Self {
        Self { scopes: Some(scopes), ..self }
    }

    /// Says when the credential ends.
    #[must_use]
    pub fn with_expiry(self, expires_at: Timestamp) -> Self {
        Self { expires_at: Some(expires_at), ..self }
    }

    /// Remembers the claims of a token: one JSON object.
    #[must_use]
    pub fn with_claims(self, json: impl Into<Arc<str>>) -> Self {
        Self { claims: Some(json.into()), ..self }
    }

    /// Reads a claim of the token; `None` where it is not there or not of that type.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::Grant;
    ///
    /// let grant = Grant::default().with_claims(r#"{"user_id":"1","tenant":"north"}"#);
    /// assert_eq!(grant.claim::<String>("tenant").as_deref(), Some("north"));
    /// assert_eq!(grant.claim::<u64>("tenant"), None);
    /// ```
    #[must_use]
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let claims: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(self.claims.as_ref()?).ok()?;
        serde_json::from_str(claims.get(name)?.get()).ok()
    }

    /// Returns the handle of the token, for an identity that a token proved.
    #[must_use]
    pub const fn token(&self) -> Option<&Digest> {
        self.token.as_ref()
    }

    /// Returns the handle of the session, for an identity that a session proved.
    #[must_use]
    pub const fn session(&self) -> Option<&Digest> {
        self.session.as_ref()
    }

    /// Returns the scopes that limit the credential; `None` for one that is not limited by scopes.
    #[must_use]
    pub const fn scopes(&self) -> Option<&Scopes> {
        self.scopes.as_ref()
    }

    /// Returns when the credential ends, where it does.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// Claims are left out: they say who somebody is.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("token", &self.token)
            .field("session", &self.session)
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A user, the scheme that proved it, and what was granted.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use portcullis::{Account, Identity, Scheme};
///
/// let identity = Identity::new(Arc::new(Account::new(1, "john")), Scheme::new("device"));
/// assert_eq!(identity.user().username, "john");
/// ```
///
/// # Security
///
/// Making one proves nothing; return it from an authenticator of the guard for it to count.
pub struct Identity<U = Account> {
    user: Arc<U>,
    scheme: Scheme,
    grant: Grant,
    since: Option<Timestamp>,
}

impl<U> Identity<U> {
    /// Says that `scheme` has proved `user`.
    #[must_use]
    pub fn new(user: Arc<U>, scheme: Scheme) -> Self {
        Self { user, scheme, grant: Grant::default(), since: None }
    }

    /// Adds what came with the credential.
    #[must_use]
    pub fn with_grant(self, grant: Grant) -> Self {
        Self { grant, ..self }
    }

    /// Adds when the user proved it; a permission may ask for a recent proof.
    #[must_use]
    pub fn with_since(self, since: Timestamp) -> Self {
        Self { since: Some(since), ..self }
    }

    /// Returns the user.
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// Returns the scheme that proved the user.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns what came with the credential.
    #[must_use]
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Returns when the user proved it: the login of a session, the issue of a token; `None` where that is not known, as of a
    /// JWT, which is as old as its last refresh.
    #[must_use]
    pub const fn since(&self) -> Option<Timestamp> {
        self.since
    }
}

impl<U> Clone for Identity<U> {
    fn clone(&self) -> Self {
        Self {
            user: Arc::clone(&self.user),
            scheme: self.scheme,
            grant: self.grant.clone(),
            since: self.since,
        }
    }
}

impl<U: User> fmt::Debug for Identity<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user", &self.user.id())
            .field("scheme", &self.scheme)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}
