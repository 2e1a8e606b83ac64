//! Where everything is kept: one store of users, tokens and books, and perhaps another of sessions.
//!
//! 1. [`Mixed`] is all it takes to keep sessions, refresh tokens and counters elsewhere ([`open`] does it in two lines).
//! 2. A store that was never used is seeded; what is there already stays, except with `--reset-endpoint`.

use std::path::Path;
use std::sync::Arc;

use portcullis::store::{
    CounterStore, MemoryStore, Mixed, RefreshStore, UserBySession, UserByToken, UserStore,
};
use portcullis::{Account, Clock, PasswordHashers, Secret, SystemClock, SystemRandom, Unavailable};
use portcullis_redis::RedisStore;
use portcullis_sql::SqlStore;

use crate::app::{Failure, Site, site};
use crate::cli::{Serve, StoreAddress};
use crate::domain::{BookStore, MemoryBooks, PostgresBooks, SqliteBooks};
use crate::seed::{Flush, Hashes, PEOPLE, PostgresSnapshot, Snapshot, plant};
use crate::views::hooks::{Hooks, Reset};

/// A store, and the application's own rows beside it.
struct Kept<S> {
    store: S,
    books: Arc<dyn BookStore>,
    /// Puts the seeded state back; tests alone have it.
    reset: Option<Reset>,
}

/// Opens the stores that the command line names and puts the application on them; the hooks are for tests alone.
///
/// # Errors
///
/// What is wrong with a store, in a sentence for the terminal.
pub async fn open(serve: &Serve) -> Result<(Site, Option<Hooks>), Failure> {
    match &serve.store {
        StoreAddress::Memory => assemble(serve, on_memory(serve).await?).await,
        StoreAddress::Sqlite(file) => assemble(serve, on_sqlite(serve, file).await?).await,
        StoreAddress::Postgres(url) => assemble(serve, on_postgres(serve, url.expose_secret()).await?).await,
    }
}

async fn assemble<S>(
    serve: &Serve,
    Kept { store, books, reset }: Kept<S>,
) -> Result<(Site, Option<Hooks>), Failure>
where
    S: UserByToken<Account> + UserBySession<Account> + RefreshStore + CounterStore + Clone,
{
    let (site, reset) = match &serve.sessions {
        None => (site(&store, &store, Arc::clone(&books))?, reset),
        Some(url) => {
            let sessions = RedisStore::connect(url.expose_secret()).await?;
            let mixed = Mixed::new(sessions, store.clone());
            (site(&store, &mixed, Arc::clone(&books))?, flushing(url, reset).await?)
        }
    };
    let users: Arc<dyn UserStore> = Arc::new(store);
    Ok((site, reset.map(|reset| Hooks { reset, users, books })))
}

async fn on_memory(serve: &Serve) -> Result<Kept<MemoryStore>, Failure> {
    let (store, books, hashes) = (MemoryStore::new(), Arc::new(MemoryBooks::default()), hashes().await?);
    plant(&store, &*books, &hashes, SystemClock.now()).await?;
    let (all, shelf) = (store.clone(), Arc::clone(&books));
    let reset: Reset = Arc::new(move || {
        let (store, books, hashes) = (all.clone(), Arc::clone(&shelf), hashes.clone());
        Box::pin(async move {
            store.clear();
            books.clear();
            plant(&store, &*books, &hashes, SystemClock.now()).await
        })
    });
    Ok(Kept { store, books, reset: serve.reset_endpoint.then_some(reset) })
}

async fn on_sqlite(serve: &Serve, file: &Path) -> Result<Kept<SqlStore>, Failure> {
    if let Some(folder) = file.parent() {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
    }
    let path = file.to_str().ok_or("the path of the SQLite file is not UTF-8")?;
    let store = SqlStore::connect(&format!("sqlite:{path}")).await?;
    let books = Arc::new(SqliteBooks::open(file).await?);
    if serve.reset_endpoint {
        Snapshot::wipe(file).await?;
    }
    if store.login(PEOPLE[0].name).await?.is_none() {
        plant(&store, &*books, &hashes().await?, SystemClock.now()).await?;
    }
    if !serve.reset_endpoint {
        return Ok(Kept { store, books, reset: None });
    }
    let snapshot = Arc::new(Snapshot::take(file).await?);
    let reset: Reset = Arc::new(move || {
        let snapshot = Arc::clone(&snapshot);
        Box::pin(async move { snapshot.restore().await })
    });
    Ok(Kept { store, books, reset: Some(reset) })
}

async fn on_postgres(serve: &Serve, url: &str) -> Result<Kept<SqlStore>, Failure> {
    let store = SqlStore::connect(url).await?;
    store.migrate().await?;
    let books = Arc::new(PostgresBooks::open(url).await?);
    if serve.reset_endpoint {
        PostgresSnapshot::wipe(&books).await?;
    }
    if store.login(PEOPLE[0].name).await?.is_none() {
        plant(&store, &*books, &hashes().await?, SystemClock.now()).await?;
    }
    if !serve.reset_endpoint {
        return Ok(Kept { store, books, reset: None });
    }
    let snapshot = Arc::new(PostgresSnapshot::take(&books).await?);
    let reset: Reset = Arc::new(move || {
        let snapshot = Arc::clone(&snapshot);
        Box::pin(async move { snapshot.restore().await })
    });
    Ok(Kept { store, books, reset: Some(reset) })
}

/// Lets a reset empty the Redis of the sessions too, and empties it now.
async fn flushing(url: &Secret, reset: Option<Reset>) -> Result<Option<Reset>, Failure> {
    let Some(reset) = reset else { return Ok(None) };
    let flush = Flush::connect(url.expose_secret()).await?;
    flush.all().await?;
    Ok(Some(Arc::new(move || {
        let (flush, reset) = (flush.clone(), Arc::clone(&reset));
        Box::pin(async move {
            flush.all().await?;
            reset().await
        })
    })))
}

/// Hashes everybody's password, once in a process.
async fn hashes() -> Result<Hashes, Unavailable> {
    let hashers = PasswordHashers::default();
    let mut hashes = Vec::new();
    for person in &PEOPLE {
        hashes.push(hashers.hash(&Secret::from(person.password), &SystemRandom).await?);
    }
    Ok(Hashes(hashes))
}
