//! Other spellings of a path open nothing.

use super::Adapter;
use super::answer::{says, unauthorized, unknown};
use super::stage::{Clause, Stage, Who, compare, verdict};
use crate::request::request;
use crate::suite::stage::Check;

pub(super) fn clauses<A: Adapter>() -> [Clause<A>; 4] {
    super::clauses![
        an_unknown_path_is_404_and_needs_no_identity,
        another_spelling_of_a_path_is_another_path,
        the_absolute_form_is_the_same_route,
        other_forms_of_a_target_open_nothing,
    ]
}

async fn an_unknown_path_is_404_and_needs_no_identity<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut rows = Vec::new();
    for uri in ["/", "/unknown", "/notes", "/notes/1/x", "/strict/unknown", "/session/unknown", "/whoami/x"] {
        for method in ["GET", "POST", "OPTIONS", "PROPFIND"] {
            for who in Who::ALL {
                rows.push((format!("{method} {uri} of {who:?}"), stage.as_who(who, method, uri), unknown()));
            }
            let bad = request(method, uri).token("made-up");
            rows.push((format!("{method} {uri} with a bad token"), bad, unknown()));
        }
    }
    stage.walk(rows).await
}

/// Other spellings of paths that there are.
pub(super) const SPELLINGS: [&str; 32] = [
    "/whoami/",
    "/whoami//",
    "//whoami",
    "///whoami",
    "/./whoami",
    "/whoami/.",
    "/maybe/../whoami",
    "/maybe/..%2fwhoami",
    "/maybe/%2e%2e/whoami",
    "/maybe%2f..%2fwhoami",
    "/%77hoami",
    "/%2fwhoami",
    "/whoami%2f",
    "/whoami%20",
    "/whoami%00",
    "/whoami%0a",
    "/whoami%3f/maybe",
    "/whoami;a=b",
    "/WHOAMI",
    "/strict/",
    "//strict",
    "/strict/./inner/deep",
    "/strict//inner//deep",
    "/strict%2finner%2fdeep",
    "/strict/loose/../inner/deep",
    "/strict/loose%2f..%2finner%2fdeep",
    "/strict/inner/deep/",
    "/maybe/",
    "/maybe//",
    "/maybe%2f",
    "/%6Daybe",
    "/strict/loose/../listed",
];

/// The same paths: of a query and of what is captured a route knows nothing.
const SAME: [(&str, &str); 4] = [
    ("/whoami?next=/maybe", "/whoami"),
    ("/whoami?/maybe", "/whoami"),
    ("/notes/%31", "/notes/1"),
    ("/notes/{id}", "/notes/x"),
];

/// Targets that are no path (RFC 9112 section 3.2).
pub(super) const FORMS: [(&str, &str); 6] = [
    ("OPTIONS", "*"),
    ("GET", "*"),
    ("CONNECT", "localhost:80"),
    ("CONNECT", "maybe:80"),
    ("GET", "localhost:80"),
    ("POST", "localhost:80"),
];

async fn another_spelling_of_a_path_is_another_path<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    for (spelling, method) in
        SPELLINGS.into_iter().flat_map(|one| ["GET", "POST"].map(|method| (one, method)))
    {
        for who in Who::ALL {
            let found = stage.ask(stage.as_who(who, method, spelling)).await;
            compare(&mut wrong, &format!("{method} {spelling} of {who:?}"), &found, &unknown());
        }
    }
    for (uri, path) in SAME {
        for who in Who::ALL {
            let [found, expected] = [uri, path].map(|uri| stage.ask(stage.as_who(who, "GET", uri)));
            compare(&mut wrong, &format!("GET {uri} of {who:?}"), &found.await, &expected.await);
        }
    }
    verdict(&wrong)
}

async fn the_absolute_form_is_the_same_route<A: Adapter>(stage: &Stage<A>) -> Check {
    let of = |who, uri| stage.as_who(who, "GET", uri);
    stage
        .walk([
            (
                "a stranger".to_owned(),
                of(Who::Nobody, "http://localhost/whoami"),
                unauthorized(super::answer::STRANGER),
            ),
            ("John".to_owned(), of(Who::John, "http://localhost/whoami"), says("john")),
            ("another host".to_owned(), of(Who::John, "http://evil.test/whoami?x"), says("john")),
            ("an unknown path".to_owned(), of(Who::John, "http://localhost/unknown"), unknown()),
            ("an open path as the host".to_owned(), of(Who::Nobody, "http://maybe/unknown"), unknown()),
        ])
        .await
}

async fn other_forms_of_a_target_open_nothing<A: Adapter>(stage: &Stage<A>) -> Check {
    stage.walk(FORMS.map(|(method, uri)| (format!("{method} {uri}"), request(method, uri), unknown()))).await
}
