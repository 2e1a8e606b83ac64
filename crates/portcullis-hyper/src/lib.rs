#![doc = include_str!("../README.md")]

mod answer;
mod object;
mod service;

pub use answer::IntoAnswer;
pub use object::{LoadObject, authorized};
pub use portcullis;
pub use portcullis::{Access, Auth, MaybeAuth, Rejection, Session};
pub use portcullis_tower::{
    Matched, Merge, MethodRouter, Replay, Reply, RouteError, RouteRow, RouteTable, Router, any, collect,
    delete, get, head, on, options, patch, post, put,
};
pub use service::{GuardService, Request};
