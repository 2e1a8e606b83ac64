#![doc = include_str!("../README.md")]

mod body;
mod grpc;
mod layer;
mod matched;
mod method;
mod router;
mod table;

pub use body::{Replay, Reply, collect};
pub use grpc::{grpc_code, grpc_status};
pub use layer::{GuardLayer, GuardService};
pub use matched::Matched;
pub use method::{MethodRouter, any, delete, get, head, on, options, patch, post, put};
pub use portcullis;
pub use portcullis::routing::{RouteError, RouteRow, RouteTable};
pub use router::{Merge, Router};
