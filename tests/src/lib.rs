//! What the tests that span the crates share.

#[cfg(doctest)]
pub mod docs;
pub mod replay;
pub mod server;
pub mod workspace;
