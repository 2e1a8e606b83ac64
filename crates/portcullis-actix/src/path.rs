//! Paths in actix-web's notation: what it would panic on at the first worker's start, or silently route elsewhere.
//!
//! 1. actix-web asks its resources one by one. So that what is declared first does not hide what is declared later, the
//!    more exact path is asked first: text before patterns, patterns before tails.
//! 2. Two paths that match the same are an error.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::panic::catch_unwind;

use actix_web::dev::ResourceDef;
use portcullis::routing::RouteError;

/// How exact a segment is, the most exact first: its kind, then the length of its text.
type Rank = (u8, Reverse<usize>);

const TEXT: u8 = 0;
/// Something of text, or an expression of its own, as in `{id:\d+}`.
const PART: u8 = 1;
const ANY: u8 = 2;
/// As much as there is.
const TAIL: u8 = 3;

/// Ranks the paths of a router, the most exact first.
pub(crate) fn rank<'a>(paths: impl Iterator<Item = &'a str>) -> Result<HashMap<String, usize>, RouteError> {
    let mut shapes: HashMap<String, &str> = HashMap::new();
    let mut ranked = Vec::new();
    for path in paths {
        check(path)?;
        let segments = segments(path);
        if let Some(other) = shapes.insert(segments.concat(), path) {
            return Err(RouteError::path(path, format!("it matches the same as {other}")));
        }
        ranked.push((segments.iter().map(|segment| rank_of(segment)).collect::<Vec<_>>(), path));
    }
    // Stable: of two that are as exact, the one that was declared first.
    ranked.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(ranked.into_iter().enumerate().map(|(rank, (_, path))| (path.to_owned(), rank)).collect())
}

/// What actix-web says about a path by a panic, or not at all.
fn check(path: &str) -> Result<(), RouteError> {
    let after_braces = path.rsplit('}').next().unwrap_or_default();
    if after_braces.ends_with('*') && !(path.contains('{') && after_braces == "*") {
        return Err(RouteError::path(path, "a tail is written `{name}*`"));
    }
    // Other than its panics there is no parser of actix-web's patterns to ask.
    let parsed = catch_unwind(|| drop(ResourceDef::new(path)));
    parsed.map_err(|_| RouteError::path(path, "actix-web cannot read this pattern"))
}

/// Splits a path into segments that begin with their slash, without the names of its patterns.
fn segments(path: &str) -> Vec<String> {
    let mut segments = vec![String::new()];
    let (mut depth, mut is_name) = (0_usize, false);
    for char in path.chars() {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => segments.push(String::new()),
            _ => {}
        }
        is_name = (is_name && !matches!(char, ':' | '}')) || (char == '{' && depth == 1);
        if !is_name || char == '{' {
            segments.last_mut().into_iter().for_each(|segment| segment.push(char));
        }
    }
    segments
}

fn rank_of(segment: &str) -> Rank {
    let segment = segment.strip_prefix('/').unwrap_or(segment);
    let is_tail = segment.ends_with("}*") || [".*", ".+", "/"].iter().any(|greedy| segment.contains(greedy));
    let kind = match segment {
        text if !text.contains('{') => TEXT,
        _ if is_tail => TAIL,
        "{}" => ANY,
        _ => PART,
    };
    let outside = segment.split('{').map(|piece| piece.rsplit('}').next().unwrap_or_default().len()).sum();
    (kind, Reverse(outside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(paths: &[&str]) -> Vec<String> {
        let mut ranked: Vec<_> = rank(paths.iter().copied()).unwrap().into_iter().collect();
        ranked.sort_by_key(|(_, rank)| *rank);
        ranked.into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn the_more_exact_path_is_asked_first() {
        for paths in [
            vec!["/books/new", "/books/{id}"],
            vec!["/books/new", r"/books/{id:\d+}", "/books/{id}", "/books/{tail}*"],
            vec!["/files/", "/files/{id}", "/files/{tail:.*}"],
            vec!["/a/{name}.json", "/a/{name}.{kind}", "/a/{name}"],
            vec!["/{a}/x", "/{b}/{c}", "/{tail}*"],
            vec![r"/{id:\d{3}}", "/{id}"],
        ] {
            let backwards: Vec<_> = paths.iter().rev().copied().collect();
            assert_eq!(order(&backwards), paths);
        }
    }

    #[test]
    fn what_actix_web_panics_on_or_hides_is_an_error() {
        for (paths, reason) in [
            (vec!["/{id}", "/{name}"], "/{name}: it matches the same as /{id}"),
            (vec![r"/a/{x:\d+}/b", r"/a/{y:\d+}/b"], r"/a/{y:\d+}/b: it matches the same as /a/{x:\d+}/b"),
            (vec!["/{id"], "/{id: actix-web cannot read this pattern"),
            (vec!["/{}"], "/{}: actix-web cannot read this pattern"),
            (vec!["/{*path}"], "/{*path}: actix-web cannot read this pattern"),
            (vec!["/{id}/{id}"], "/{id}/{id}: actix-web cannot read this pattern"),
            (vec!["/{id:[}"], "/{id:[}: actix-web cannot read this pattern"),
            (vec!["/{a:x}*"], "/{a:x}*: actix-web cannot read this pattern"),
            (vec!["/files/*"], "/files/*: a tail is written `{name}*`"),
            (vec!["/{id}/*"], "/{id}/*: a tail is written `{name}*`"),
        ] {
            assert_eq!(rank(paths.into_iter()).unwrap_err().to_string(), reason);
        }
    }
}
