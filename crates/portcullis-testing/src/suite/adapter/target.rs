//! Other spellings of a path open nothing.

use super::Adapter;
use super::answer::{hidden, says, shown, unauthorized, unknown};
use super::stage::{Clause, Stage, Who, compare, verdict};
use crate::request::request;
use crate::suite::stage::Check;

pub(super) fn clauses<A: Adapter>() -> [Clause<A>; 4] {
    super::clauses![
        an_unknown_path_is_404_and_needs_no_identity,
        another_spelling_of_a_path_is_404_or_the_same_route,
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

/// Spellings, and the path that a framework may take them for.
const SPELLINGS: [(&str, &str); 30] = [
    ("/whoami/", "/whoami"),
    ("/whoami//", "/whoami"),
    ("//whoami", "/whoami"),
    ("///whoami", "/whoami"),
    ("/./whoami", "/whoami"),
    ("/whoami/.", "/whoami"),
    ("/maybe/../whoami", "/whoami"),
    ("/maybe/..%2fwhoami", "/whoami"),
    ("/maybe/%2e%2e/whoami", "/whoami"),
    ("/maybe%2f..%2fwhoami", "/whoami"),
    ("/%77hoami", "/whoami"),
    ("/%2fwhoami", "/whoami"),
    ("/whoami%2f", "/whoami"),
    ("/whoami%20", "/whoami"),
    ("/whoami%00", "/whoami"),
    ("/whoami%0a", "/whoami"),
    ("/whoami%3f/maybe", "/whoami"),
    ("/whoami;a=b", "/whoami"),
    ("/WHOAMI", "/whoami"),
    ("/whoami?next=/maybe", "/whoami"),
    ("/whoami?/maybe", "/whoami"),
    ("/strict/", "/strict"),
    ("//strict", "/strict"),
    ("/strict/./inner/deep", "/strict/inner/deep"),
    ("/strict//inner//deep", "/strict/inner/deep"),
    ("/strict%2finner%2fdeep", "/strict/inner/deep"),
    ("/strict/loose/../inner/deep", "/strict/inner/deep"),
    ("/strict/loose%2f..%2finner%2fdeep", "/strict/inner/deep"),
    ("/strict/inner/deep/", "/strict/inner/deep"),
    ("/notes/%31", "/notes/1"),
];

async fn another_spelling_of_a_path_is_404_or_the_same_route<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    for (spelling, path) in SPELLINGS {
        for who in Who::ALL {
            let found = stage.ask(stage.as_who(who, "GET", spelling)).await;
            if ![unknown(), hidden()].contains(&found) {
                let same = stage.ask(stage.as_who(who, "GET", path)).await;
                compare(&mut wrong, &format!("GET {spelling} of {who:?}"), &found, &same);
            }
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
    let mut wrong = Vec::new();
    for (method, uri) in [
        ("OPTIONS", "*"),
        ("GET", "*"),
        ("CONNECT", "localhost:80"),
        ("GET", "localhost:80"),
        ("POST", "localhost:80"),
    ] {
        let response = stage.send(request(method, uri).build()).await;
        if !response.status().is_client_error() {
            wrong.push(format!("{method} {uri}: {}", shown(&response)));
        }
    }
    verdict(&wrong)
}
