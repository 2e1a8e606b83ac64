//! What SQLite adds to the contracts: files, locks, processes, and rows from elsewhere.

mod common;
mod corrupt;
mod migration;
mod outage;
mod values;
