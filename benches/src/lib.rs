//! What Portcullis costs: time, allocations, instructions, each beside the same request without it.
//!
//! 1. A case is a request and three servers of it: nothing but the framework (`base`), ours, and sometimes what a
//!    careful programmer writes by hand (`peer`), or the least that could do it (`limit`). Only differences and ratios within one run are worth reading.
//! 2. Requests are made before the measurement begins; nothing waits, so no runtime is in the way.
//! 3. The targets stand beside the cases ([`Target`]); `benches/run` prints both and says which holds.

mod case;
mod clock;
mod door;
mod floor;
mod frameworks;
mod jwt;
mod server;
mod tokens;
mod turns;
mod world;

pub use case::{Case, Target, cases};
pub use clock::{median, process_seconds, thread_seconds};
pub use door::{By, Door};
pub use server::{Sent, Serve};
pub use tokens::{Pairs, pairs};
pub use turns::{Turns, commands};
pub use world::{Outcome, World};

/// How many requests are made, and then served, in one go.
pub const BATCH: usize = 128;
