//! The stores of [Portcullis](portcullis) on an SQL database: users, groups, tokens, refresh tokens,
//! sessions and counters.
//!
//! 1. [`SqlStore::connect`] is all that a program needs: the database is opened, and brought up to date.
//! 2. An authenticated request costs one prepared statement: the token or the session joined to its user.
//! 3. Every verb answers within [`SqlConfig::with_timeout`]; whatever goes wrong is
//!    [`Unavailable`](portcullis::store::StoreError::Unavailable), never "not there".
//! 4. What was acknowledged survives a crash and a loss of power; what was dropped half-way is there wholly or not at all.
//! 5. A row that cannot be what Portcullis wrote lets nobody in: it is an outage.
//!
//! This version speaks SQLite; nothing in its public items does, so that PostgreSQL can follow.

mod config;
mod counter;
mod error;
mod pool;
mod refresh;
mod row;
mod session;
mod sqlite;
mod store;
mod token;
mod url;
mod user;

pub use config::SqlConfig;
pub use error::SqlError;
pub use store::SqlStore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
