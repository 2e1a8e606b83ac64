//! What PostgreSQL adds to the contracts: a server that stops, many programs at once, and transactions that do not see
//! each other.

#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken set-up ends the test")]

mod common;
mod migration;
mod outage;
mod races;
#[path = "../shared/mod.rs"]
mod shared;
#[cfg(feature = "tls")]
mod tls;
mod trips;
mod values;
