//! The judge of every answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::act::{Answer, Trouble};

/// How many wrong answers are told word by word.
const TOLD: usize = 20;

/// Within what time an answer has to come.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time-out of the store.
    pub store: Duration,
    /// What is added for one look-up: 100 ms is promised, and 400 ms more allowed on a machine that runs every other test
    /// at the same time. The figure that is printed is the one that was measured.
    pub allowance: Duration,
    /// Within what time of the server's return everything has to succeed once.
    pub back: Duration,
    /// Whether the store may forget what it was told, and so refuse what was good. It lets nobody in even so.
    pub forgets: bool,
    /// How many tasks the store's own connections may keep that were not there at the beginning.
    pub keeps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            store: Duration::from_millis(500),
            allowance: Duration::from_millis(500),
            back: Duration::from_secs(2),
            forgets: false,
            keeps: 0,
        }
    }
}

/// What is known of all answers up to now.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

/// The figures of a run.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    pub(super) answers: u64,
    pub(super) outages: u64,
    pub(super) lost: u64,
    pub(super) let_ins: u64,
    pub(super) double_winners: u64,
    pub(super) refused: u64,
    pub(super) nobody: u64,
    pub(super) other: u64,
    pub(super) told: Vec<String>,
    /// The longest look-up, and the longest act that needs several steps of the store.
    pub(super) longest_look: Duration,
    pub(super) longest_act: Duration,
    back: Option<Instant>,
    first: BTreeMap<&'static str, Duration>,
}

impl Tally {
    /// Judges what a good credential was answered by a route.
    pub(super) fn good(
        &self,
        kind: &'static str,
        path: &str,
        answer: &Answer<String>,
        who: &str,
        took: Duration,
    ) {
        let mut counts = self.lock();
        counts.count(answer, took, true);
        match answer {
            Ok(name) if name == who => counts.success(kind),
            Ok(name) if name.is_empty() => {
                counts.nobody += 1;
                counts.tell(format!("{kind} at {path}: nobody"));
            }
            Ok(name) => {
                counts.let_ins += 1;
                counts.tell(format!("{kind} at {path}: taken for {name}"));
            }
            Err(Trouble::Refused(status)) => {
                counts.refused += 1;
                counts.tell(format!("{kind} at {path}: {status}"));
            }
            Err(_) => {}
        }
    }

    /// Judges what a credential that has ended, or never was, was answered.
    pub(super) fn bad(&self, kind: &'static str, path: &str, answer: &Answer<String>, took: Duration) {
        let mut counts = self.lock();
        counts.count(answer, took, true);
        if let Ok(name) = answer
            && !(path == "/optional" && name.is_empty())
        {
            counts.let_ins += 1;
            counts.tell(format!("{kind} at {path}: let in as {name:?}"));
        }
    }

    /// Judges an act that has to be done or be an outage.
    pub(super) fn act<T>(&self, kind: &'static str, answer: &Answer<T>, took: Duration) {
        let mut counts = self.lock();
        counts.count(answer, took, false);
        match answer {
            Ok(_) => counts.success(kind),
            Err(Trouble::Refused(status)) => {
                counts.refused += 1;
                counts.tell(format!("{kind}: {status}"));
            }
            Err(_) => {}
        }
    }

    /// Judges an act that may be refused as well.
    pub(super) fn try_act<T>(&self, answer: &Answer<T>, took: Duration) {
        self.lock().count(answer, took, false);
    }

    /// Notes that two were given the one successor of a token.
    pub(super) fn double_winner(&self, what: String) {
        let mut counts = self.lock();
        counts.double_winners += 1;
        counts.tell(what);
    }

    /// Begins to wait for the first success of every kind.
    pub fn mark_back(&self) {
        let mut counts = self.lock();
        counts.back = Some(Instant::now());
        counts.first.clear();
    }

    /// After what time everything in a list had succeeded once; `None` while something has not.
    #[must_use]
    pub fn back_after(&self, kinds: &[&str]) -> Option<Duration> {
        let counts = self.lock();
        let firsts = kinds.iter().map(|kind| counts.first.get(kind).copied());
        firsts.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// What has not succeeded since [`mark_back`](Self::mark_back).
    #[must_use]
    pub fn missing<'a>(&self, kinds: &[&'a str]) -> Vec<&'a str> {
        let counts = self.lock();
        kinds.iter().copied().filter(|kind| !counts.first.contains_key(kind)).collect()
    }

    /// How many answers were 503.
    #[must_use]
    pub fn outages(&self) -> u64 {
        self.lock().outages
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn count<T>(&mut self, answer: &Answer<T>, took: Duration, is_look: bool) {
        self.answers += 1;
        match answer {
            Err(Trouble::Outage) => self.outages += 1,
            Err(Trouble::Lost) => self.lost += 1,
            Err(Trouble::Wrong(why)) => {
                self.other += 1;
                self.tell(why.clone());
            }
            Ok(_) | Err(Trouble::Refused(_)) => {}
        }
        let longest = if is_look { &mut self.longest_look } else { &mut self.longest_act };
        *longest = took.max(*longest);
    }

    fn success(&mut self, kind: &'static str) {
        if let Some(back) = self.back {
            self.first.entry(kind).or_insert_with(|| back.elapsed());
        }
    }

    fn tell(&mut self, what: String) {
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }
}
