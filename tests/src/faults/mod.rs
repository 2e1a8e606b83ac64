//! What happens to a login when the store beneath it fails: a small site over the store, people who use it at a bounded
//! rate, and a judge of every answer.
//!
//! 1. While a fault lasts the answer is the right one or 503 with `Retry-After`: never 401 or 403 for a good credential,
//!    never nobody where identity is optional, never 2xx for a credential that has ended.
//! 2. Each answer comes within the store's time-out and a little: [`Limits`].
//! 3. What was acknowledged holds ([`Journal`]): a logout, a revocation, a rotation. What was answered 503 may have
//!    happened or not, wholly.
//! 4. Of two who use one refresh token at one time at most one succeeds, on whatever node.
//! 5. When the fault is over the site serves by itself, and no task is left over.
//! 6. What a test has measured it prints as one line, and `tests/run --faults` makes a table of the lines: [`Row`].

mod act;
mod cancel;
mod door;
mod journal;
mod load;
mod pausing;
mod row;
mod tally;
mod world;

pub use act::{Answer, Login, Trouble, Visitor};
pub use cancel::{Act, Dropped, Moment};
pub use door::{Broken, Door, Node};
pub use journal::{Family, Journal, Lost};
pub use load::{Load, Outcome, alive_tasks};
pub use pausing::Pausing;
pub use row::Row;
pub use tally::{Limits, Tally};
pub use world::{PASSWORD, Store, World, open, serve};
