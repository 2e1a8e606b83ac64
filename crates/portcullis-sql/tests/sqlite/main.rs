//! What SQLite adds to the contracts: files, locks, processes, and rows from elsewhere.

#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken set-up ends the test")]

mod common;
mod corrupt;
mod migration;
mod outage;
mod refresh;
#[path = "../shared/mod.rs"]
mod shared;
mod values;
