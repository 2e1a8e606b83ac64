//! What was asked, and what was wrong with the answers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::replay::Problem;

/// How many failures are told in words.
const TOLD: usize = 10;

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Jwt,
    Session,
    Token,
    Basic,
    Nobody,
    Wrong,
    Ended,
    Upload,
    LogIn,
    LogOut,
    Obtain,
    Refresh,
    Issue,
    Revoke,
    Tidy,
    Dropped,
}

impl Kind {
    /// Those without which a run proves nothing.
    pub(crate) const ALL: [Self; 16] = [
        Self::Jwt,
        Self::Session,
        Self::Token,
        Self::Basic,
        Self::Nobody,
        Self::Wrong,
        Self::Ended,
        Self::Upload,
        Self::LogIn,
        Self::LogOut,
        Self::Obtain,
        Self::Refresh,
        Self::Issue,
        Self::Revoke,
        Self::Tidy,
        Self::Dropped,
    ];
}

/// Why an answer is not the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Somebody was taken for somebody else, or let in who had to stay outside.
    Identity(String),
    /// Anything else: another status, a broken connection.
    Error(String),
}

impl Failure {
    /// Says first what was going on.
    pub(crate) fn during(self, what: &str) -> Self {
        match self {
            Self::Identity(line) => Self::Identity(format!("{what}: {line}")),
            Self::Error(line) => Self::Error(format!("{what}: {line}")),
        }
    }
}

impl<E: Into<Problem>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into().to_string())
    }
}

/// What all clients of one server count together.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) requests: BTreeMap<Kind, u64>,
    pub(crate) wrong_identities: u64,
    pub(crate) errors: u64,
    /// The first failures in words.
    pub(crate) told: Vec<String>,
}

impl Counts {
    pub(crate) fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

impl Tally {
    pub(crate) fn asked(&self, kind: Kind) {
        *self.counts().requests.entry(kind).or_default() += 1;
    }

    pub(crate) fn failed(&self, failure: Failure) {
        let mut counts = self.counts();
        let line = match failure {
            Failure::Identity(line) => {
                counts.wrong_identities += 1;
                format!("wrong identity: {line}")
            }
            Failure::Error(line) => {
                counts.errors += 1;
                format!("error: {line}")
            }
        };
        if counts.told.len() < TOLD {
            counts.told.push(line);
        }
    }

    pub(crate) fn read(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
