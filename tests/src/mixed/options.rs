//! What the two programs are told.

use std::fmt;
use std::str::FromStr;

use crate::replay::Problem;

const USAGE: &str = "\
usage: mixed [--framework axum|actix|hyper]... [--store memory|sqlite] [--seconds 60] [--rate 2000]
             [--connections 100] [--http2] [--seed 1]
--rate is of all frameworks together, in requests per second; without --framework it is all of them at once";

/// A web framework with an adapter of Portcullis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framework {
    /// `portcullis-axum`.
    Axum,
    /// `portcullis-actix`.
    Actix,
    /// `portcullis-hyper`, and so `portcullis-tower`.
    Hyper,
}

impl Framework {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Axum, Self::Actix, Self::Hyper];
}

/// Where a server keeps what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Store {
    /// `MemoryStore`.
    #[default]
    Memory,
    /// `SqlStore` on a file that goes with the process.
    Sqlite,
}

/// What a run is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The frameworks that run at once.
    pub frameworks: Vec<Framework>,
    /// Where the servers keep what they know.
    pub store: Store,
    /// How long it runs, apart from arriving and leaving.
    pub seconds: u64,
    /// The most requests in a second, of all frameworks together.
    pub rate: u32,
    /// How many connections each framework gets.
    pub connections: usize,
    /// HTTP/2 with four streams on each connection, in place of HTTP/1.1.
    pub http2: bool,
    /// Where the clients' dice begin.
    pub seed: u64,
}

/// What a server is told.
#[derive(Debug, Clone, Copy)]
pub struct ServerOptions {
    /// The framework that serves.
    pub framework: Framework,
    /// Where it keeps what it knows.
    pub store: Store,
    /// How many people there are.
    pub people: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            frameworks: Framework::ALL.to_vec(),
            store: Store::default(),
            seconds: 60,
            rate: 2000,
            connections: 100,
            http2: false,
            seed: 1,
        }
    }
}

impl Options {
    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// The usage, when it is not understood.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Problem> {
        let mut options = Self { frameworks: Vec::new(), ..Self::default() };
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            if name == "--http2" {
                options.http2 = true;
                continue;
            }
            let value = arguments.next().ok_or_else(usage)?;
            match name.as_str() {
                "--framework" => options.frameworks.push(value.parse()?),
                "--store" => options.store = value.parse()?,
                "--seconds" => options.seconds = positive(&value)?,
                "--rate" => options.rate = positive(&value)?,
                "--connections" => options.connections = positive(&value)?,
                "--seed" => options.seed = positive(&value)?,
                _ => return Err(usage()),
            }
        }
        if options.frameworks.is_empty() {
            options.frameworks = Framework::ALL.to_vec();
        }
        Ok(options)
    }
}

impl ServerOptions {
    /// Reads a command line: `FRAMEWORK STORE PEOPLE`.
    ///
    /// # Errors
    ///
    /// The usage, when it is not understood.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Problem> {
        let arguments: Vec<String> = arguments.into_iter().collect();
        match arguments.as_slice() {
            [framework, store, people] => {
                Ok(Self { framework: framework.parse()?, store: store.parse()?, people: positive(people)? })
            }
            _ => Err(Problem::new("usage: mixed-server FRAMEWORK STORE PEOPLE; `mixed` starts it")),
        }
    }

    /// The command line that [`parse`](Self::parse) reads.
    #[must_use]
    pub fn arguments(&self) -> [String; 3] {
        [self.framework.to_string(), self.store.to_string(), self.people.to_string()]
    }
}

fn usage() -> Problem {
    Problem::new(USAGE)
}

/// A whole number over zero.
fn positive<N: FromStr + PartialEq + Default>(text: &str) -> Result<N, Problem> {
    text.parse().ok().filter(|number| *number != N::default()).ok_or_else(usage)
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Axum => "axum",
            Self::Actix => "actix",
            Self::Hyper => "hyper",
        })
    }
}

impl FromStr for Framework {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Self::ALL.into_iter().find(|framework| framework.to_string() == text).ok_or_else(usage)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        })
    }
}

impl FromStr for Store {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        [Self::Memory, Self::Sqlite].into_iter().find(|store| store.to_string() == text).ok_or_else(usage)
    }
}
