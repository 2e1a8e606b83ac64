//! The stores of [Portcullis](portcullis) on an SQL database: users, groups, tokens, refresh tokens,
//! sessions and counters.
//!
//! 1. [`SqlStore::connect`] opens SQLite (feature `sqlite`, the default) or PostgreSQL 13 and later (feature `postgres`), as
//!    the URL says. SQLite is brought up to date at once; PostgreSQL by [`SqlStore::migrate`], when its operator wants it.
//! 2. An authenticated request costs one prepared statement: the token or the session joined to its user.
//! 3. Every verb answers within [`SqlConfig::with_timeout`]; whatever goes wrong is
//!    [`Unavailable`](portcullis::store::StoreError::Unavailable), never "not there".
//! 4. What was acknowledged survives a crash and a loss of power; what was dropped half-way is there wholly or not at all.
//! 5. A row that cannot be what Portcullis wrote lets nobody in: it is an outage.
//! 6. Many programs may share the database: of those that rotate one refresh token or take one last try at once, one wins,
//!    and nothing that was ended lives on.

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("portcullis-sql needs a database: turn on its feature `sqlite` or `postgres`, or both");

mod config;
mod counter;
mod database;
mod engine;
mod error;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod refresh;
mod row;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod token;
mod user;

pub use config::SqlConfig;
pub use error::SqlError;
pub use store::SqlStore;

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
