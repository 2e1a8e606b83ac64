//! Server-side login state behind a cookie.
//!
//! 1. A store keeps the digest of the id; a client never chooses an id (CVE-2018-1000519), and unknown ids make no rows
//!    (CVE-2015-5143).
//! 2. The id changes at every login (ASVS 5.0, 7.2.4); the old one is dead in the same step.
//! 3. A login keeps the data of a session of nobody or of the same user; another's is dropped (Django's `login`).
//! 4. Logout, login and cycle reach the store when they are called; a request that is dropped can lose data, never a
//!    logout. A save never revives what was ended meanwhile (CVE-2024-35220).
//! 5. An inactive user is nobody, and the session stays; a user whose epoch was raised loses it (Django's `get_user`).
//! 6. Nothing is written, and no cookie is sent, when nothing changed. A cookie that names no session is taken back.
//! 7. Nothing is saved with an answer of 5xx.

mod config;
mod csrf;
mod id;
mod state;

use std::fmt;
use std::sync::Arc;

pub use config::SessionConfig;
pub(crate) use csrf::{CsrfCheck, MAX_FORM, is_exempt};
pub(crate) use id::SessionId;
pub(crate) use state::{Current, SessionState};

use http::HeaderValue;

use crate::clock::Timestamp;
use crate::cookie::{CookieError, Duplicates, Found, find};
use crate::csrf::{Csrf, CsrfConfigError, new_secret};
use crate::environment::Environment;
use crate::error::{Error, Unavailable};
use crate::event::{Event, EventKind, Origin};
use crate::identity::{Grant, Identity, Scheme};
use crate::request::RequestHead;
use crate::secret::Digest;
use crate::store::{Committed, Purged, SessionChange, SessionRecord, UserBySession};
use crate::user::{Account, User, UserId};

/// The sessions of an application; cloning shares it.
///
/// # Examples
///
/// ```
/// use portcullis::{SessionConfig, Sessions, UserId, store::MemoryStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let sessions = Sessions::new(MemoryStore::new(), SessionConfig::default());
/// assert!(sessions.list(&UserId::from(1)).await?.is_empty());
/// # Ok::<(), portcullis::Unavailable>(())
/// # }).unwrap();
/// ```
pub struct Sessions<U = Account>(Arc<Inner<U>>);

struct Inner<U> {
    store: Arc<dyn UserBySession<U>>,
    config: SessionConfig,
    csrf: Result<Csrf, CsrfConfigError>,
    /// What takes the cookie back: always the same, and asked for by everybody who guesses.
    deletion: Result<HeaderValue, CookieError>,
    environment: Environment,
}

impl<U> Clone for Sessions<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Sessions<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl<U: User> Sessions<U> {
    /// Takes the sessions of a store; a mistake in the configuration is an error when the guard is built.
    #[must_use]
    pub fn new(store: impl UserBySession<U>, config: SessionConfig) -> Self {
        let csrf = config.csrf.clone().build();
        let deletion = config.cookie.delete();
        let store = Arc::new(store);
        Self(Arc::new(Inner { store, config, csrf, deletion, environment: Environment::default() }))
    }

    /// Replaces clock, randomness and event sink.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        let Inner { store, config, csrf, deletion, .. } = &*self.0;
        let (store, config, csrf) = (Arc::clone(store), config.clone(), csrf.clone());
        Self(Arc::new(Inner { store, config, csrf, deletion: deletion.clone(), environment }))
    }

    /// Lists a user's living sessions with their handles, the one used last first.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn list(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, Unavailable> {
        let mut sessions = self.0.store.sessions_of(user).await?;
        let now = self.0.environment.now();
        sessions.retain(|(_, record)| self.is_alive(record, now));
        Ok(sessions)
    }

    /// Ends one session of a user; `false` when that user has no such session.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not certain that it is gone.
    pub async fn end(&self, user: &UserId, session: &Digest) -> Result<bool, Unavailable> {
        let ended = self.0.store.end_session(user, session).await?;
        self.record_end(user, u64::from(ended));
        Ok(ended)
    }

    /// Ends all sessions of a user, but for one if asked, and tells how many.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not certain that they are gone.
    pub async fn end_all(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, Unavailable> {
        let ended = self.0.store.end_sessions(user, except).await?;
        self.record_end(user, ended);
        Ok(ended)
    }

    /// Deletes at most `limit` sessions that have ended, and tells whether that was all; call it from a timer until it is done.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn purge(&self, limit: u32) -> Result<Purged, Unavailable> {
        Ok(self.0.store.purge_sessions(self.0.environment.now(), limit).await?)
    }

    /// Tells whether the other is a clone of this one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Lists what the configuration does less strictly than it could.
    pub(crate) fn relaxations(&self) -> impl Iterator<Item = &'static str> {
        let SessionConfig { cookie, absolute, duplicates, .. } = &self.0.config;
        let double_submit = self.0.csrf.as_ref().is_ok_and(|csrf| csrf.cookie().is_some());
        let own = [
            (!cookie.is_secure(), "the session cookie travels in clear text"),
            (!cookie.name().starts_with("__Host-"), "a subdomain can set a session cookie (no `__Host-`)"),
            (absolute.is_none(), "a session that is used never ends"),
            (*duplicates == Duplicates::LastWins, "of two session cookies the last counts"),
            (double_submit, "a CSRF token is compared with a cookie, not bound to the session"),
        ];
        own.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text)
    }

    /// Tells what is wrong with the configuration, if anything is.
    pub(crate) fn validate(&self) -> Result<(), CsrfConfigError> {
        self.0.config.cookie.validate().map_err(CsrfConfigError::Cookie)?;
        self.0.csrf.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }

    fn record_end(&self, user: &UserId, ended: u64) {
        if ended > 0 {
            self.0.environment.record(|| Event::new(EventKind::SessionsEnded).with_user(user.clone()));
        }
    }
}

