//! The statements for SQLite, one per act, and the migrations.
//!
//! 1. Every value is bound; no statement is put together.
//! 2. Every look-up, change and purge goes by an index (the test below asks SQLite for its plan).
//! 3. The id of a user in a token, refresh token or session is text: it names the user whose number is written exactly so. A cast alone
//!    would read `17abc` as 17.

pub(crate) mod counter;
pub(crate) mod migration;
pub(crate) mod refresh;
pub(crate) mod session;
pub(crate) mod token;
pub(crate) mod user;

/// Takes the write lock at the beginning: a transaction that first reads and then asks for it may be refused at once.
pub(crate) const BEGIN: &str = "begin immediate";

#[cfg(test)]
mod tests;
