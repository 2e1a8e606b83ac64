//! The program as a shell runs it: what it prints, where, its exit code, and what it leaves in the store.

mod book;
mod commands;
mod harness;
mod keys;
#[cfg(unix)]
mod prompt;
mod scenario;
mod servers;
