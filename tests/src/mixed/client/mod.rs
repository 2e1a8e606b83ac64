//! The clients of a mixed run.

mod acts;
mod dice;
mod judge;
mod lane;
pub(super) mod memory;
mod pacer;
mod person;
mod request;
pub(super) mod run;
mod server;
mod tally;
mod wire;
