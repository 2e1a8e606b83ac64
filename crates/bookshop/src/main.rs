//! `bookshop`: see `bookshop --help`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bookshop::app::{Failure, Site, site};
use bookshop::cli::{Cli, Serve, StoreAddress};
use bookshop::domain::{BookStore, MemoryBooks, SqliteBooks};
use bookshop::seed::{Hashes, PEOPLE, Snapshot, plant};
use bookshop::views::hooks::{Hooks, Reset};
use bookshop::{frameworks, server};
use clap::Parser;
use portcullis::store::{MemoryStore, UserStore};
use portcullis::{Clock, PasswordHashers, Secret, SystemClock, SystemRandom, Unavailable};
use portcullis_sql::SqlStore;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match run(Cli::parse().serve()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bookshop: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(serve: Serve) -> Result<(), Failure> {
    serve.check()?;
    let listener = server::bind(serve.listen).await?;
    let (site, hooks) = match &serve.store {
        StoreAddress::Memory => on_memory().await?,
        StoreAddress::Sqlite(file) => on_sqlite(&serve, file).await?,
    };
    let address = listener.local_addr()?;
    greet(&format!("http://{address}"));
    frameworks::serve(serve.framework, listener, site, hooks.filter(|_| serve.reset_endpoint)).await
}

#[expect(clippy::print_stdout, reason = "this is what a person at a terminal wants to see")]
fn greet(url: &str) {
    println!("bookshop on {url}/ (a page to log in), for example:");
    println!("  curl {url}/api/books/ -H 'Authorization: Token {}'", "1".repeat(40));
    println!("  curl {url}/api/whoami/basic/ -u mary:marypass321");
    println!("  curl {url}/api/login/ -d username=john -d password=secret123");
}

async fn on_memory() -> Result<(Site, Option<Hooks>), Failure> {
    let (store, books, hashes) = (MemoryStore::new(), Arc::new(MemoryBooks::default()), hashes().await?);
    plant(&store, &*books, &hashes, SystemClock.now()).await?;
    let site = site(&store, books.clone())?;
    let (users, shelf) = (store.clone(), books.clone());
    let reset: Reset = Arc::new(move || {
        let (store, books, hashes) = (store.clone(), books.clone(), hashes.clone());
        Box::pin(async move {
            store.clear();
            books.clear();
            plant(&store, &*books, &hashes, SystemClock.now()).await
        })
    });
    Ok((site, Some(Hooks { reset, users: Arc::new(users), books: shelf })))
}

async fn on_sqlite(serve: &Serve, file: &Path) -> Result<(Site, Option<Hooks>), Failure> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let path = file.to_str().ok_or("the path of the SQLite file is not UTF-8")?;
    let store = SqlStore::connect(&format!("sqlite:{path}")).await?;
    let books: Arc<dyn BookStore> = Arc::new(SqliteBooks::open(file).await?);
    if serve.reset_endpoint {
        Snapshot::wipe(file).await?;
    }
    if store.login(PEOPLE[0].name).await?.is_none() {
        plant(&store, &*books, &hashes().await?, SystemClock.now()).await?;
    }
    let site = site(&store, Arc::clone(&books))?;
    if !serve.reset_endpoint {
        return Ok((site, None));
    }
    let snapshot = Arc::new(Snapshot::take(file).await?);
    let reset: Reset = Arc::new(move || {
        let snapshot = Arc::clone(&snapshot);
        Box::pin(async move { snapshot.restore().await })
    });
    Ok((site, Some(Hooks { reset, users: Arc::new(store), books })))
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
