//! The stores of [Portcullis](portcullis) on Redis and Redis Cluster: sessions, refresh tokens and counters.
//!
//! 1. [`RedisStore::connect`] is all that a program needs; users and tokens lie in another store, and
//!    [`Mixed`](portcullis::store::Mixed) joins the two.
//! 2. The look-up of a session costs one round trip.
//! 3. Every verb answers within [`RedisConfig::with_timeout`]; whatever goes wrong is
//!    [`Unavailable`](portcullis::store::StoreError::Unavailable), never "not there".
//! 4. What ends a session or a token is answered when a replica has it ([`Replicas`]); only masters are asked.
//! 5. A record that cannot be what Portcullis wrote lets nobody in: it is an outage.
//! 6. What a crash leaves half-way is nobody's session: at worst somebody must log in again.

mod config;
mod connection;
mod counter;
mod error;
mod key;
mod node;
mod pointer;
mod record;
mod refresh;
mod script;
mod session;
mod store;
mod sweep;
mod topology;
mod url;

pub use config::{RedisConfig, Replicas};
pub use error::RedisError;
pub use store::RedisStore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
