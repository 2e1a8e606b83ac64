//! Objects are checked in DRF's order, and no answer leaves without a check that was owed.

use super::Adapter;
use super::answer::{STRANGER, VARY, answer, denied, hidden, outage, says, shown, unauthorized};
use super::stage::{Clause, Row, Stage, Who, compare, verdict};
use crate::suite::stage::Check;

pub(super) fn clauses<A: Adapter>() -> [Clause<A>; 2] {
    super::clauses![
        an_object_is_loaded_and_checked_before_the_body_is_read,
        an_answer_without_the_check_that_it_owes_does_not_leave,
    ]
}

async fn an_object_is_loaded_and_checked_before_the_body_is_read<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    for (name, who, id, body, expected) in [
        ("his own", Who::John, "1", r#""new""#, Some(says("1 new"))),
        ("his own, and junk", Who::John, "1", "\"", None),
        ("another's", Who::John, "2", r#""new""#, Some(denied())),
        ("another's, and junk", Who::John, "2", "\"", Some(denied())),
        ("hers, and not staff's", Who::Mary, "3", r#""new""#, Some(denied())),
        ("her own", Who::Mary, "2", r#""new""#, Some(says("2 new"))),
        ("none", Who::John, "99", r#""new""#, Some(hidden())),
        ("none, of who owns no odd ones", Who::Mary, "99", "\"", Some(hidden())),
        ("none, and junk", Who::John, "99", "\"", Some(hidden())),
        ("no number, and junk", Who::Mary, "x", "\"", Some(hidden())),
        ("an answer of the loader's own, and junk", Who::John, "101", "\"", Some(gone())),
        ("an outage, and junk", Who::John, "100", "\"", Some(outage())),
        ("a stranger's, and junk", Who::Nobody, "1", "\"", Some(unauthorized(STRANGER))),
        ("a stranger's, none", Who::Nobody, "99", "\"", Some(unauthorized(STRANGER))),
    ] {
        let request = stage.as_who(who, "PUT", &format!("/notes/{id}")).body("application/json", body);
        let found = stage.send(request.build()).await;
        // The text of a 400 is the framework's own.
        let found = if expected.is_none() { found.status().as_u16().to_string() } else { shown(&found) };
        compare(&mut wrong, name, &found, &expected.unwrap_or_else(|| "400".to_owned()));
    }
    verdict(&wrong)
}

async fn an_answer_without_the_check_that_it_owes_does_not_leave<A: Adapter>(stage: &Stage<A>) -> Check {
    let of = |who, method, path| stage.as_who(who, method, path);
    let rows = [
        ("no check", of(Who::John, "GET", "/unchecked"), denied()),
        ("no check of a POST", of(Who::John, "POST", "/unchecked"), denied()),
        ("no check for a stranger", of(Who::Nobody, "GET", "/unchecked"), denied()),
        ("no check, and a method that is not there", of(Who::John, "PUT", "/unchecked"), not_allowed()),
        ("a check", of(Who::John, "GET", "/checked"), says("a note")),
        ("a check that refuses", of(Who::Mary, "GET", "/checked"), denied()),
        ("a stranger", of(Who::Nobody, "GET", "/checked"), unauthorized(STRANGER)),
        ("a refusal that is ignored", of(Who::John, "GET", "/swallowed"), denied()),
        ("an approval that is ignored", of(Who::Mary, "GET", "/swallowed"), says("a note")),
        ("a list", of(Who::John, "GET", "/listed"), says("true false")),
        ("a list of a POST", of(Who::John, "POST", "/listed"), says("true false")),
        ("another's list", of(Who::Mary, "GET", "/listed"), says("false true")),
        ("a loaded note", of(Who::John, "GET", "/notes/3"), says("3")),
        ("another's note", of(Who::John, "GET", "/notes/2"), denied()),
        ("no note", of(Who::John, "GET", "/notes/4"), hidden()),
    ];
    let rows = rows.map(|(name, request, expected)| (name.to_owned(), request, expected));
    stage.walk(rows.into_iter().chain(Who::ALL.into_iter().flat_map(|who| kinds(stage, who)))).await
}

/// What `/owed/{kind}` answers to whoever asks: an error may leave, all else owes its check.
pub(super) fn kinds<A: Adapter>(stage: &Stage<A>, who: Who) -> impl Iterator<Item = Row> {
    let unchecked = ["both", "both-reversed", "asked", "another-type", "redirected", "switched"];
    let unchecked = unchecked.map(|kind| (kind, denied()));
    let error = |status| answer(status, &["location: /notes/1", VARY], "");
    let errors = [("not-modified", error(304)), ("malformed", error(400))];
    unchecked.into_iter().chain(errors).map(move |(kind, expected)| {
        let uri = format!("/owed/{kind}");
        (format!("GET {uri} of {who:?}"), stage.as_who(who, "GET", &uri), expected)
    })
}

fn gone() -> String {
    answer(410, &[VARY], "gone")
}

fn not_allowed() -> String {
    super::answer::not_allowed("PUT", "GET, POST, HEAD")
}
