//! The people of an application: the one place where a username and a password become a user.
//!
//! 1. A password is taken exactly as sent (ASVS 5.0, 6.2.8). One with a NUL, an empty one and one over 4 KiB are refused
//!    before any hash; that tells nothing about the user.
//! 2. Unknown, inactive, without a password, wrong password: the same message, the same time, one run of the preferred
//!    hasher (CVE-2024-39329, CVE-2025-13473).
//! 3. A right password in an old format is hashed anew, by compare-and-set, so that a change made meanwhile wins.
//! 4. A new password raises the user's epoch: every other session ends.
//! 5. With [`Attempts`] a try is taken before the look-up and the hash, and given back when the login succeeds.
//! 6. Everything is recorded.

use std::fmt;
use std::sync::Arc;

use crate::credentials::{Credentials, MAX_USERNAME_BYTES, PasswordHash, is_plausible_password};
use crate::environment::Environment;
use crate::error::{Error, Rejected, Unavailable};
use crate::event::{Event, EventKind, Origin};
use crate::password::{PasswordHashers, Verification};
use crate::secret::Secret;
use crate::store::{Group, LoginRecord, NewUser, StoreError, UserChange, UserStore};
use crate::throttle::{Attempts, Taken};
use crate::user::{Account, User, UserId};

/// Makes, finds, checks and changes users; cloning shares it.
///
/// # Examples
///
/// ```
/// use portcullis::{Credentials, Origin, Users, store::MemoryStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let users = Users::new(MemoryStore::new());
/// users.create("john", "correct horse battery").await?;
/// let john = users.check(&Credentials::new("john", "correct horse battery"), Origin::default()).await;
/// assert_eq!(john.unwrap().username, "john");
/// # Ok::<(), portcullis::UsersError>(())
/// # }).unwrap();
/// ```
pub struct Users<U = Account>(Arc<Inner<U>>);

struct Inner<U> {
    store: Arc<dyn UserStore<U>>,
    hashers: PasswordHashers,
    environment: Environment,
    attempts: Option<Attempts>,
}

impl<U> Inner<U> {
    fn share(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            hashers: self.hashers.clone(),
            environment: self.environment.clone(),
            attempts: self.attempts.clone(),
        }
    }
}

/// Why a user was not made or changed.
///
/// # Examples
///
/// ```
/// use portcullis::{Users, UsersError, store::MemoryStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let users = Users::new(MemoryStore::new());
/// users.create_without_password("john").await?;
/// assert!(matches!(users.create_without_password("john").await, Err(UsersError::UsernameTaken)));
/// # Ok::<(), UsersError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// Another user has the name.
    #[error("the username is taken")]
    UsernameTaken,
    /// The name is empty, over 1 KiB, or holds a control character.
    #[error("a username has 1 to {MAX_USERNAME_BYTES} bytes and no control characters")]
    UnacceptableUsername,
    /// The password is empty, over 4 KiB, or holds a NUL.
    #[error("a password has 1 to 4096 bytes and no NUL")]
    UnacceptablePassword,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// A group of the new user does not exist: [`Users::put_group`] makes it.
    #[error("there is no such group")]
    NoSuchGroup,
    /// The store or the hashing pool cannot do it now, or the store does not do it at all.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl UsersError {
    /// Turns what should not happen into an outage.
    pub(crate) fn into_unavailable(self) -> Unavailable {
        match self {
            Self::Unavailable(unavailable) => unavailable,
            other => Unavailable::new(other.to_string()),
        }
    }
}

impl From<StoreError> for UsersError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::UsernameTaken,
            StoreError::NoSuchGroup => Self::NoSuchGroup,
            other => Self::Unavailable(other.into()),
        }
    }
}

impl<U> Clone for Users<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Users<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}

impl<U: User> Users<U> {
    /// Takes the users of a store, with the default hashers; without the feature `argon2` there are none, and
    /// [`Users::new_with`] is the way.
    #[cfg(feature = "argon2")]
    #[must_use]
    pub fn new(store: impl UserStore<U>) -> Self {
        Self::new_with(store, PasswordHashers::default())
    }

    /// Takes the users of a store and the hashers of their passwords.
    #[must_use]
    pub fn new_with(store: impl UserStore<U>, hashers: PasswordHashers) -> Self {
        Self(Arc::new(Inner {
            store: Arc::new(store),
            hashers,
            environment: Environment::default(),
            attempts: None,
        }))
    }

    /// Replaces the password hashers.
    #[must_use]
    pub fn with_hashers(self, hashers: PasswordHashers) -> Self {
        Self(Arc::new(Inner { hashers, ..self.0.share() }))
    }

