//! Attacks on a guard through its public face: every row is a request somebody hostile could send, and its verdict.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets anything unexpected should stop"
)]

mod authorization_header;
mod challenge;
mod common;
mod cookies;
mod csrf;
mod endpoints;
mod events;
mod identity;
mod objects;
mod outage;
mod passwords;
mod remote_user;
mod sessions;
mod throttle;
