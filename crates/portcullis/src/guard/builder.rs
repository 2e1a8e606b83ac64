//! Putting a guard together.

use std::fmt;
use std::sync::Arc;

use crate::authentication::{Authenticator, ParseNetworkError, parse_networks};
use crate::csrf::CsrfConfigError;
use crate::guard::proxies::Proxies;
use crate::guard::{ChallengePolicy, Entry, Guard, Inner, Policy, Render};
use crate::permission::{IntoPermission, IsAuthenticated, PermissionError, Permissions};
use crate::throttle::Throttle;
use crate::user::{Account, User};
use crate::users::Users;

/// Puts a guard together; see [`Guard`].
///
/// # Examples
///
/// See [`Guard`].
pub struct GuardBuilder<U = Account> {
    users: Users<U>,
    authenticators: Vec<Entry<U>>,
    permission: Result<Permissions<U>, PermissionError>,
    throttles: Vec<Throttle>,
    challenge: ChallengePolicy,
    proxies: Result<Proxies, ParseNetworkError>,
    requires_https: bool,
    posts_owe_objects: bool,
    reads_forms_first: bool,
    render: Option<Arc<dyn Render>>,
}

/// A guard or a route that could never work.
///
/// # Examples
///
/// ```
/// use portcullis::{Guard, GuardError, Users, store::MemoryStore};
///
/// let nobody_can_pass = Guard::builder(Users::new(MemoryStore::new())).build();
/// assert!(matches!(nobody_can_pass, Err(GuardError::NoAuthenticator)));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// A permission cannot be put together.
    #[error(transparent)]
    Permission(#[from] PermissionError),
    /// A trusted proxy is not written as a network.
    #[error(transparent)]
    Network(#[from] ParseNetworkError),
    /// The guard has no authenticator, so that its default permission lets nobody in.
    #[error(
        "the guard has no authenticator: call `authenticate`, or `default_permission(AllowAny)` for an open service"
    )]
    NoAuthenticator,
    /// The route has no authenticator, so that its permission lets nobody in.
    #[error(
        "a route without authenticators asks for {0}, which then lets nobody in: add `authenticate_with`, or `public`"
    )]
    NobodyCanPass(String),
    /// The cookie or the CSRF rules of the sessions are wrong.
    #[error(transparent)]
    Sessions(#[from] CsrfConfigError),
    /// Two of the authenticators read different sessions, and a handler's `Session` could mean either.
    #[error("the authenticators read two different `Sessions`: one guard has one")]
    TwoSessions,
}

impl<U> fmt::Debug for GuardBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardBuilder").finish_non_exhaustive()
    }
}

impl<U: User> GuardBuilder<U> {
    pub(crate) fn new(users: Users<U>) -> Self {
        Self {
            users,
            authenticators: Vec::new(),
            permission: Permissions::new(IsAuthenticated),
            throttles: Vec::new(),
            challenge: ChallengePolicy::All,
            proxies: Ok(Proxies::default()),
            requires_https: false,
            posts_owe_objects: true,
            reads_forms_first: false,
            render: None,
        }
    }

    /// Adds an authenticator behind the earlier ones.
    #[must_use]
    pub fn authenticate(mut self, authenticator: impl Authenticator<U>) -> Self {
        self.authenticators.push(Entry::new(authenticator));
        self
    }

    /// Replaces the permission of routes that say nothing, `IsAuthenticated` unless told.
    #[must_use]
    pub fn default_permission<M>(self, permission: impl IntoPermission<U, M>) -> Self {
        Self { permission: Permissions::new(permission), ..self }
    }

