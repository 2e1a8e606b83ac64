//! What the routes of the suite are made of.

use std::fmt::Display;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use portcullis::store::NewUser;
use portcullis::{
    Account, AuthRequest, Decision, Denial, Environment, Error, Guard, NewToken, ObjectPermission,
    PasswordHashers, Permission, Rate, Rejected, Secret, Session, SessionConfig, SessionError, Sessions,
    Throttle, Throttled, Tokens, Unavailable, Users, Verdict,
};

use super::store::{Cheap, Shaky};
use crate::suite::stage::Failure;
use crate::{FixedClock, SeededRandom};

pub(super) const PASSWORD: &str = "correct horse battery";

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
    pub(super) async fn new() -> Result<Self, Failure> {
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
        let guard = Guard::builder(users.clone())
            .authenticate(tokens.authenticator())
            .authenticate(sessions.authenticator())
            .authenticate(users.basic())
            .trusted_proxies(["10.0.0.0/8"])
            .build()
            .map_err(broken)?;
        let rate = Rate::new(NonZeroU32::MIN.saturating_add(1), Duration::from_secs(60));
        let throttle = Throttle::user(store.clone(), rate);
        Ok(Self { guard, tokens, sessions, throttle, store, clock, john, mary })
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

/// Makes the error that a handler of `/failing/{kind}` returns: `rejected`, `denied`, `hidden`, `throttled`, else an
/// outage.
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
#[must_use]
pub fn failure(kind: &str) -> Error {
    match kind {
        "rejected" => Rejected::new("Say it again.").into(),
        "denied" => Denial::new("Not today.").into(),
        "hidden" => Denial::new("Not today.").hide().into(),
        "throttled" => Throttled::new(Duration::from_millis(1_500)).into(),
        _ => Unavailable::new("10.0.0.7 is away").into(),
    }
}

/// Counts the visits of a session, this one too.
///
/// # Errors
///
/// [`SessionError`] as [`Session::insert`].
///
/// # Examples
///
/// See [`adapter`](crate::suite::adapter).
pub async fn count(session: &Session<Account>) -> Result<u32, SessionError> {
    let count = session.get::<u32>("count").await?.unwrap_or(0).saturating_add(1);
    session.insert("count", &count).await?;
    Ok(count)
}
