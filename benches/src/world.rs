//! A store with a thousand users, and what their clients send.

use std::error::Error;

use axum::body::Body;
use futures_util::FutureExt;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, Request};
use portcullis::store::{MemoryStore, NewUser, SessionChange, SessionRecord, SessionStore};
use portcullis::{
    Account, Clock, Digest, Guard, GuardBuilder, NewToken, SessionConfig, Sessions, SystemClock, Tokens,
    UserId, Users,
};

/// What the set-up can fail with.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many users there are, each with a token and a session.
const USERS: u32 = 1_000;

/// A store with a thousand users, and what their clients send.
#[derive(Debug)]
pub struct World {
    /// The users.
    pub users: Users,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their sessions.
    pub sessions: Sessions,
    /// A token of one of them.
    pub token: String,
    /// A token in the right form that nobody has.
    pub unknown_token: String,
    /// The `Cookie` header of one of them.
    pub cookie: String,
    /// The `Cookie` header of a session that is not there.
    pub unknown_cookie: String,
}

/// Runs what a store in memory answers at once.
pub(crate) fn now<F: Future>(future: F) -> Outcome<F::Output> {
    future.now_or_never().ok_or_else(|| "a store in memory waits".into())
}

impl World {
    /// Fills a store.
    ///
    /// # Errors
    ///
    /// When the store refuses something.
    pub fn new() -> Outcome<Self> {
        let store = MemoryStore::new();
        let users = Users::new(store.clone());
        let tokens = Tokens::new(store.clone());
        let sessions = Sessions::new(store.clone(), SessionConfig::default());
        let (mut token, mut cookie) = (String::new(), String::new());
        for number in 0..USERS {
            let new = NewUser::new(format!("user{number}"));
            let user = now(users.create_user(new, None))??;
            let issued = now(tokens.issue(&user.id, NewToken::default()))??;
            token = issued.expose_secret().clone();
            let id = format!("{number:032}");
            now(store.commit(SessionChange::Create(Digest::of(&id), session_of(&user))))??;
            cookie = cookie_of(&id);
        }
        let elsewhere = Tokens::<Account>::new(MemoryStore::new());
        let unknown = now(elsewhere.issue(&UserId::from(1), NewToken::default()))??;
        let unknown_token = unknown.expose_secret().clone();
        let unknown_cookie = cookie_of(&"a".repeat(32));
        Ok(Self { users, tokens, sessions, token, unknown_token, cookie, unknown_cookie })
    }

    /// Begins a guard over the users.
    #[must_use]
    pub fn guard(&self) -> GuardBuilder {
        Guard::builder(self.users.clone())
    }
}

fn session_of(user: &Account) -> SessionRecord {
    let now = SystemClock.now();
    let mut session = SessionRecord::new(now, now.after(std::time::Duration::from_secs(86_400)));
    session.user = Some(user.id.clone());
    session.epoch = user.auth_epoch;
    session.label = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".into();
    session
}

fn cookie_of(id: &str) -> String {
    format!("theme=dark; __Host-session={id}; lang=en")
}

/// Makes a request as a client sends it: a few ordinary headers and at most one that matters.
pub(crate) fn request(credential: Option<(HeaderName, &str)>) -> Request<Body> {
    let mut request = Request::get("/books").header("host", "localhost").header("accept", "*/*");
    request = request.header("user-agent", "curl/8.14.1");
    if let Some((name, value)) = credential {
        request = request.header(name, value);
    }
    request.body(Body::empty()).unwrap_or_default()
}

/// Makes the `Authorization` header.
pub(crate) fn authorization(value: &str) -> Option<(HeaderName, String)> {
    Some((AUTHORIZATION, value.to_owned()))
}

/// Makes the `Cookie` header.
pub(crate) fn cookie(value: &str) -> Option<(HeaderName, String)> {
    Some((COOKIE, value.to_owned()))
}
