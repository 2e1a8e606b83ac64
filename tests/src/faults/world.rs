//! The site: every mechanism over one store, with a route that is closed and one where identity is optional.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis::password::{HashPool, PasswordHashers};
use portcullis::store::{CounterStore, MemoryStore, Mixed, RefreshStore, UserBySession, UserByToken};
use portcullis::{
    Account, Attempts, Environment, Guard, Jwt, JwtConfig, KeyRing, Rate, SessionConfig, Sessions, Tokens,
    UserId, Users,
};
use portcullis_axum::{Auth, MaybeAuth, Rejection, Router, Session, get, put};
use portcullis_redis::{RedisConfig, RedisStore};
use portcullis_sql::{SqlConfig, SqlStore};
use tokio::net::TcpListener;

use crate::mixed::CheapHasherForTestsAlone;
use crate::replay::Problem;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

const SECRET: &str = "wJ3k9Vq2Zt7Xc5Bn8Lm1Rf6Yh4Gd0SpA-for-tests-alone";
/// Counted like any other, and never reached.
const RATE: &str = "1000000/second";

/// What a site can be built on: all that a mechanism asks but opaque tokens, which a store may leave to another.
pub trait Store: UserBySession<Account> + RefreshStore + CounterStore + Clone {}

impl<S: UserBySession<Account> + RefreshStore + CounterStore + Clone> Store for S {}

/// The mechanisms over a store, and the application that serves them.
#[derive(Clone)]
pub struct World {
    /// Everybody who has an account.
    pub users: Users,
    /// Sessions.
    pub sessions: Sessions,
    /// Opaque tokens.
    pub tokens: Tokens,
    /// Pairs of JSON Web Tokens.
    pub jwt: Jwt,
    /// Counters.
    pub counters: Arc<dyn CounterStore>,
    /// What answers requests.
    pub app: axum::Router,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// Builds the site on one store.
    ///
    /// # Errors
    ///
    /// When the configuration can never work.
    pub fn on<S: Store + UserByToken<Account>>(store: S) -> Result<Self, Problem> {
        Self::build(store.clone(), store, &Environment::default(), JwtConfig::default())
    }

    /// Builds the site on a store of everything but opaque tokens, and one of those, with its own time and settings.
    ///
    /// # Errors
    ///
    /// As [`on`](Self::on).
    pub fn build(
        store: impl Store,
        tokens: impl UserByToken<Account>,
        environment: &Environment,
        jwt: JwtConfig,
    ) -> Result<Self, Problem> {
        let rate: Rate = RATE.parse()?;
        let attempts =
            Attempts::new(store.clone()).with_account_and_address(rate).with_account(rate).with_address(rate);
        let hashers = PasswordHashers::new(CheapHasherForTestsAlone).with_pool(HashPool::new(2, 1000));
        let users = Users::new_with(store.clone(), hashers)
            .with_attempts(attempts)
            .with_environment(environment.clone());
        let sessions =
            Sessions::new(store.clone(), SessionConfig::default()).with_environment(environment.clone());
        let tokens = Tokens::new(tokens).with_environment(environment.clone());
        let jwt = Jwt::new(KeyRing::from_secret(SECRET)?, store.clone())?
            .with_config(jwt)?
            .with_environment(environment.clone());
        let guard = Guard::builder(users.clone())
            .authenticate(jwt.authenticator())
            .authenticate(sessions.authenticator())
            .authenticate(tokens.authenticator())
            .build()?;
        let app = Router::new(guard)
            .route("/closed", get(closed))
            .route("/optional", get(optional).public())
            .route("/note", put(note).get(read_note))
            .merge(sessions.endpoints("/session"))
            .merge(tokens.endpoints("/token"))
            .merge(jwt.endpoints("/jwt"))
            .into_router(())?;
        Ok(Self { users, sessions, tokens, jwt, counters: Arc::new(store), app })
    }

    /// Makes somebody with the password of everybody, and returns the id.
    ///
    /// # Errors
    ///
    /// When the store cannot.
    pub async fn somebody(&self, username: &str) -> Result<UserId, Problem> {
        Ok(self.users.create(username, PASSWORD).await?.id.clone())
    }
}

/// Opens a store by its URL and builds the site on it; every answer of the store comes within `timeout`.
///
/// `memory`, `sqlite:…` and `postgres://…` are one store; what begins with `redis` keeps users and opaque tokens in
/// `beside`.
///
/// # Errors
///
/// When a store cannot be opened.
pub async fn open(url: &str, beside: &str, timeout: Duration) -> Result<World, Problem> {
    match url.split(':').next() {
        Some("memory") => World::on(MemoryStore::new()),
        Some("sqlite" | "postgres" | "postgresql") => World::on(sql(url, timeout).await?),
        _ => {
            let redis = RedisConfig::default().with_timeout(timeout);
            let redis = RedisStore::connect_with(url, redis).await?;
            let beside = sql(beside, timeout).await?;
            let joined = Mixed::new(redis, beside.clone());
            World::build(joined, beside, &Environment::default(), JwtConfig::default())
        }
    }
}

async fn sql(url: &str, timeout: Duration) -> Result<SqlStore, Problem> {
    let store = SqlStore::connect_with(url, SqlConfig::default().with_timeout(timeout)).await?;
    store.migrate().await?;
    Ok(store)
}

/// Serves a site for ever.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(listener: TcpListener, world: World) -> Result<(), Problem> {
    let app = world.app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}

async fn closed(auth: Auth) -> String {
    auth.user().username.clone()
}

async fn optional(auth: MaybeAuth) -> String {
    auth.user().map_or_else(String::new, |user| user.username.clone())
}

/// Keeps the body in the session, twice: half a save would show.
async fn note(_: Auth, session: Session, body: String) -> Result<(), Rejection> {
    session.insert("first", &body).await?;
    session.insert("second", &body).await?;
    Ok(())
}

async fn read_note(_: Auth, session: Session) -> Result<String, Rejection> {
    let first = session.get::<String>("first").await?.unwrap_or_default();
    let second = session.get::<String>("second").await?.unwrap_or_default();
    Ok(format!("{first} {second}"))
}
