//! Throwaway servers on loopback, from the system's own binaries, and a proxy that breaks connections.
//!
//! 1. A server listens on a free port of 127.0.0.1 and keeps its data in a directory of its own.
//! 2. Nothing outlives the test: a shell watches each server, and ends it and removes its directory as soon as the test's
//!    process is gone, however it went.
//! 3. Where a server is not installed a test may leave itself out, loudly; where it must not (`CI`, or
//!    `PORTCULLIS_SERVERS=required`) it fails with the command that installs it.

mod certificates;
mod cluster;
mod missing;
mod postgres;
mod process;
mod proxy;
mod redis;

pub use certificates::Certificates;
pub use cluster::Cluster;
pub use missing::{Missing, or_left_out};
pub use postgres::Postgres;
pub use process::unique;
pub use proxy::{Fault, Proxy};
pub use redis::Redis;
