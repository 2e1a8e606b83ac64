//! A guard over any stores, and requests that it lets in.

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{Request, Response};
use portcullis::store::{RefreshStore, SessionChange, SessionRecord, UserBySession, UserByToken};
use portcullis::{
    Account, Admission, Clock, Digest, Guard, Jwt, KeyRing, NewToken, Policy, Route, SessionConfig, Sessions,
    SystemClock, TokenConfig, Tokens, UserId, Users,
};

use crate::Outcome;

/// What a request is let in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A token, found with its user.
    Token,
    /// A session, found with its user.
    Session,
    /// An access token, whose user is looked up.
    Jwt,
}

/// A guard over stores, and what some of their users send.
#[derive(Debug)]
pub struct Door {
    route: Route,
    callers: Vec<[Parts; 3]>,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Token, Self::Session, Self::Jwt];
}

impl Door {
    /// Gives some users of the stores a token, a session and a pair.
    ///
    /// # Errors
    ///
    /// What the stores answer, or a user who is not there.
    pub async fn new<S, R>(store: &S, records: &R, users: &[UserId]) -> Outcome<Self>
    where
        S: UserByToken<Account> + Clone,
        R: UserBySession<Account> + RefreshStore + Clone,
    {
        let tokens = Tokens::new(store.clone()).with_config(TokenConfig::drf());
        let sessions = Sessions::new(records.clone(), SessionConfig::default());
        let jwt = Jwt::new(KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?, records.clone())?;
        let guard = Guard::builder(Users::new(store.clone()))
            .authenticate(tokens.authenticator())
            .authenticate(sessions.authenticator())
            .authenticate(jwt.authenticator())
            .build()?;
        let mut callers = Vec::new();
        for id in users {
            let user = store.user(id).await?.ok_or("a user is missing")?;
            let token = tokens.issue(id, NewToken::default()).await?;
            let session = format!("{:0>32}", id.to_string());
            let create = SessionChange::Create(Digest::of(&session), session_of(&user));
            records.commit(create).await?;
            let pair = jwt.issue(&user).await?;
            callers.push([
                head(AUTHORIZATION, &format!("Token {}", token.expose_secret()))?,
                head(COOKIE, &format!("__Host-session={session}"))?,
                head(AUTHORIZATION, &format!("Bearer {}", pair.access().expose_secret()))?,
            ]);
        }
        Ok(Self { route: guard.route(&Policy::default())?, callers })
    }

    /// Sends a request of one of the users, from admission to the finished answer.
    ///
    /// # Errors
    ///
    /// When it is not let in.
    pub async fn knock(&self, by: By, caller: usize) -> Outcome<()> {
        let requests = self.callers.get(caller % self.callers.len()).ok_or("there are no users")?;
        let [token, session, jwt] = requests;
        let mut parts = match by {
            By::Token => token.clone(),
            By::Session => session.clone(),
            By::Jwt => jwt.clone(),
        };
        match self.route.admit(&mut parts, None).await {
            Ok(Admission::Ready(admitted)) => {
                let answer = admitted.finish(Response::new(Bytes::new())).await;
                if answer.status().is_success() { Ok(()) } else { Err("the answer was replaced".into()) }
            }
            Ok(Admission::NeedsBody(_)) => Err("a GET has no body".into()),
            Err(answer) => Err(format!("{by:?} was answered {}", answer.status()).into()),
        }
    }

    /// Counts the users.
    #[must_use]
    pub const fn callers(&self) -> usize {
        self.callers.len()
    }
}

fn session_of(user: &Account) -> SessionRecord {
    let now = SystemClock.now();
    let mut session = SessionRecord::new(now, now.after(std::time::Duration::from_secs(86_400)));
    session.user = Some(user.id.clone());
    session.epoch = user.auth_epoch;
    session
}

fn head(name: http::HeaderName, value: &str) -> Outcome<Parts> {
    Ok(Request::get("/books").header("host", "localhost").header(name, value).body(())?.into_parts().0)
}
