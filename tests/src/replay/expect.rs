//! Compares an answer with what a step expects, one line per difference.
//!
//! Matchers: `"@any"`, `"@int"`, `"@re:…"`, `{"@jwt": {"header", "claims", "lifetime"}}`, and templates.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};

use super::Problem;
use super::case::Expect;
use super::jwt;
use super::template::{Variables, fill};
use super::wire::Answer;

/// Lines, one per difference found.
pub(super) type Lines = Vec<String>;

/// Compares a whole answer.
///
/// # Errors
///
/// When the expectation itself is broken, or a cookie is beyond reading.
pub(super) fn compare(expect: &Expect, answer: &Answer, variables: &Variables) -> Result<Lines, Problem> {
    let mut lines = Lines::new();
    if !expect.only_status.is_empty() {
        if !expect.only_status.contains(&answer.status) {
            let wanted = &expect.only_status;
            lines.push(format!("status {}, wanted {wanted:?} (wilful difference)", answer.status));
        }
        return Ok(lines);
    }
    if expect.or_status.contains(&answer.status) {
        return Ok(lines);
    }
    if answer.status != expect.status {
        lines.push(format!(
            "status: expected {}, got {} {:?}",
            expect.status,
            answer.status,
            answer.excerpt()
        ));
    }
    for (name, wanted) in
        [("WWW-Authenticate", &expect.www_authenticate), ("Retry-After", &expect.retry_after)]
    {
        let wanted = wanted.as_ref().unwrap_or(&Value::Null);
        lines.extend(differences(wanted, &json!(answer.one(name)), variables, name)?);
    }
    if let Some(allow) = &expect.allow {
        let got = answer.one("Allow").map(|methods| sorted(&methods));
        lines.extend(differences(&sorted(allow), &json!(got), variables, "Allow")?);
    }
    lines.extend(compare_cookies(expect, answer, variables)?);
    lines.extend(compare_body(expect, answer, variables)?);
    Ok(lines)
}

fn sorted(methods: &str) -> Value {
    json!(methods.split(',').map(str::trim).collect::<BTreeSet<_>>())
}

fn compare_body(expect: &Expect, answer: &Answer, variables: &Variables) -> Result<Lines, Problem> {
    let Some(wanted) = &expect.json else {
        let unwanted = expect.empty && !answer.body.is_empty();
        return Ok(unwanted
            .then(|| format!("body: expected none, got {:?}", answer.excerpt()))
            .into_iter()
            .collect());
    };
    let content_type = answer.one("Content-Type").unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default();
    if kind != "application/json" {
        return Ok(vec![format!("Content-Type: expected application/json, got {kind:?}")]);
    }
    match answer.json() {
        Some(got) => differences(wanted, &got, variables, "body"),
        None => Ok(vec![format!("body: not JSON: {:?}", answer.excerpt())]),
    }
}

fn compare_cookies(expect: &Expect, answer: &Answer, variables: &Variables) -> Result<Lines, Problem> {
    let mut wanted = BTreeMap::new();
    for cookie in &expect.cookies {
        let name = cookie.get("name").and_then(Value::as_str);
        wanted
            .insert(name.ok_or_else(|| Problem::new("a cookie without a name"))?.to_owned(), cookie.clone());
    }
    let mut got = BTreeMap::new();
    for line in answer.all("Set-Cookie") {
        let cookie = SetCookie::parse(line)?;
        got.insert(cookie.name.clone(), cookie);
    }
    let names: BTreeSet<&String> = wanted.keys().chain(got.keys()).collect();
    let mut lines = Lines::new();
    for name in names {
        let place = format!("Set-Cookie {name}");
        match (wanted.get(name).cloned(), got.get(name)) {
            (Some(mut wanted), Some(got)) => {
                let value = wanted.remove("value");
                lines.extend(differences(&Value::Object(wanted), &got.attributes, variables, &place)?);
                if let Some(value) = value.filter(|value| !value.is_null()) {
                    lines.extend(differences(
                        &value,
                        &json!(got.value),
                        variables,
                        &format!("{place} value"),
                    )?);
                }
            }
            (Some(_), None) => lines.push(format!("{place}: missing")),
            (None, _) => lines.push(format!("{place}: unexpected")),
        }
    }
    Ok(lines)
}

/// One `Set-Cookie`.
#[derive(Debug, Clone)]
pub(super) struct SetCookie {
    /// Its name.
    pub(super) name: String,
    /// Its value, without quotes.
    pub(super) value: String,
    /// Name and attributes in the form of the case files.
    attributes: Value,
}