impl<U: User> Sessions<U> {
    /// Finds who is logged in, and notes in `state` what was seen.
    pub(crate) async fn identify(
        &self,
        head: &RequestHead<'_>,
        state: &mut SessionState,
    ) -> Result<Option<Identity<U>>, Error> {
        self.look(&head.headers, state);
        let user = self.find(head.origin(), state).await?;
        let Some((user, current)) = user.zip(state.current()) else { return Ok(None) };
        let grant = Grant::default().with_session(current.key).with_expiry(current.record.expires_at);
        let since = current.record.created_at;
        Ok(Some(Identity::new(user, Scheme::SESSION).with_grant(grant).with_since(since)))
    }

    /// Looks the session up that the request names, unless that was done; for a handler that uses its data.
    pub(crate) async fn load(&self, state: &mut SessionState) -> Result<(), Unavailable> {
        self.find(Origin::default(), state).await.map(drop)
    }

    /// Notes which session a request names, without asking the store.
    pub(crate) fn look(&self, headers: &http::HeaderMap, state: &mut SessionState) {
        if !state.looked() {
            match find(headers, self.0.config.cookie.name(), self.0.config.duplicates) {
                Found::None => state.see_nothing(),
                Found::One(value) => state.see(SessionId::parse(value)),
                // Somebody tossed a second cookie of the name (RFC 6265bis): neither is believed, and none is taken
                // back, or only the tossed one would be left and be believed the next time.
                Found::Conflicting => state.see_nothing(),
            }
        }
    }

    /// Tells whether the request names a session that was not looked up yet.
    pub(crate) fn are_named(&self, headers: &http::HeaderMap, state: &mut SessionState) -> bool {
        self.look(headers, state);
        state.has_unread()
    }

    /// Looks the session up and returns its user while active. One that a raised epoch ended is flushed, whoever looks:
    /// a stolen cookie must not lend what it kept on routes that ask no authenticator either.
    async fn find(
        &self,
        origin: Origin<'_>,
        state: &mut SessionState,
    ) -> Result<Option<Arc<U>>, Unavailable> {
        let Some(id) = state.unread() else { return Ok(None) };
        let key = id.key();
        let found = self.0.store.user_by_session(&key).await?;
        // After the wait: a session that ended meanwhile is dead.
        let now = self.0.environment.now();
        let Some((record, user)) = found.filter(|(record, _)| self.is_alive(record, now)) else {
            state.looked_up(None);
            return Ok(None);
        };
        let user = user.filter(|user| user.is_active());
        if let Some(user) = user.as_ref().filter(|user| user.auth_epoch() != record.epoch) {
            self.0.store.commit(SessionChange::Flush(key)).await?;
            self.0
                .environment
                .record(|| Event::new(EventKind::SessionOutdated).with_user(user.id()).with_origin(origin));
            state.looked_up(None);
            return Ok(None);
        }
        let is_worth_a_note = user.is_some() && self.is_worth_a_note(&record, now);
        state.looked_up(Some(Current { id, key, record }));
        if is_worth_a_note {
            state.touch();
        }
        Ok(user)
    }

    fn is_alive(&self, record: &SessionRecord, now: Timestamp) -> bool {
        self.end_of(record).min(record.expires_at) > now
    }

    /// When a session ends by today's configuration if it is not used again.
    fn end_of(&self, record: &SessionRecord) -> Timestamp {
        let SessionConfig { idle, absolute, .. } = self.0.config;
        let latest = absolute.map_or(Timestamp::MAX, |absolute| record.created_at.after(absolute));
        record.last_seen_at.after(idle).min(latest)
    }

    fn is_worth_a_note(&self, record: &SessionRecord, now: Timestamp) -> bool {
        let SessionConfig { idle, slides, .. } = self.0.config;
        slides && now.since(record.last_seen_at) >= idle / 10
    }

