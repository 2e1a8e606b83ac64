#![doc = include_str!("../README.md")]

mod extract;
mod guarded;
mod method;
mod reject;
mod router;

pub use extract::{Auth, Authorized, LoadObject, MaybeAuth, Session};
pub use guarded::call;
pub use method::{MethodRouter, any, delete, get, head, on, options, patch, post, put};
pub use portcullis;
pub use portcullis::routing::{RouteError, RouteRow, RouteTable};
pub use reject::Rejection;
pub use router::{Merge, Router};
