//! The contracts of the stores, and of adapters ([`adapter`]), as suites that any of them can run.
//!
//! 1. Each clause of a contract is one check with a name that reads as a sentence, on a store of its own.
//! 2. A suite runs all clauses and names every one that is [`Broken`]; the clauses run one after the other.
//! 3. Races are real: a suite hands its tasks to the `spawn` of the caller, which puts them on the caller's runtime, or
//!    on threads ([`on_threads`]) where the store needs none. Use a runtime with more than one worker.
//!
//! # Examples
//!
//! A store without a runtime:
//!
//! ```
//! use portcullis::store::MemoryStore;
//! use portcullis_testing::suite::{self, Broken, on_threads};
//!
//! # #[tokio::main] async
//! fn main() -> Result<(), Broken> {
//!     suite::token::run(async || MemoryStore::new(), on_threads).await?;
//!     suite::session::run(async || MemoryStore::new(), on_threads).await?;
//!     suite::refresh::run(async || MemoryStore::new(), on_threads).await?;
//!     suite::counter::run(async || MemoryStore::new(), on_threads).await?;
//!     suite::user::run(async || MemoryStore::new(), on_threads).await?;
//!     suite::join::run(async || MemoryStore::new(), on_threads).await?;
//!     suite::join::run_cascade(async || MemoryStore::new(), on_threads).await
//! }
//! ```
//!
//! A store that lives on tokio, where `make` connects and empties the tables:
//!
//! ```
//! # use portcullis::store::MemoryStore as MyStore;
//! # use portcullis_testing::suite::{self, Broken};
//! # #[tokio::main]
//! # async fn main() -> Result<(), Broken> {
//! // #[tokio::test(flavor = "multi_thread")]
//! suite::token::run(async || MyStore::new(), |task| drop(tokio::spawn(task))).await
//! # }
//! ```

pub mod adapter;
pub mod counter;
pub mod join;
pub mod refresh;
pub mod session;
pub mod token;
pub mod user;

mod stage;

use std::fmt;

pub use futures_util::future::BoxFuture;
pub use stage::on_threads;

/// The clauses of a contract that a store broke.
///
/// # Examples
///
/// See [`suite`](crate::suite).
#[derive(Clone, PartialEq, Eq)]
pub struct Broken(Vec<(&'static str, String)>);

impl Broken {
    /// Lists the names of the clauses, which are Rust identifiers that read as sentences.
    pub fn clauses(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(clause, _)| *clause)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(clause, how)| write!(f, "\nbroken: {}\n  {how}", clause.replace('_', " ")))
    }
}

/// Prints as `Display` does, because a test that returns an error shows this.
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Broken {}