impl SetCookie {
    /// Reads one `Set-Cookie` value.
    ///
    /// # Errors
    ///
    /// When `Max-Age` is no number.
    pub(super) fn parse(line: &str) -> Result<Self, Problem> {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = cut(parts.next().unwrap_or_default());
        let pairs: BTreeMap<String, &str> =
            parts.map(cut).map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let max_age = match pairs.get("max-age") {
            Some(text) => Some(text.parse::<i64>().map_err(|_| Problem::new(format!("not an age: {line}")))?),
            None => None,
        };
        let deleted = matches!(value, "" | "\"\"") && max_age == Some(0);
        let attributes = json!({
            "name": name, "HttpOnly": pairs.contains_key("httponly"), "Secure": pairs.contains_key("secure"),
            "SameSite": pairs.get("samesite"), "Path": pairs.get("path"), "Domain": pairs.get("domain"),
            "Max-Age": max_age, "Expires": pairs.contains_key("expires"), "deleted": deleted,
        });
        Ok(Self { name: name.to_owned(), value: value.trim_matches('"').to_owned(), attributes })
    }
}

fn cut(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

/// Compares an expected structure, which may hold matchers, with the one that came.
///
/// # Errors
///
/// When a template or a pattern in the expected structure is broken.
pub(super) fn differences(
    wanted: &Value,
    got: &Value,
    variables: &Variables,
    place: &str,
) -> Result<Lines, Problem> {
    match (wanted, got) {
        (Value::Object(members), _) if members.len() == 1 && members.contains_key("@jwt") => {
            jwt_differences(wanted.get("@jwt").unwrap_or(&Value::Null), got, variables, place)
        }
        (Value::String(text), _) => text_differences(&fill(text, variables)?, got, place),
        (Value::Object(wanted), Value::Object(got)) => {
            let names: BTreeSet<&String> = wanted.keys().chain(got.keys()).collect();
            let mut lines = Lines::new();
            for name in names {
                let place = format!("{place}.{name}");
                match (wanted.get(name), got.get(name)) {
                    (Some(wanted), Some(got)) => lines.extend(differences(wanted, got, variables, &place)?),
                    (Some(wanted), None) => lines.push(format!("{place}: missing, expected {wanted}")),
                    (None, got) => lines.push(format!("{place}: unexpected, with value {}", json!(got))),
                }
            }
            Ok(lines)
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            let mut lines = Lines::new();
            for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                lines.extend(differences(wanted, got, variables, &format!("{place}[{index}]"))?);
            }
            Ok(lines)
        }
        _ => Ok(unless(wanted == got, || format!("{place}: expected {wanted}, got {got}"))),
    }
}

fn text_differences(wanted: &str, got: &Value, place: &str) -> Result<Lines, Problem> {
    if wanted == "@any" {
        return Ok(Lines::new());
    }
    if wanted == "@int" {
        return Ok(unless(got.is_i64() || got.is_u64(), || {
            format!("{place}: expected an integer, got {got}")
        }));
    }
    if let Some(pattern) = wanted.strip_prefix("@re:") {
        let regex = Regex::new(pattern)?;
        let matches = got.as_str().is_some_and(|got| regex.is_match(got));
        return Ok(unless(matches, || format!("{place}: {got} does not match {pattern}")));
    }
    Ok(unless(got.as_str() == Some(wanted), || format!("{place}: expected {wanted:?}, got {got}")))
}

/// Wants a JWT signed with the test key, with exactly these members and this lifetime, give or take two seconds.
fn jwt_differences(
    wanted: &Value,
    got: &Value,
    variables: &Variables,
    place: &str,
) -> Result<Lines, Problem> {
    let Some(opened) = got.as_str().and_then(jwt::open) else {
        return Ok(vec![format!("{place}: expected a JWT signed with the test key, got {got}")]);
    };
    let member = |name| wanted.get(name).ok_or_else(|| Problem::new(format!("@jwt without {name}")));
    let mut lines = differences(member("header")?, &opened.header, variables, &format!("{place}.header"))?;
    lines.extend(differences(member("claims")?, &opened.claims, variables, &format!("{place}.claims"))?);
    let (wanted, got) = (wanted.get("lifetime").and_then(Value::as_i64), opened.lifetime());
    let near = match (wanted, got) {
        (Some(wanted), Some(got)) => wanted.abs_diff(got) <= 2,
        (wanted, got) => wanted == got,
    };
    lines.extend(unless(near, || format!("{place}: lifetime {got:?} instead of {wanted:?}")));
    Ok(lines)
}

fn unless(good: bool, line: impl FnOnce() -> String) -> Lines {
    if good { Lines::new() } else { vec![line()] }
}

#[cfg(test)]
#[path = "expect_tests.rs"]
mod tests;