    /// Replaces clock, randomness and event sink.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        Self(Arc::new(Inner { environment, ..self.0.share() }))
    }

    /// Limits how often a login may be tried; without it only the time of a hash does.
    #[must_use]
    pub fn with_attempts(self, attempts: Attempts) -> Self {
        Self(Arc::new(Inner { attempts: Some(attempts), ..self.0.share() }))
    }

    /// Lends clock, randomness and event sink.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// Makes an active user without rights.
    ///
    /// # Errors
    ///
    /// [`UsersError`] when name or password are unacceptable, the name is taken, or the store cannot answer.
    pub async fn create(&self, username: &str, password: &str) -> Result<Arc<U>, UsersError> {
        self.create_user(NewUser::new(username), Some(password)).await
    }

    /// Makes an active user who cannot log in with a password.
    ///
    /// # Errors
    ///
    /// As [`Users::create`].
    pub async fn create_without_password(&self, username: &str) -> Result<Arc<U>, UsersError> {
        self.create_user(NewUser::new(username), None).await
    }

    /// Makes a user with rights; a password given here takes the place of the one in `user`.
    ///
    /// # Errors
    ///
    /// As [`Users::create`], and [`UsersError::NoSuchGroup`] when one of the groups does not exist.
    pub async fn create_user(&self, mut user: NewUser, password: Option<&str>) -> Result<Arc<U>, UsersError> {
        let name = &user.username;
        if name.is_empty() || name.len() > MAX_USERNAME_BYTES || name.chars().any(char::is_control) {
            return Err(UsersError::UnacceptableUsername);
        }
        if let Some(password) = password {
            user.password = Some(self.hash(password).await?);
        }
        user.created_at = self.0.environment.now();
        let user = self.0.store.create_user(user).await?;
        self.record(EventKind::UserCreated, user.id());
        Ok(user)
    }

    /// Makes a group, or replaces its codenames.
    ///
    /// # Errors
    ///
    /// [`UsersError::Unavailable`] when the store cannot.
    pub async fn put_group(&self, group: Group) -> Result<(), UsersError> {
        Ok(self.0.store.put_group(group).await?)
    }

    /// Finds a user by id.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn find(&self, id: &UserId) -> Result<Option<Arc<U>>, Unavailable> {
        Ok(self.0.store.user(id).await?)
    }

    /// Finds a user by exact name.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn find_by_name(&self, username: &str) -> Result<Option<Arc<U>>, Unavailable> {
        Ok(self.0.store.login(username).await?.map(|record| record.user))
    }

    /// Lists users by id, at most `limit` of those that come after one; `None` begins at the first.
    ///
    /// # Errors
    ///
    /// [`UsersError::Unavailable`] when the store cannot.
    pub async fn list(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Arc<U>>, UsersError> {
        Ok(self.0.store.users(after, limit).await?)
    }

    /// Checks a username and a password; an active user comes out, or the same refusal for every reason.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] with DRF's `Invalid username/password.`; [`Error::Throttled`] after too many tries, also for the
    /// right password; [`Error::Unavailable`] when the store or the hashing pool cannot answer.
    ///
    /// # Security
    ///
    /// This is the one door for passwords: whoever logs users in by another way loses rules 1 to 3.
    pub async fn check(&self, credentials: &Credentials, origin: Origin<'_>) -> Result<Arc<U>, Error> {
        let refused = |code: &'static str| {
            self.0.environment.record(|| {
                Event::new(EventKind::LoginFailed)
                    .with_username(credentials.username())
                    .with_code(code)
                    .with_origin(origin)
            });
            Err(Rejected::new("Invalid username/password.").into())
        };
        if !credentials.are_plausible() {
            return refused("implausible");
        }
        let taken = self.take_try(credentials, origin).await?;
        let (record, verification) = match self.verify(credentials).await {
            Ok(verified) => verified,
            Err(outage) => {
                // No password was looked at: an outage must not lock its victims out when it is over.
                if let Some(taken) = taken {
                    taken.give_back().await;
                }
                return Err(outage);
            }
        };
        match (record, verification) {
            (Some(record), Verification::Right { upgrade }) => {
                if let Some(hash) = upgrade {
                    self.upgrade(&record, hash).await;
                }
                if !record.user.is_active() {
                    return refused("inactive");
                }
                if let Some(taken) = taken {
                    taken.give_back().await;
                }
                let user = record.user;
                self.0.environment.record(|| {
                    Event::new(EventKind::LoginSucceeded)
                        .with_user(user.id())
                        .with_username(credentials.username())
                        .with_origin(origin)
                });
                Ok(user)
            }
            (Some(record), Verification::Unreadable) => {
                self.record(EventKind::PasswordHashUnreadable, record.user.id());
                refused("unreadable_hash")
            }
            (None, _) => refused("unknown"),
            (Some(_), Verification::Wrong) => refused("wrong_password"),
        }
    }

    /// Takes one try to log in, where tries are limited.
    async fn take_try(
        &self,
        credentials: &Credentials,
        origin: Origin<'_>,
    ) -> Result<Option<Taken<'_>>, Error> {
        let Some(attempts) = &self.0.attempts else { return Ok(None) };
        let (username, now) = (credentials.username(), self.0.environment.now());
        let taken = attempts.take(username, origin.client, now).await;
        if let Err(Error::Throttled(_)) = &taken {
            self.0
                .environment
                .record(|| Event::new(EventKind::LoginThrottled).with_username(username).with_origin(origin));
        }
        taken.map(Some)
    }

    /// Looks a user up and runs one hash, whether there is one or not.
    async fn verify(
        &self,
        credentials: &Credentials,
    ) -> Result<(Option<LoginRecord<U>>, Verification), Error> {
        let record = self.0.store.login(credentials.username()).await?;
        let stored = record.as_ref().and_then(|record| record.password.as_ref());
        let random = self.0.environment.random();
        let verification = self.0.hashers.verify(credentials.password(), stored, random).await?;
        Ok((record, verification))
    }

    /// Sets a password and ends the user's sessions by raising the epoch.
    ///
    /// # Errors
    ///
    /// [`UsersError`] when the password is unacceptable, there is no such user, or the store cannot answer.
    pub async fn set_password(&self, id: &UserId, password: &str) -> Result<(), UsersError> {
        let hash = self.hash(password).await?;
        let change = UserChange { password: Some(Some(hash)), raise_epoch: true, ..UserChange::default() };
        self.update(id, change, EventKind::PasswordChanged).await
    }

    /// Takes the password away and ends the user's sessions.
    ///
    /// # Errors
    ///
    /// [`UsersError`] when there is no such user, or the store cannot answer.
    pub async fn remove_password(&self, id: &UserId) -> Result<(), UsersError> {
        let change = UserChange { password: Some(None), raise_epoch: true, ..UserChange::default() };
        self.update(id, change, EventKind::PasswordChanged).await
    }

    /// Lets a user authenticate again.
    ///
    /// # Errors
    ///
    /// [`UsersError`] when there is no such user, or the store cannot answer.
    pub async fn activate(&self, id: &UserId) -> Result<(), UsersError> {
        let change = UserChange { is_active: Some(true), ..UserChange::default() };
        self.update(id, change, EventKind::UserActivated).await
    }

    /// Shuts a user out, from the next request on, and ends the sessions for good.
    ///
    /// # Errors
    ///
    /// [`UsersError`] when there is no such user, or the store cannot answer.
    pub async fn deactivate(&self, id: &UserId) -> Result<(), UsersError> {
        let change = UserChange { is_active: Some(false), raise_epoch: true, ..UserChange::default() };
        self.update(id, change, EventKind::UserDeactivated).await
    }

    /// Ends every session and every JSON Web Token of a user, on every device; opaque tokens go on.
    ///
    /// A JSON Web Token on a route that does not load the user lives until it ends.
    ///
    /// # Errors
    ///
    /// [`UsersError`] when there is no such user, or the store cannot answer.
    pub async fn log_out_everywhere(&self, id: &UserId) -> Result<(), UsersError> {
        let change = UserChange { raise_epoch: true, ..UserChange::default() };
        self.update(id, change, EventKind::SessionsEnded).await
    }

    /// Deletes a user for good.
    ///
    /// # Errors
    ///
    /// [`UsersError`] when there is no such user, or the store cannot answer.
    pub async fn delete(&self, id: &UserId) -> Result<(), UsersError> {
        if !self.0.store.delete_user(id).await? {
            return Err(UsersError::NoSuchUser);
        }
        self.record(EventKind::UserDeleted, id.clone());
        Ok(())
    }

    async fn update(&self, id: &UserId, change: UserChange, kind: EventKind) -> Result<(), UsersError> {
        if !self.0.store.update_user(id, change).await? {
            return Err(UsersError::NoSuchUser);
        }
        self.record(kind, id.clone());
        Ok(())
    }

    /// Hashes a new password.
    async fn hash(&self, password: &str) -> Result<PasswordHash, UsersError> {
        if !is_plausible_password(password) {
            return Err(UsersError::UnacceptablePassword);
        }
        Ok(self.0.hashers.hash(&Secret::from(password), self.0.environment.random()).await?)
    }

    /// Replaces an old hash by a better one of the same password; a failure costs nothing but another try next time.
    async fn upgrade(&self, record: &LoginRecord<U>, hash: PasswordHash) {
        let change = UserChange {
            password: Some(Some(hash)),
            if_password: record.password.clone(),
            ..UserChange::default()
        };
        if let Ok(true) = self.0.store.update_user(&record.user.id(), change).await {
            self.record(EventKind::PasswordUpgraded, record.user.id());
        }
    }

    fn record(&self, kind: EventKind, user: UserId) {
        self.0.environment.record(|| Event::new(kind).with_user(user));
    }
}
