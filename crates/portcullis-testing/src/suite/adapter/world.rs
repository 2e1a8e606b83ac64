//! What the routes of the suite are made of.

use std::fmt::Display;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis::authentication::Authenticator;
use portcullis::store::NewUser;
use portcullis::{
    AuthRequest, Decision, Environment, Error, Guard, GuardBuilder, Identity, NewToken, ObjectPermission,
    PasswordHashers, Permission, Rate, RequestHead, Scheme, Secret, SessionConfig, Sessions, Throttle,
    Tokens, Unavailable, Users, Verdict,
};

use super::store::Shaky;
use crate::hasher::Cheap;
use crate::suite::stage::Failure;
use crate::{FixedClock, SeededRandom};

pub(super) const PASSWORD: &str = "correct horse battery";

/// What is particular to the guard of a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Usual,
    /// It throttles every route.
    Throttled,
    /// All routes are for staff unless told, and there is a fallback.
    Fallback,
    /// It follows DRF.
    Drf,
    /// An authenticator is away, whatever a request brings.
    Away,
    /// It knows tokens and passwords alone.
    NoSessions,
}

/// The guard and the mechanisms of one run: a store of its own, time that stands still, randomness from a seed.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
pub struct World {
    guard: Guard,
    tokens: Tokens,
    sessions: Sessions,
    throttle: Throttle,
    scope_throttle: Throttle,
    setting: Setting,
    pub(super) store: Shaky,
    pub(super) clock: FixedClock,
    pub(super) john: Secret,
    pub(super) mary: Secret,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    pub(super) async fn new(setting: Setting) -> Result<Self, Failure> {
        let (store, clock) = (Shaky::default(), FixedClock::default());
        let environment = Environment::default()
            .with_clock(Arc::new(clock.clone()))
            .with_random(Arc::new(SeededRandom::new(7)));
        let users =
            Users::new_with(store.clone(), PasswordHashers::new(Cheap)).with_environment(environment.clone());
        let tokens = Tokens::new(store.clone()).with_environment(environment.clone());
        let sessions = Sessions::new(store.clone(), SessionConfig::default()).with_environment(environment);
        let [john, mary] = [NewUser::new("john"), NewUser::new("mary").with_staff()];
        let john = users.create_user(john, Some(PASSWORD)).await.map_err(broken)?;
        let mary = users.create_user(mary, Some(PASSWORD)).await.map_err(broken)?;
        let john = tokens.issue(&john.id, NewToken::default()).await.map_err(broken)?;
        let mary = tokens.issue(&mary.id, NewToken::default()).await.map_err(broken)?;
        let rate = Rate::new(NonZeroU32::MIN.saturating_add(1), Duration::from_secs(60));
        let throttle = Throttle::user(store.clone(), rate);
        let scope_throttle = Throttle::scoped(store.clone(), "few", rate);
        let guard = Guard::builder(users.clone()).authenticate(tokens.authenticator());
        let guard = match setting {
            Setting::NoSessions => guard,
            _ => guard.authenticate(sessions.authenticator()),
        };
        let guard = guard.authenticate(users.basic()).trusted_proxies(["10.0.0.0/8"]);
        let guard = setting.apply(guard, &throttle).build().map_err(broken)?;
        Ok(Self { guard, tokens, sessions, throttle, scope_throttle, setting, store, clock, john, mary })
    }

    /// Returns the guard of all routes.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.guard.clone()
    }

    /// Lends the source of the endpoints below `/tokens`.
    #[must_use]
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Lends the source of the endpoints below `/session`.
    #[must_use]
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Returns the throttle of `/throttled`: two requests a minute.
    #[must_use]
    pub fn throttle(&self) -> Throttle {
        self.throttle.clone()
    }

    /// Returns the throttle of the scope `/few`: two requests a minute.
    #[must_use]
    pub fn scope_throttle(&self) -> Throttle {
        self.scope_throttle.clone()
    }

    /// Tells whether the router has a fallback, and asks for `IsAdminUser` by default.
    #[must_use]
    pub fn has_fallback(&self) -> bool {
        self.setting == Setting::Fallback
    }
}

impl Setting {
    fn apply(self, guard: GuardBuilder, throttle: &Throttle) -> GuardBuilder {
        match self {
            Self::Usual | Self::Fallback | Self::NoSessions => guard,
            Self::Throttled => guard.throttle(throttle.clone()),
            Self::Drf => guard.drf(),
            Self::Away => guard.authenticate(Away),
        }
    }
}

/// Answers nobody, whatever was sent.
struct Away;

#[async_trait]
impl Authenticator for Away {
    async fn authenticate(&self, _: &RequestHead<'_>) -> Result<Option<Identity>, Error> {
        Err(Unavailable::new("the directory on 10.0.0.7 is away").into())
    }

    fn scheme(&self) -> Scheme {
        Scheme::new("away")
    }
}

fn broken(error: impl Display) -> Failure {
    Failure::new(format!("the suite cannot make its world: {error}"))
}

/// The object of the suite: 1 and 3 are John's, 2 is Mary's.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note(pub u32);

impl AsRef<Self> for Note {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Note {
    /// Finds a note by the last segment of the path; the note 100 cannot be looked up.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] for `100`.
    pub fn find(id: &str) -> Result<Option<Self>, Unavailable> {
        match id.parse() {
            Ok(100) => Err(Unavailable::new("the notes on 10.0.0.7 are away")),
            Ok(id @ 1..=3) => Ok(Some(Self(id))),
            _ => Ok(None),
        }
    }
}

/// Whose note is it? Of a note that the adapter's crate wraps, because only there it can be loaded.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
pub struct IsOwner<T>(PhantomData<fn(T)>);

impl<T> IsOwner<T> {
    /// Makes the permission.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for IsOwner<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> std::fmt::Debug for IsOwner<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IsOwner")
    }
}

impl<T: AsRef<Note> + Send + Sync + 'static> ObjectPermission for IsOwner<T> {
    type Object = T;

    fn check_object(&self, request: &AuthRequest<'_>, note: &T) -> Verdict<'_> {
        let owner = if note.as_ref().0 % 2 == 1 { "john" } else { "mary" };
        Decision::allow_if(request.user().is_some_and(|user| user.username == owner)).into()
    }
}

/// Does the client sit at this machine?
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
#[derive(Debug, Clone, Copy)]
pub struct IsLocal;

impl Permission for IsLocal {
    fn check<'a>(&'a self, request: &'a AuthRequest<'a>) -> Verdict<'a> {
        Decision::allow_if(request.client().is_some_and(|client| client.is_loopback())).into()
    }
}

/// Does the permission see the path that the client sent?
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
#[derive(Debug, Clone, Copy)]
pub struct SeesFullPath;

impl Permission for SeesFullPath {
    fn check<'a>(&'a self, request: &'a AuthRequest<'a>) -> Verdict<'a> {
        Decision::allow_if(request.user().is_some() && request.uri().path() == "/strict/inner/path").into()
    }
}