    /// Adds a throttle to those of routes that say nothing: all are asked, and all count.
    ///
    /// # Security
    ///
    /// What authentication or permission refuse is not counted, as in DRF; guesses of passwords are, by
    /// [`Users::with_attempts`].
    #[must_use]
    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.throttles.push(throttle);
        self
    }

    /// Replaces which challenges a 401 carries: all unless told.
    #[must_use]
    pub fn challenge(self, challenge: ChallengePolicy) -> Self {
        Self { challenge, ..self }
    }

    /// Believes `X-Forwarded-For` and `X-Forwarded-Proto` of these networks, such as `10.0.0.0/8`.
    ///
    /// # Security
    ///
    /// Name the addresses of your own proxies and no others: whoever is named chooses its address.
    #[must_use]
    pub fn trusted_proxies<'a>(self, networks: impl IntoIterator<Item = &'a str>) -> Self {
        Self { proxies: parse_networks(networks).map(Proxies), ..self }
    }

    /// Refuses credentials that arrive in clear text, from loopback aside: in headers, and passwords in the bodies of
    /// Portcullis' own endpoints.
    #[must_use]
    pub fn require_https(self) -> Self {
        Self { requires_https: true, ..self }
    }

    /// Makes the bodies of refusals: problem+json, a translation. Statuses and challenges stay.
    #[must_use]
    pub fn render(self, render: impl Render) -> Self {
        Self { render: Some(Arc::new(render)), ..self }
    }

    /// Answers as Django REST framework does. This relaxes, and each can be tightened again alone, after this call:
    ///
    /// 1. the challenge is the first authenticator's alone: [`GuardBuilder::challenge`];
    /// 2. a route that looks at objects owes no check on POST: [`GuardBuilder::object_check_on_post`];
    /// 3. a session's form body is read before its header is looked at: [`GuardBuilder::header_before_form`].
    ///
    /// [`SessionConfig::django`](crate::SessionConfig::django) and [`TokenConfig::drf`](crate::TokenConfig::drf) are the
    /// other two parts of the preset; [`Guard::relaxations`] lists what holds in the end.
    #[must_use]
    pub fn drf(self) -> Self {
        Self { challenge: ChallengePolicy::First, posts_owe_objects: false, reads_forms_first: true, ..self }
    }

    /// Lets a route that looks at objects owe a check on POST, too; so it is unless [`GuardBuilder::drf`] was called.
    #[must_use]
    pub fn object_check_on_post(self) -> Self {
        Self { posts_owe_objects: true, ..self }
    }

    /// Reads a session's form body only where the CSRF header is absent; so it is unless [`GuardBuilder::drf`] was called.
    #[must_use]
    pub fn header_before_form(self) -> Self {
        Self { reads_forms_first: false, ..self }
    }

    /// Builds the guard.
    ///
    /// # Errors
    ///
    /// [`GuardError`] when it could never work; the message says what to do.
    pub fn build(self) -> Result<Guard<U>, GuardError> {
        let sessions = one_sessions(&self.authenticators)?;
        let guard = Guard(Arc::new(Inner {
            users: self.users,
            sessions,
            authenticators: self.authenticators.into(),
            permission: self.permission?,
            throttles: self.throttles.into(),
            challenge: self.challenge,
            proxies: self.proxies?,
            requires_https: self.requires_https,
            posts_owe_objects: self.posts_owe_objects,
            reads_forms_first: self.reads_forms_first,
            render: self.render,
        }));
        match guard.route(&Policy::default()) {
            Err(GuardError::NobodyCanPass(_)) => Err(GuardError::NoAuthenticator),
            Err(error) => Err(error),
            Ok(_) => Ok(guard),
        }
    }
}

/// The sessions that the authenticators of a list read: at most one, or a handler's `Session` could mean either.
pub(crate) fn one_sessions<U: User>(
    entries: &[Entry<U>],
) -> Result<Option<crate::session::Sessions<U>>, GuardError> {
    let mut found: Option<&crate::session::Sessions<U>> = None;
    for entry in entries {
        if let Some(sessions) = &entry.sessions {
            sessions.validate()?;
            if found.is_some_and(|found| !found.is(sessions)) {
                return Err(GuardError::TwoSessions);
            }
            found = Some(sessions);
        }
    }
    Ok(found.cloned())
}
