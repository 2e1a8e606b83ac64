//! The session of a request, as a handler uses it.

use std::fmt;

use http::HeaderMap;
use http::header::USER_AGENT;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Unavailable};
use crate::event::{Event, EventKind};
use crate::guard::{Access, Misconfigured};
use crate::secret::{Digest, Secret};
use crate::session::Sessions;
use crate::user::{Account, User};

/// The most that a session may hold, as JSON.
const MAX_DATA: usize = 64 * 1024;

/// The session of one request: log in, log out, keep typed data.
///
/// Logging in, out and cycling reach the store at once. Data is saved with the answer, unless that is a 5xx.
///
/// # Examples
///
/// ```
/// # use portcullis::{Account, Session, SessionError};
/// async fn visits(session: Session<Account>) -> Result<u32, SessionError> {
///     let visits = session.get::<u32>("visits").await?.unwrap_or(0) + 1;
///     session.insert("visits", &visits).await?;
///     Ok(visits)
/// }
/// ```
pub struct Session<U = Account> {
    access: Access<U>,
    sessions: Sessions<U>,
}

/// Why session data was not read or kept.
///
/// # Examples
///
/// See [`Session`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// What is kept under the name has another type.
    #[error("the session keeps another type under this name")]
    OtherType(#[source] serde_json::Error),
    /// The value cannot be written as JSON.
    #[error("the value cannot be written as JSON")]
    NotJson(#[source] serde_json::Error),
    /// All data together exceeds 64 KiB.
    #[error("a session holds at most 64 KiB")]
    TooLarge,
    /// The store cannot answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<SessionError> for Error {
    /// Whatever goes wrong with a session's data is an outage for the client.
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Unavailable(outage) => outage.into(),
            other => Unavailable::new(other.to_string()).into(),
        }
    }
}

impl<U> Clone for Session<U> {
    fn clone(&self) -> Self {
        Self { access: self.access.clone(), sessions: self.sessions.clone() }
    }
}

impl<U> fmt::Debug for Session<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl<U: User> Session<U> {
    pub(crate) async fn of(access: Access<U>, headers: &HeaderMap) -> Result<Self, Misconfigured> {
        let sessions = access.0.route.sessions().ok_or(Misconfigured::NoSessions)?.clone();
        let mut state = access.0.state.lock().await;
        sessions.look(headers, &mut state);
        sessions.look_for_csrf(headers, &mut state);
        if let Some(Ok(browser)) = headers.get(USER_AGENT).map(http::HeaderValue::to_str) {
            state.note_label(browser);
        }
        drop(state);
        Ok(Self { access, sessions })
    }

    /// Logs a user in: the session gets a new id, and the cookie goes out with the answer.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store or the randomness fails; then nobody is logged in.
    ///
    /// # Security
    ///
    /// It believes you: check the password first ([`Users::check`](crate::Users::check)).
    pub async fn log_in(&self, user: &U) -> Result<(), Unavailable> {
        let mut state = self.access.0.state.lock().await;
        self.sessions.log_in(&mut state, user).await
    }

    /// Ends the session, now and for good, and takes the cookie back.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not certain that the session is gone.
    pub async fn log_out(&self) -> Result<(), Unavailable> {
        let mut state = self.access.0.state.lock().await;
        if let Some(user) = self.sessions.log_out(&mut state).await? {
            let client = self.access.client();
            self.sessions.environment().record(|| {
                let mut event = Event::new(EventKind::LoggedOut).with_user(user);
                event.origin.client = client;
                event
            });
        }
        Ok(())
    }

    /// Gives the session a new id; the old one is dead at once.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store or the randomness fails.
    pub async fn cycle_id(&self) -> Result<(), Unavailable> {
        let mut state = self.access.0.state.lock().await;
        self.sessions.cycle(&mut state, None).await
    }

    /// Keeps this session alive over a change of its user's password, under a new id; the others end.
    ///
    /// A session of somebody else, which a request may bring beside a token, is left as it is.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store or the randomness fails; then this session ends, too.
    pub async fn keep_after_password_change(&self) -> Result<(), Unavailable> {
        let Some(identity) = self.access.identity() else { return Ok(()) };
        let user = self.access.guard().users().find(&identity.user().id()).await?;
        let Some(user) = user.filter(|user| user.is_active()) else { return Ok(()) };
        let mut state = self.access.0.state.lock().await;
        self.sessions.keep(&mut state, &user).await
    }

    /// Returns the handle under which the session stands in lists; `None` while there is no session.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn handle(&self) -> Result<Option<Digest>, Unavailable> {
        let mut state = self.access.0.state.lock().await;
        self.sessions.load(&mut state).await?;
        Ok(state.current().map(|current| current.key))
    }

    /// Reads what is kept under a name; `None` when nothing is.
    ///
    /// # Errors
    ///
    /// [`SessionError::OtherType`] when it is something else; [`SessionError::Unavailable`] when the store cannot answer.
    pub async fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, SessionError> {
        let mut state = self.access.0.state.lock().await;
        self.sessions.load(&mut state).await?;
        let value = state.data().get(name).cloned();
        value.map(serde_json::from_value).transpose().map_err(SessionError::OtherType)
    }

    /// Keeps a value under a name; a session begins where there was none.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotJson`] and [`SessionError::TooLarge`] for values that cannot be kept;
    /// [`SessionError::Unavailable`] when the store cannot answer.
    pub async fn insert<T: Serialize + Sync>(&self, name: &str, value: &T) -> Result<(), SessionError> {
        let value = serde_json::to_value(value).map_err(SessionError::NotJson)?;
        let mut state = self.access.0.state.lock().await;
        self.sessions.load(&mut state).await?;
        if state.encoded_data().len() + name.len() + value.to_string().len() + 8 > MAX_DATA {
            return Err(SessionError::TooLarge);
        }
        state.change_data().insert(name.to_owned(), value);
        Ok(())
    }

    /// Forgets what is kept under a name.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn remove(&self, name: &str) -> Result<(), Unavailable> {
        let mut state = self.access.0.state.lock().await;
        self.sessions.load(&mut state).await?;
        if state.data().contains_key(name) {
            state.change_data().remove(name);
        }
        Ok(())
    }

    /// Makes a CSRF token for a form or a script: a fresh mask over the session's secret.
    ///
    /// With CSRF secrets bound to sessions there is none before the login (`None`).
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store or the randomness fails.
    pub async fn csrf_token(&self) -> Result<Option<Secret>, Unavailable> {
        let mut state = self.access.0.state.lock().await;
        self.sessions.load(&mut state).await?;
        self.sessions.csrf_token(&mut state)
    }
}
