#![doc = include_str!("../README.md")]

mod error;
mod extract;
mod guarded;
mod method;
mod reject;
mod router;
mod table;

pub use error::RouteError;
pub use extract::{Auth, Authorized, LoadObject, MaybeAuth, Session};
pub use guarded::call;
pub use method::{MethodRouter, any, delete, get, head, on, options, patch, post, put};
pub use portcullis;
pub use reject::Rejection;
pub use router::{Merge, Router};
pub use table::{RouteRow, RouteTable};
