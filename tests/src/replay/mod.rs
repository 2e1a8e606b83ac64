//! Replays the recorded cases of `tests/data/drf` against a running server.
//!
//! A case begins with `POST /__reset__`; its steps go out over real sockets, one connection each, and it ends at the
//! first step that has a problem, because later steps depend on what earlier ones captured.
//!
//! Over HTTP/2 some cases are set aside, and counted: those that DRF's server answers itself (`server-layer`), and those
//! whose bytes HTTP/2 does not carry.

mod case;
mod expect;
mod http2;
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
use wire::Answer;

/// Why a case could not be replayed, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    text: String,
    is_not_carried: bool,
}

impl Problem {
    /// States a problem.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_not_carried: false }
    }

    /// States that a request cannot be sent by this protocol.
    pub fn not_carried(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_not_carried: true }
    }

    /// Tells whether a request cannot be sent by this protocol.
    #[must_use]
    pub const fn is_not_carried(&self) -> bool {
        self.is_not_carried
    }
}

/// How requests go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, byte for byte.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

impl Protocol {
    fn send(self, host: &str, request: &Request, variables: &Variables) -> Result<Answer, Problem> {
        match self {
            Self::Http1 => wire::send(host, request, variables),
            Self::Http2 => http2::send(host, request, variables),
        }
    }

    /// Tells whether a case says something about what the protocol lets through.
    fn can_ask(self, case: &Case) -> bool {
        self == Self::Http1 || !case.tags.iter().any(|tag| tag == "server-layer")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// What became of the cases of an area.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    /// The area.
    pub area: String,
    /// How many cases passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were set aside, because the protocol cannot ask them.
    pub aside: usize,
}

/// What a replay found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Each area and what became of its cases.
    pub totals: Vec<Total>,
    /// A line for every failed case and its problem.
    pub failures: Vec<String>,
}

impl Report {
    /// How many cases passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.totals.iter().map(|total| total.passed).sum()
    }

    /// How many cases failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.totals.iter().map(|total| total.failed).sum()
    }

    /// How many cases were set aside.
    #[must_use]
    pub fn aside(&self) -> usize {
        self.totals.iter().map(|total| total.aside).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.failures {
            writeln!(f, "{line}")?;
        }
        let mut line = |area: &str, passed: usize, failed: usize, aside: usize| {
            writeln!(f, "{area:28} {passed:4} passed {failed:4} failed {aside:4} set aside")
        };
        for Total { area, passed, failed, aside } in &self.totals {
            line(area, *passed, *failed, *aside)?;
        }
        line("total", self.passed(), self.failed(), self.aside())
    }
}

/// Replays the cases whose full name (`AREA/CASE-ID`) is chosen.
///
/// # Errors
///
/// When the cases cannot be read; what goes wrong within a case is in the report.
pub fn replay(
    base_url: &str,
    protocol: Protocol,
    differences: &Differences,
    chosen: impl Fn(&str) -> bool,
) -> Result<Report, Problem> {
    let host = host(base_url)?;
    let mut report = Report::default();
    for area in read_areas()? {
        let mut total = Total { area: area.name, ..Total::default() };
        for case in area.cases {
            let name = format!("{}/{}", total.area, case.id);
            if !chosen(&name) {
                continue;
            }
            let about = case.about.clone();
            let outcome = match differences.apply(&name, case) {
                Ok(case) if protocol.can_ask(&case) => run(host, protocol, &case),
                Ok(_) => None,
                Err(problem) => Some(vec![problem.to_string()]),
            };
            match outcome {
                None => total.aside += 1,
                Some(lines) if lines.is_empty() => total.passed += 1,
                Some(lines) => {
                    total.failed += 1;
                    report.failures.push(format!("FAIL {name} -- {about}\n     {}", lines.join("\n     ")));
                }
            }
        }
        if total.passed + total.failed + total.aside > 0 {
            report.totals.push(total);
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

/// Runs one case: no line means that it passed, `None` that the protocol cannot ask it.
fn run(host: &str, protocol: Protocol, case: &Case) -> Option<Lines> {
    if case.reset {
        let reset =
            Request { method: "POST".to_owned(), path: "/__reset__".to_owned(), ..Request::default() };
        match protocol.send(host, &reset, &Variables::new()) {
            Ok(answer) if answer.status < 300 => {}
            Ok(answer) => return Some(vec![format!("POST /__reset__ answered {}", answer.status)]),
            Err(problem) => return Some(vec![format!("POST /__reset__: {problem}")]),
        }
    }
    let mut variables = Variables::from([("host".to_owned(), host.to_owned())]);
    for (index, step) in case.steps.iter().enumerate() {
        let lines = match run_step(host, protocol, step, &mut variables) {
            Ok(lines) => lines,
            Err(problem) if problem.is_not_carried() => return None,
            Err(problem) => vec![problem.to_string()],
        };
        if !lines.is_empty() {
            let Request { method, path, .. } = &step.request;
            let named = lines.iter().map(|line| format!("step {} {method} {path}: {line}", index + 1));
            return Some(named.collect());
        }
    }
    Some(Lines::new())
}

fn run_step(
    host: &str,
    protocol: Protocol,
    step: &Step,
    variables: &mut Variables,
) -> Result<Lines, Problem> {
    for (name, description) in &step.forge {
        let token = jwt::forge(description, variables)?;
        variables.insert(name.clone(), token);
    }
    let answer = protocol.send(host, &step.request, variables)?;
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
