//! Attacks on JSON Web Tokens through the public face: every row is a token or a key that somebody hostile could make,
//! and its verdict.

#![cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets anything unexpected should stop"
)]

mod authenticator;
mod claims;
#[path = "../attacks/common/mod.rs"]
#[expect(dead_code, reason = "shared with the other attacks, which use all of it")]
mod common;
mod forge;
mod jws;
mod keys;
mod mutations;
mod pairs;
mod purposes;
mod rfc9068;
mod standards;
mod world;
