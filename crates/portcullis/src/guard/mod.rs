//! The pipeline that every adapter calls: who is this, may they, and what the answer must say.
//!
//! 1. The order is DRF's: authentication, CSRF for session identities, permission, throttles; only then the handler, and 405.
//! 2. A policy that says nothing gets the guard's default permission, and the default default is `IsAuthenticated`.
//! 3. If the guard cannot decide, the answer is 503 (RFC 9110 section 15.6.4): never nobody, never the last answer.
//! 4. 401 carries a challenge (RFC 9110 section 11.6.1); where no authenticator has one, the same body goes out with 403.
//! 5. What other code puts into a request's extensions is not believed.
//! 6. An identity whose user is inactive is refused, whichever authenticator returned it.
//! 7. Forwarded headers count from trusted proxies alone, read from right to left.

mod access;
mod answer;
mod auth;
mod builder;
mod policy;
mod proxies;
mod rejection;
mod route;
mod session;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub use access::{Access, AnyAccess, Misconfigured};
pub(crate) use answer::plain;
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
pub(crate) use answer::refused_body;
pub use answer::{ChallengePolicy, Render, Rendering};
pub use auth::{Auth, MaybeAuth};
pub use builder::{GuardBuilder, GuardError};
pub use policy::Policy;
pub use rejection::Rejection;
pub use route::{Admission, Admitted, Pending, Route};
pub use session::{Session, SessionError};

use crate::authentication::{Authenticator, SessionAuthenticator};
use crate::environment::Environment;
use crate::permission::Permissions;
use crate::session::Sessions;
use crate::throttle::Throttle;
use crate::user::{Account, User};
use crate::users::Users;

/// Decides about requests; cloning shares it.
///
/// # Examples
///
/// ```
/// use portcullis::{Guard, SessionConfig, Sessions, Tokens, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let tokens = Tokens::new(store.clone());
/// let sessions = Sessions::new(store.clone(), SessionConfig::default());
/// let guard = Guard::builder(Users::new(store))
///     .authenticate(tokens.authenticator())
///     .authenticate(sessions.authenticator())
///     .build()?;
/// # let _ = guard;
/// # Ok::<(), portcullis::GuardError>(())
/// ```
pub struct Guard<U = Account>(Arc<Inner<U>>);

pub(crate) struct Inner<U> {
    users: Users<U>,
    authenticators: Arc<[Entry<U>]>,
    sessions: Option<Sessions<U>>,
    permission: Permissions<U>,
    throttles: Arc<[Throttle]>,
    challenge: ChallengePolicy,
    proxies: proxies::Proxies,
    requires_https: bool,
    posts_owe_objects: bool,
    reads_forms_first: bool,
    render: Option<Arc<dyn Render>>,
}

/// One authenticator of a list, and the sessions it lends.
pub(crate) struct Entry<U> {
    authenticator: Arc<dyn Authenticator<U>>,
    sessions: Option<Sessions<U>>,
    /// It is a [`SessionAuthenticator`] itself, in whose place the guard asks its sessions, so that what was seen of the
    /// cookie reaches the answer. One that wraps it is asked itself: it may refuse more.
    is_plain: bool,
}

impl<U: User> Entry<U> {
    fn new(authenticator: impl Authenticator<U>) -> Self {
        let sessions = authenticator.sessions().cloned();
        let is_plain = (&authenticator as &dyn Any).is::<SessionAuthenticator<U>>();
        Self { authenticator: Arc::new(authenticator), sessions, is_plain }
    }

    fn authenticator(&self) -> &dyn Authenticator<U> {
        &*self.authenticator
    }

    /// The sessions to ask in the place of their own authenticator.
    fn plain_sessions(&self) -> Option<&Sessions<U>> {
        self.sessions.as_ref().filter(|_| self.is_plain)
    }
}

impl<U> Clone for Entry<U> {
    fn clone(&self) -> Self {
        Self {
            authenticator: Arc::clone(&self.authenticator),
            sessions: self.sessions.clone(),
            is_plain: self.is_plain,
        }
    }
}

impl<U> Clone for Guard<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Guard<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl<U: User> Guard<U> {
    /// Begins a guard over the users of an application.
    #[must_use]
    pub fn builder(users: Users<U>) -> GuardBuilder<U> {
        GuardBuilder::new(users)
    }

    /// Fixes what holds on one route, once, when it is registered.
    ///
    /// # Errors
    ///
    /// [`GuardError`] when the policy can never work: two kinds of objects in one permission, or a permission that needs
    /// somebody on a route without authenticators.
    pub fn route(&self, policy: &Policy<U>) -> Result<Route<U>, GuardError> {
        Route::new(self.clone(), policy)
    }

    /// Lends the users.
    #[must_use]
    pub fn users(&self) -> &Users<U> {
        &self.0.users
    }

    /// Lends the sessions, where an authenticator reads them.
    #[must_use]
    pub fn sessions(&self) -> Option<&Sessions<U>> {
        self.0.sessions.as_ref()
    }

    /// Lists what this guard does less strictly than it could, because the preset of Django REST framework asks for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{ChallengePolicy, Guard, Tokens, Users, store::MemoryStore};
    ///
    /// let store = MemoryStore::new();
    /// let builder = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator());
    /// let guard = builder.drf().challenge(ChallengePolicy::All).object_check_on_post().build()?;
    /// assert_eq!(guard.relaxations(), ["a form body is read before the CSRF header is looked at"]);
    /// # Ok::<(), portcullis::GuardError>(())
    /// ```
    #[must_use]
    pub fn relaxations(&self) -> Vec<&'static str> {
        let own = [
            (
                self.0.challenge == ChallengePolicy::First,
                "a 401 carries the first authenticator's challenge alone",
            ),
            (!self.0.posts_owe_objects, "a POST owes no object check"),
            (self.0.reads_forms_first, "a form body is read before the CSRF header is looked at"),
        ];
        let own = own.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text);
        let mut all: Vec<_> = own.collect();
        let theirs = self.0.authenticators.iter().flat_map(|entry| entry.authenticator().relaxations());
        for text in self.sessions().into_iter().flat_map(Sessions::relaxations).chain(theirs) {
            if !all.contains(&text) {
                all.push(text);
            }
        }
        all
    }

    pub(crate) fn environment(&self) -> &Environment {
        self.0.users.environment()
    }
}
