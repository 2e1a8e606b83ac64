//! The bookshop answers as Django REST framework does: the recorded cases, over real sockets, once for each store.
//!
//! What is not replayed yet stands in two lists, [`LATER_AREAS`] and [`LATER_CASES`], and nowhere else.

use std::collections::BTreeSet;
use std::fs;

use portcullis_tests::replay::{Differences, data, read_areas, replay};
use portcullis_tests::server::Bookshop;
use serde_json::Value;

/// Areas that are replayed, whole but for [`LATER_CASES`].
const AREAS: [&str; 14] = [
    "basic",
    "composition",
    "csrf",
    "custom",
    "hostile-headers",
    "model-permissions",
    "multi",
    "object-permissions",
    "obtain-token",
    "permissions",
    "remote",
    "session",
    "throttle",
    "token",
];

/// Areas that wait for JWT.
const LATER_AREAS: [&str; 2] = ["jwt-auth", "jwt-views"];

/// Cases of the replayed areas that send a JWT, or what a JWT authenticator must refuse.
const LATER_CASES: [&str; 18] = [
    "hostile-headers/authorization-bearer-bearer",
    "hostile-headers/authorization-bearer-null",
    "hostile-headers/authorization-bearer-undefined",
    "multi/multi-bad-jwt",
    "multi/multi-jwt",
    "multi/optional-bad-jwt",
    "multi/optional-jwt",
    "multi/session-first-bad-jwt",
    "multi/session-first-jwt",
    "multi/session-first-jwt-keyword",
    "permissions/admin-books-bad-jwt",
    "permissions/admin-books-jwt",
    "permissions/books-bad-jwt",
    "permissions/model-books-bad-jwt",
    "permissions/model-books-jwt",
    "permissions/open-books-bad-jwt",
    "permissions/public-books-bad-jwt",
    "remote/created-no-login",
];

/// What gives away a case that needs JWT: a forged token, simplejwt's routes or its refusal.
const MARKERS: [&str; 3] = ["\"forge\":", "\"/api/token/", "\"token_not_valid\""];

fn is_replayed(name: &str) -> bool {
    let area = name.split('/').next().unwrap_or_default();
    AREAS.contains(&area) && !LATER_CASES.contains(&name)
}

#[test]
fn bookshop_answers_as_recorded_from_memory() {
    assert_answers_as_recorded("memory");
}

#[test]
fn bookshop_answers_as_recorded_from_sqlite() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("bookshop.sqlite");
    assert_answers_as_recorded(&format!("sqlite:{}", file.display()));
}

#[expect(clippy::panic, reason = "called by tests alone")]
#[expect(clippy::print_stdout, reason = "the totals belong to the test's output")]
fn assert_answers_as_recorded(store: &str) {
    let report = Bookshop::start(store)
        .and_then(|bookshop| replay(bookshop.base_url(), &Differences::read()?, is_replayed));
    match report {
        Ok(report) => {
            println!("--store {store}\n{report}");
            assert_eq!(report.totals.len(), AREAS.len(), "an area is missing");
            assert_eq!(report.failed(), 0, "cases failed with --store {store}");
        }
        Err(problem) => panic!("--store {store}: {problem}"),
    }
}

#[test]
fn every_area_is_replayed_or_named_for_later() {
    let recorded: BTreeSet<String> = read_areas().unwrap().into_iter().map(|area| area.name).collect();
    let named: BTreeSet<String> = AREAS.into_iter().chain(LATER_AREAS).map(str::to_owned).collect();
    assert_eq!(recorded, named);
}

#[test]
fn only_cases_that_need_jwt_wait() {
    let mut need_jwt = BTreeSet::new();
    for area in AREAS {
        let file = fs::read(data().join(format!("cases/{area}.json"))).unwrap();
        let file: Value = serde_json::from_slice(&file).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let text = case["steps"].to_string();
            if MARKERS.iter().any(|marker| text.contains(marker)) {
                need_jwt.insert(format!("{area}/{}", case["id"].as_str().unwrap()));
            }
        }
    }
    let later: BTreeSet<String> = LATER_CASES.into_iter().map(str::to_owned).collect();
    assert_eq!(later.len(), LATER_CASES.len(), "a case stands twice in the list");
    let strangers: Vec<_> = later.difference(&need_jwt).collect();
    assert!(strangers.is_empty(), "cases that need no JWT, or do not exist: {strangers:?}");
}
