//! The mixed run: a hundred connections log in, ask, refresh, revoke, hang up and come again, and each checks that it is
//! always taken for itself.
//!
//! 1. The server is a process of its own, one for each framework, so that its memory is measured alone.
//! 2. An answer says twice who asked, before and after a pause, and how that is known: an identity that is kept over an
//!    await in the wrong place shows.
//! 3. Each person belongs to one client, so that whatever names somebody else, or lets in who sent nothing, something
//!    wrong or something revoked, is a wrong identity; any other surprise is an error. There may be none of either.
//! 4. What the clients make they end, and the server purges: its memory must stay flat ([`Memory`]).

mod client;
mod options;
mod server;

pub use client::memory::Memory;
pub use client::run::{Report, drive, drive_process};
pub use options::{Framework, Options, ServerOptions, Store};
pub(crate) use server::hasher::CheapHasherForTestsAlone;
pub use server::serve;
pub use server::site::Site;
