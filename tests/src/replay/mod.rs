//! Replays the recorded cases of `tests/data/drf` against a running server.
//!
//! A case begins with `POST /__reset__`; its steps go out over real sockets, one connection each, and it ends at the
//! first step that has a problem, because later steps depend on what earlier ones captured.

mod case;
mod expect;
mod jwt;
mod template;
mod wilful;
mod wire;

use std::fmt;

use serde_json::Value;

pub use case::{Area, Case, Expect, Request, Step, data, read_areas};
pub use wilful::{Differences, Row, Wanted};

use expect::{Lines, SetCookie, compare};
use template::Variables;
use wire::{Answer, send};

/// Why a case could not be replayed, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    /// States a problem.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// What a replay found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Area, cases passed, cases failed.
    pub totals: Vec<(String, usize, usize)>,
    /// A line for every failed case and its problem.
    pub failures: Vec<String>,
}

impl Report {
    /// How many cases passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.totals.iter().map(|(_, passed, _)| passed).sum()
    }

    /// How many cases failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.totals.iter().map(|(_, _, failed)| failed).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.failures {
            writeln!(f, "{line}")?;
        }
        for (area, passed, failed) in &self.totals {
            writeln!(f, "{area:28} {passed:4} passed {failed:4} failed")?;
        }
        write!(f, "{:28} {:4} passed {:4} failed", "total", self.passed(), self.failed())
    }
}

/// Replays the cases whose full name (`AREA/CASE-ID`) is chosen.
///
/// # Errors
///
/// When the cases cannot be read; what goes wrong within a case is in the report.
pub fn replay(
    base_url: &str,
    differences: &Differences,
    chosen: impl Fn(&str) -> bool,
) -> Result<Report, Problem> {
    let host = host(base_url)?;
    let mut report = Report::default();
    for area in read_areas()? {
        let (mut passed, mut failed) = (0, 0);
        for case in area.cases {
            let name = format!("{}/{}", area.name, case.id);
            if !chosen(&name) {
                continue;
            }
            let about = case.about.clone();
            let lines = match differences.apply(&name, case) {
                Ok(case) => run(host, &case),
                Err(problem) => vec![problem.to_string()],
            };
            passed += usize::from(lines.is_empty());
            failed += usize::from(!lines.is_empty());
            if !lines.is_empty() {
                report.failures.push(format!("FAIL {name} -- {about}\n     {}", lines.join("\n     ")));
            }
        }
        if passed + failed > 0 {
            report.totals.push((area.name, passed, failed));
        }
    }
    Ok(report)
}

/// Whether a name matches a pattern of `*` and `?`.
#[must_use]
pub fn glob(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('*') => {
            let tails = name.char_indices().map(|(index, _)| index).chain([name.len()]);
            tails.filter_map(|index| name.get(index..)).any(|tail| glob(rest.as_str(), tail))
        }
        Some(wanted) => {
            let mut characters = name.chars();
            characters.next().is_some_and(|got| wanted == '?' || wanted == got)
                && glob(rest.as_str(), characters.as_str())
        }
    }
}

/// Host and port of `http://host:port/…`.
fn host(base_url: &str) -> Result<&str, Problem> {
    let rest = base_url.strip_prefix("http://");
    let host = rest.and_then(|rest| rest.split('/').next()).filter(|host| host.contains(':'));
    host.ok_or_else(|| Problem::new(format!("want http://host:port, got {base_url}")))
}

/// Runs one case; no line means that it passed.
fn run(host: &str, case: &Case) -> Lines {
    if case.reset {
        let reset =
            Request { method: "POST".to_owned(), path: "/__reset__".to_owned(), ..Request::default() };
        match send(host, &reset, &Variables::new()) {
            Ok(answer) if answer.status < 300 => {}
            Ok(answer) => return vec![format!("POST /__reset__ answered {}", answer.status)],
            Err(problem) => return vec![format!("POST /__reset__: {problem}")],
        }
    }
    let mut variables = Variables::from([("host".to_owned(), host.to_owned())]);
    for (index, step) in case.steps.iter().enumerate() {
        let lines = run_step(host, step, &mut variables).unwrap_or_else(|problem| vec![problem.to_string()]);
        if !lines.is_empty() {
            let Request { method, path, .. } = &step.request;
            return lines.iter().map(|line| format!("step {} {method} {path}: {line}", index + 1)).collect();
        }
    }
    Lines::new()
}

fn run_step(host: &str, step: &Step, variables: &mut Variables) -> Result<Lines, Problem> {
    for (name, description) in &step.forge {
        let token = jwt::forge(description, variables)?;
        variables.insert(name.clone(), token);
    }
    let answer = send(host, &step.request, variables)?;
    let lines = compare(&step.expect, &answer, variables)?;
    if lines.is_empty() {
        for (name, rule) in &step.capture {
            let value = captured(rule, &answer)?;
            variables.insert(name.clone(), value);
        }
    }
    Ok(lines)
}

/// The value that a rule takes from an answer: `json:path.to.it`, `cookie:name` or `claim:member.claim`.
fn captured(rule: &str, answer: &Answer) -> Result<String, Problem> {
    let missing = || Problem::new(format!("nothing to capture for {rule}"));
    let body = || answer.json().ok_or_else(missing);
    match rule.split_once(':') {
        Some(("json", path)) => {
            let pointer = format!("/{}", path.replace('.', "/"));
            Ok(text(body()?.pointer(&pointer).ok_or_else(missing)?))
        }
        Some(("cookie", name)) => {
            let cookies = answer.all("Set-Cookie").map(SetCookie::parse).collect::<Result<Vec<_>, _>>()?;
            let last = cookies.into_iter().rev().find(|cookie| cookie.name == name);
            Ok(last.ok_or_else(missing)?.value)
        }
        Some(("claim", path)) => {
            let (member, claim) = path.split_once('.').ok_or_else(missing)?;
            let opened =
                body()?.get(member).and_then(Value::as_str).and_then(jwt::open).ok_or_else(missing)?;
            Ok(text(opened.claims.get(claim).ok_or_else(missing)?))
        }
        _ => Err(Problem::new(format!("no such rule: {rule}"))),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
