//! The bookshop: the example application of Portcullis.
//!
//! Its routes, users, books and status codes are those of a small Django REST framework project, so that a client of
//! the one can talk to the other.

pub mod answer;
pub mod app;
pub mod auth;
pub mod cli;
pub mod domain;
pub mod frameworks;
pub mod input;
pub mod negotiation;
pub mod pages;
pub mod seed;
pub mod server;
pub mod stores;
pub mod views;
