//! What holds under another guard: one that throttles, one with a fallback, DRF's own, one that cannot be asked.

use std::time::Duration;

use super::Adapter;
use super::answer::{
    STRANGER, denied, not_allowed, outage, put_together_wrongly, refused, says, unauthorized, unknown,
};
use super::route::{METHODS, headless};
use super::stage::{Clause, Row, Stage, Who};
use super::target::{FORMS, SPELLINGS};
use super::world::Setting;
use crate::request::request;
use crate::suite::stage::{Check, ensure};

pub(super) fn clauses<A: Adapter>() -> impl Iterator<Item = (Setting, Clause<A>)> {
    let clauses: [Clause<A>; 5] = super::clauses![
        a_throttle_of_the_guard_counts_whatever_is_permitted,
        a_fallback_asks_what_the_router_asks,
        in_drf_s_way_only_a_post_leaves_without_its_check,
        who_cannot_be_asked_about_is_not_nobody,
        without_sessions_there_is_none_to_take,
    ];
    [Setting::Throttled, Setting::Fallback, Setting::Drf, Setting::Away, Setting::NoSessions]
        .into_iter()
        .zip(clauses)
}

async fn a_throttle_of_the_guard_counts_whatever_is_permitted<A: Adapter>(stage: &Stage<A>) -> Check {
    let too_many =
        || refused(429, &["retry-after: 30"], "Request was throttled. Expected available in 30 seconds.");
    let method = |name| not_allowed(name, "GET, POST, HEAD");
    for (name, who, path, first, second, third) in [
        ("GET", Who::Nobody, "/maybe", says("nobody"), says("nobody"), too_many()),
        ("HEAD", Who::Nobody, "/maybe", says(""), says(""), headless(&too_many())),
        ("PUT", Who::Nobody, "/maybe", method("PUT"), method("PUT"), too_many()),
        ("PROPFIND", Who::Nobody, "/maybe", method("PROPFIND"), method("PROPFIND"), too_many()),
        (
            "GET",
            Who::Nobody,
            "/whoami",
            unauthorized(STRANGER),
            unauthorized(STRANGER),
            unauthorized(STRANGER),
        ),
        (
            "PUT",
            Who::John,
            "/whoami",
            not_allowed("PUT", "GET, HEAD"),
            not_allowed("PUT", "GET, HEAD"),
            too_many(),
        ),
        ("GET", Who::Nobody, "/free", says("free"), says("free"), says("free")),
        ("GET", Who::Nobody, "/unknown", unknown(), unknown(), unknown()),
        // A throttle of the route's own stands in the place of the guard's.
        ("GET", Who::John, "/throttled", says("counted"), says("counted"), too_many()),
        // The scope says its throttle twice, and so counts twice.
        ("GET", Who::Nobody, "/few/silent", says("silent"), too_many(), too_many()),
    ] {
        stage.world.clock.advance(Duration::from_secs(60));
        let row = |number, expected| {
            (format!("{name} {path} of {who:?}, {number}"), stage.as_who(who, name, path), expected)
        };
        stage.walk([row("once", first), row("twice", second), row("three times", third)]).await?;
    }
    Ok(())
}

async fn a_fallback_asks_what_the_router_asks<A: Adapter>(stage: &Stage<A>) -> Check {
    let of = |who, path| stage.as_who(who, "GET", path);
    let caught = || [unauthorized(STRANGER), denied(), says("fallback")];
    let mut rows: Vec<Row> = Vec::new();
    for path in ["/", "/unknown", "/whoami/x", "/unguarded", "http://localhost/unknown"] {
        let all = Who::ALL.into_iter().zip(caught());
        rows.extend(all.map(|(who, expected)| (format!("GET {path} of {who:?}"), of(who, path), expected)));
    }
    rows.push(("a route that says nothing".to_owned(), of(Who::John, "/whoami"), denied()));
    rows.push(("that route, of staff".to_owned(), of(Who::Mary, "/whoami"), says("mary")));
    rows.push(("a route that says something".to_owned(), of(Who::Nobody, "/maybe"), says("nobody")));
    for spelling in SPELLINGS {
        for uri in [spelling.to_owned(), format!("http://localhost{spelling}")] {
            rows.extend(METHODS.map(|method| {
                let refused = unauthorized(STRANGER);
                let refused = if method == "HEAD" { headless(&refused) } else { refused };
                (format!("{method} {uri}"), request(method, &uri), refused)
            }));
        }
    }
    let forms =
        FORMS.map(|(method, uri)| (format!("{method} {uri}"), request(method, uri), unauthorized(STRANGER)));
    let table = stage.adapter.table();
    let row = ("*", "*", "IsAdminUser");
    ensure(
        table.iter().any(|found| (found.method(), found.path(), found.permission()) == row),
        "the table at start up tells of the fallback",
    )?;
    stage.walk(rows.into_iter().chain(forms)).await
}

async fn in_drf_s_way_only_a_post_leaves_without_its_check<A: Adapter>(stage: &Stage<A>) -> Check {
    let of = |method, path| stage.as_who(Who::John, method, path);
    let rows = super::object::kinds(stage, Who::John).chain([
        ("no check".to_owned(), of("GET", "/unchecked"), denied()),
        ("no check of a HEAD".to_owned(), of("HEAD", "/unchecked"), headless(&denied())),
        ("no check of a POST".to_owned(), of("POST", "/unchecked"), says("a note")),
        (
            "a method that is not there".to_owned(),
            of("PUT", "/unchecked"),
            not_allowed("PUT", "GET, POST, HEAD"),
        ),
        ("a check".to_owned(), of("GET", "/checked"), says("a note")),
        ("a refusal that is ignored".to_owned(), of("GET", "/swallowed"), denied()),
        ("a list".to_owned(), of("GET", "/listed"), says("true false")),
        ("a list of a POST".to_owned(), of("POST", "/listed"), says("true false")),
    ]);
    stage.walk(rows).await
}

async fn who_cannot_be_asked_about_is_not_nobody<A: Adapter>(stage: &Stage<A>) -> Check {
    let rows = ["/maybe", "/whoami"].into_iter().flat_map(|path| {
        ["GET", "PUT"].map(|method| (format!("{method} {path}"), request(method, path), outage()))
    });
    let unknown = ("an unknown path".to_owned(), request("GET", "/unknown"), unknown());
    stage.walk(rows.chain([unknown])).await
}

async fn without_sessions_there_is_none_to_take<A: Adapter>(stage: &Stage<A>) -> Check {
    let of = |path| stage.as_who(Who::John, "GET", path);
    let alone = |answer: String| answer.replace("authorization, cookie", "authorization");
    stage
        .walk([
            ("nobody".to_owned(), request("GET", "/visit"), alone(put_together_wrongly())),
            ("a token".to_owned(), of("/visit"), alone(put_together_wrongly())),
            ("a count".to_owned(), of("/count"), alone(put_together_wrongly())),
            ("nothing of a session".to_owned(), of("/whoami"), alone(says("john"))),
        ])
        .await
}
