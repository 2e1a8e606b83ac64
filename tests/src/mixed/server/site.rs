//! What every framework serves: four ways to say who one is, and one handler that repeats it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis::password::{HashPool, PasswordHashers};
use portcullis::store::{CounterStore, MemoryStore, RefreshStore, UserBySession, UserByToken};
use portcullis::{
    Account, Attempts, Auth, Clock, Digest, Guard, Jwt, JwtConfig, KeyRing, MaybeAuth, Rate, SessionConfig,
    Sessions, SystemClock, Throttle, Tokens, Users,
};
use portcullis_sql::SqlStore;
use serde_json::json;
use tempfile::TempDir;

use super::hasher::CheapHasherForTestsAlone;
use crate::mixed::Store;
use crate::replay::Problem;

/// How long an access token is good: so short that some end while a client still has them.
pub(crate) const ACCESS_LIFETIME: Duration = Duration::from_secs(20);
/// How long a login by JWT can be refreshed; its rows are kept so long, used or not.
pub(crate) const LOGIN_LIFETIME: Duration = Duration::from_secs(30);
const SESSION_IDLE: Duration = Duration::from_secs(600);
const BETWEEN_PURGES: Duration = Duration::from_secs(2);
/// Counted like any other, and never reached.
const RATE: &str = "1000000/second";
/// As many as may log in at once wait in the line for a hash.
const WAITING_HASHES: usize = 1000;

/// The guard and the mechanisms of a server, ready for any framework.
#[derive(Debug, Clone)]
pub struct Site {
    /// Asks all four ways and lets nobody pass who says nothing.
    pub guard: Guard,
    /// Sessions, for their endpoints.
    pub sessions: Sessions,
    /// Tokens, for their endpoints.
    pub tokens: Tokens,
    /// Pairs of JSON Web Tokens, for their endpoints.
    pub jwt: Jwt,
    counters: Counters,
    /// Where the database lies, until the last clone goes.
    _directory: Option<Arc<TempDir>>,
}

#[derive(Clone)]
struct Counters(Arc<dyn CounterStore>);

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counters")
    }
}

/// The name of a person.
pub(crate) fn name(person: usize) -> String {
    format!("person-{person}")
}

/// The password of a person.
pub(crate) fn password(person: usize) -> String {
    format!("the password of number {person}")
}

impl Site {
    /// Opens a store and makes so many people in it.
    ///
    /// # Errors
    ///
    /// When the store cannot be opened, or somebody cannot be made.
    pub async fn open(store: Store, people: usize) -> Result<Self, Problem> {
        match store {
            Store::Memory => Self::on(MemoryStore::new(), people).await,
            Store::Sqlite => {
                let directory = tempfile::tempdir()?;
                let file = directory.path().join("mixed.db");
                let store = SqlStore::connect(&format!("sqlite:{}", file.display())).await?;
                let site = Self::on(store, people).await?;
                Ok(Self { _directory: Some(Arc::new(directory)), ..site })
            }
        }
    }

    async fn on<S>(store: S, people: usize) -> Result<Self, Problem>
    where
        S: UserBySession<Account> + UserByToken<Account> + RefreshStore + CounterStore + Clone,
    {
        let rate: Rate = RATE.parse()?;
        let attempts =
            Attempts::new(store.clone()).with_account_and_address(rate).with_account(rate).with_address(rate);
        let hashers =
            PasswordHashers::new(CheapHasherForTestsAlone).with_pool(HashPool::new(2, WAITING_HASHES));
        let users = Users::new_with(store.clone(), hashers).with_attempts(attempts);
        for person in 0..people {
            users.create(&name(person), &password(person)).await?;
        }
        let sessions = Sessions::new(store.clone(), SessionConfig::default().with_idle(SESSION_IDLE));
        let tokens = Tokens::new(store.clone());
        let config = JwtConfig::default()
            .with_access_lifetime(ACCESS_LIFETIME)
            .with_refresh_lifetime(LOGIN_LIFETIME)
            .with_login_lifetime(LOGIN_LIFETIME);
        let ring = KeyRing::from_secret("uZ7o2V5vN0QwYb9K1tXcRf4sJ8hMdE6p-for-tests-alone")?;
        let jwt = Jwt::new(ring, store.clone())?.with_config(config)?;
        let guard = Guard::builder(users.clone())
            .authenticate(jwt.authenticator())
            .authenticate(sessions.authenticator())
            .authenticate(tokens.authenticator())
            .authenticate(users.basic())
            .throttle(Throttle::user(store.clone(), rate))
            .build()?;
        let counters = Counters(Arc::new(store));
        Ok(Self { guard, sessions, tokens, jwt, counters, _directory: None })
    }

    /// Deletes what has ended, every two seconds, as an application does from a timer.
    pub async fn purge_for_ever(self) {
        const LIMIT: u32 = 10_000;
        loop {
            tokio::time::sleep(BETWEEN_PURGES).await;
            // The next round finds what a failed one left; where none succeeds, memory shows it.
            let _ = tokio::join!(
                self.sessions.purge(LIMIT),
                self.tokens.purge(LIMIT),
                self.jwt.purge(LIMIT),
                self.counters.0.purge_counters(SystemClock.now(), LIMIT),
            );
        }
    }
}

/// Answers who asks, and once more after zero to three milliseconds, with how we know and what came in the body.
pub(super) async fn whoami(auth: &Auth, again: &MaybeAuth, body: &str) -> String {
    static TURN: AtomicU64 = AtomicU64::new(0);
    let first = auth.user().username.clone();
    match TURN.fetch_add(1, Ordering::Relaxed) % 4 {
        0 => tokio::task::yield_now().await,
        pause => tokio::time::sleep(Duration::from_millis(pause)).await,
    }
    json!({
        "first": first,
        "again": again.user().map(|user| &user.username),
        "scheme": again.identity().map(|identity| identity.scheme().as_str()),
        "body": Digest::of(body).to_string(),
    })
    .to_string()
}
