//! The wilful differences: rows that replace recorded expectations by Portcullis' own.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use super::case::{Case, Expect, data};
use super::{Problem, glob};

/// The list of wilful differences; an empty one leaves every case as it was recorded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differences {
    /// What the list is.
    pub about: String,
    /// The rows, in order; every row whose pattern matches a case applies to it.
    pub rows: Vec<Row>,
}

/// One wilful difference.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The reason.
    pub why: String,
    /// Patterns over full case names.
    pub cases: Vec<String>,
    /// What the steps must answer instead, counted from one.
    pub steps: BTreeMap<usize, Wanted>,
    /// The step after which the case ends.
    pub last: Option<usize>,
}

/// What a row wants of a step.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Wanted {
    /// One of these statuses, and nothing more.
    Statuses(Vec<u16>),
    /// This answer.
    Answer(Box<Expect>),
}

impl Differences {
    /// Reads the project's list.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or does not have the format.
    pub fn read() -> Result<Self, Problem> {
        Ok(serde_json::from_slice(&fs::read(data().join("differences.json"))?)?)
    }

    /// The case as this list wants it.
    ///
    /// # Errors
    ///
    /// When a row names a step that the case does not have.
    pub fn apply(&self, name: &str, mut case: Case) -> Result<Case, Problem> {
        for row in &self.rows {
            if !row.cases.iter().any(|pattern| glob(pattern, name)) {
                continue;
            }
            case.steps.truncate(row.last.unwrap_or(usize::MAX));
            for (number, wanted) in &row.steps {
                let step = number.checked_sub(1).and_then(|index| case.steps.get_mut(index));
                let step = step.ok_or_else(|| Problem::new(format!("a difference names step {number}")))?;
                step.expect = match wanted {
                    Wanted::Statuses(statuses) => Expect::one_of(statuses),
                    Wanted::Answer(expect) => expect.as_ref().clone(),
                };
            }
        }
        // The wording of a JSON parser is the parser's own.
        if !self.rows.is_empty() && case.tags.iter().any(|tag| tag == "parser-message") {
            for step in &mut case.steps {
                step.expect = Expect::one_of(&[step.expect.status]);
            }
        }
        Ok(case)
    }
}
