#![doc = include_str!("../README.md")]

mod convert;
mod extract;
mod guarded;
mod head;
mod method;
mod path;
mod reject;
mod router;
mod sent;
mod wrap;

pub use extract::{Auth, Authorized, LoadObject, MaybeAuth, Session};
pub use guarded::call;
pub use head::{Head, response};
pub use http::Method;
pub use method::{MethodRoute, OnMethod, any, delete, get, head, on, options, patch, post, put};
pub use portcullis;
pub use portcullis::routing::{RouteError, RouteRow, RouteTable};
pub use reject::Rejection;
pub use router::{Merge, Resource, Router, Routes, Scope, resource, scope};
pub use wrap::{GuardMiddleware, Public, Seal};
