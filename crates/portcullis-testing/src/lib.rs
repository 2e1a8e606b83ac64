#![doc = include_str!("../README.md")]

pub mod suite;

mod client;
mod clock;
mod event;
mod force;
mod hasher;
mod people;
mod random;
mod request;
mod user;

pub use client::{Answer, Client};
pub use clock::FixedClock;
pub use event::{EventLog, Recorded};
pub use force::ForceAuthenticate;
pub use people::TwoUsers;
pub use random::{BrokenRandom, SeededRandom};
pub use request::{RequestBuilder, request};
pub use user::{account, inactive, staff, superuser};