    fn new_record(&self) -> SessionRecord {
        let now = self.0.environment.now();
        let mut record = SessionRecord::new(now, now);
        record.expires_at = self.end_of(&record);
        record
    }

    /// Logs a user in: a new id, and the data of a session of nobody or of the same user.
    pub(crate) async fn log_in(&self, state: &mut SessionState, user: &U) -> Result<(), Unavailable> {
        self.load(state).await?;
        let mut record = self.new_record();
        record.user = Some(user.id());
        record.epoch = user.auth_epoch();
        record.label = state.label();
        if let Some(old) = state.current() {
            let same_user = old.record.user == record.user && old.record.epoch == record.epoch;
            if old.record.user.is_none() || same_user {
                record.data = state.encoded_data();
            }
        }
        let csrf = match self.csrf()?.cookie() {
            Some(_) => Some(new_secret(self.0.environment.random())?),
            None => None,
        };
        self.replace(state, record).await?;
        state.csrf().send = csrf;
        Ok(())
    }

    /// Gives the session a new id, and the user's present epoch; for a change of rights or of the password.
    pub(crate) async fn cycle(
        &self,
        state: &mut SessionState,
        epoch: Option<i64>,
    ) -> Result<(), Unavailable> {
        self.load(state).await?;
        let Some(current) = state.current() else { return Ok(()) };
        let mut record = SessionRecord { data: state.encoded_data(), ..current.record.clone() };
        record.epoch = epoch.unwrap_or(record.epoch);
        record.last_seen_at = self.0.environment.now();
        record.expires_at = self.end_of(&record);
        let change = |to| SessionChange::Cycle(current.key, to, record.clone());
        match self.commit_under_new_id(change).await? {
            Some(id) => state.replace(id, record),
            None => state.end(),
        }
        Ok(())
    }

    /// Gives the session the present epoch of its own user. Another's would revive it: let it outlive a password change.
    pub(crate) async fn keep(&self, state: &mut SessionState, user: &U) -> Result<(), Unavailable> {
        self.load(state).await?;
        let is_own = state.current().is_some_and(|current| current.record.user == Some(user.id()));
        if is_own { self.cycle(state, Some(user.auth_epoch())).await } else { Ok(()) }
    }

    /// Ends the session, now and for good.
    pub(crate) async fn log_out(&self, state: &mut SessionState) -> Result<Option<UserId>, Unavailable> {
        self.load(state).await?;
        let Some(current) = state.current() else { return Ok(None) };
        self.0.store.commit(SessionChange::Flush(current.key)).await?;
        let user = current.record.user.clone();
        state.end();
        Ok(user)
    }

    /// Writes what changed, in one store call at most.
    pub(crate) async fn save(&self, state: &mut SessionState) -> Result<(), Unavailable> {
        if !state.has_changes() {
            return Ok(());
        }
        let Some(current) = state.current() else {
            let record = SessionRecord { data: state.encoded_data(), ..self.new_record() };
            return if record.data.is_empty() { Ok(()) } else { self.create(state, record).await };
        };
        let mut record = current.record.clone();
        record.last_seen_at = self.0.environment.now();
        record.expires_at = self.end_of(&record);
        let key = current.key;
        let change = if state.data_changed() {
            record.data = state.encoded_data();
            SessionChange::Save(key, record.clone())
        } else {
            SessionChange::Touch(key, record.last_seen_at, record.expires_at)
        };
        match self.0.store.commit(change).await? {
            Committed::Done => state.saved(record),
            Committed::Gone | Committed::Taken => state.end(),
        }
        Ok(())
    }

    async fn replace(&self, state: &mut SessionState, record: SessionRecord) -> Result<(), Unavailable> {
        if let Some(current) = state.current() {
            let change = |to| SessionChange::Cycle(current.key, to, record.clone());
            if let Some(id) = self.commit_under_new_id(change).await? {
                state.replace(id, record);
                return Ok(());
            }
        }
        self.create(state, record).await
    }

    async fn create(&self, state: &mut SessionState, record: SessionRecord) -> Result<(), Unavailable> {
        let created = self.commit_under_new_id(|key| SessionChange::Create(key, record.clone())).await?;
        let id = created.ok_or_else(|| Unavailable::new("the store answers `gone` to a new session"))?;
        state.replace(id, record);
        Ok(())
    }

    /// Commits a change under a fresh id; `None` when the old session was gone.
    async fn commit_under_new_id(
        &self,
        change: impl Fn(Digest) -> SessionChange,
    ) -> Result<Option<SessionId>, Unavailable> {
        for _ in 0..3 {
            let id = SessionId::draw(self.0.environment.random())?;
            match self.0.store.commit(change(id.key())).await? {
                Committed::Done => return Ok(Some(id)),
                Committed::Gone => return Ok(None),
                Committed::Taken => {}
            }
        }
        Err(Unavailable::new("the randomness repeats itself"))
    }
}
