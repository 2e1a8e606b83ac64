//! Cookies go out as they are written, and what a handler keeps is saved with its answer, or not at all.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use super::Adapter;
use super::answer::{CHALLENGES, JSON, NO_STORE, STRANGER, VARY, answer, outage, refused, says, shown};
use super::stage::{Clause, Row, Stage, compare, cookie_of, from_browser, from_site, login, verdict};
use super::store::Outage;
use crate::suite::stage::{Check, POLLS, abandon, ensure};

/// A cookie of two weeks from the first of January 2025.
const COOKIE: &str = "set-cookie: __Host-session=*; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1209600; \
     Expires=Wed, 15 Jan 2025 00:00:00 GMT";
const DELETED: &str = "set-cookie: __Host-session=\"\"; SameSite=Lax; Secure; Path=/; Max-Age=0; \
     Expires=Thu, 01 Jan 1970 00:00:00 GMT";
/// The endpoints of the session ask it alone.
const COOKIE_ALONE: &str = "vary: cookie";

pub(super) fn clauses<A: Adapter>() -> [Clause<A>; 10] {
    super::clauses![
        a_login_sets_the_cookie_and_a_logout_takes_it_back,
        a_refused_login_sets_nothing,
        a_token_is_obtained_for_a_password,
        an_unsafe_request_of_a_session_proves_its_origin,
        what_a_handler_keeps_is_saved_unless_it_fails,
        a_handler_that_panics_or_is_dropped_saves_nothing,
        a_session_begins_with_the_answer_that_needs_it,
        a_cycle_replaces_the_cookie_and_the_old_one_is_dead,
        a_logout_holds_whatever_the_answer_is,
        a_change_that_cannot_be_saved_replaces_the_answer,
    ]
}

fn named<const N: usize>(rows: [(&str, crate::RequestBuilder, String); N]) -> [Row; N] {
    rows.map(|(name, request, expected)| (name.to_owned(), request, expected))
}

async fn a_login_sets_the_cookie_and_a_logout_takes_it_back<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    let logged_in = stage.send(login().build()).await;
    let expected = answer(200, &[NO_STORE, JSON, COOKIE, COOKIE_ALONE], r#"{"user":"john"}"#);
    compare(&mut wrong, "the login", &shown(&logged_in), &expected);
    let cookie = cookie_of(&logged_in)?;
    let token = stage.ask(from_browser("GET", "/session/csrf", &cookie)).await;
    let expected = answer(200, &[NO_STORE, JSON, COOKIE_ALONE], r#"{"csrfToken":"*"}"#);
    compare(&mut wrong, "the CSRF token", &token, &expected);
    verdict(&wrong)?;
    let browser = stage.log_in().await?;
    let whoami = || browser.without_token("GET", "/whoami");
    stage
        .walk(named([
            ("the session", whoami(), says("john")),
            (
                "a logout without a CSRF token",
                browser.without_token("POST", "/session/logout"),
                refused(403, &[], "CSRF Failed: CSRF token missing.").replace(VARY, COOKIE_ALONE),
            ),
            (
                "a logout",
                browser.request("POST", "/session/logout"),
                answer(204, &[NO_STORE, DELETED, COOKIE_ALONE], ""),
            ),
            ("the session that ended", whoami(), refused_and_deleted()),
            ("the other session", from_browser("GET", "/whoami", &cookie), says("john")),
        ]))
        .await
}

/// A cookie that names no session is taken back.
pub(super) fn refused_and_deleted() -> String {
    let body = format!(r#"{{"detail":"{STRANGER}"}}"#);
    answer(401, &[&CHALLENGES[..], &[NO_STORE, JSON, DELETED, VARY]].concat(), &body)
}

/// What is saved moves the end of the session, and so its cookie goes out again.
fn saved(status: u16, body: &str) -> String {
    answer(status, &[NO_STORE, COOKIE, VARY], body)
}

async fn a_refused_login_sets_nothing<A: Adapter>(stage: &Stage<A>) -> Check {
    let login = || from_site("POST", "/session/login");
    let fields = |username, password| serde_json::json!({ "username": username, "password": password });
    let wrong = r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#;
    let required = r#"{"password":["This field is required."]}"#;
    let right = fields("john", super::world::PASSWORD);
    let foreign = crate::request("POST", "/session/login").header("host", "localhost").json(&right);
    let foreign = foreign.header("origin", "https://evil.test");
    let refusal = r#"{"detail":"CSRF Failed: Origin checking failed - https://evil.test does not match any trusted origins."}"#;
    stage
        .walk(named([
            (
                "a wrong password",
                login().json(&fields("john", "wrong")),
                answer(400, &[NO_STORE, JSON], wrong),
            ),
            (
                "an unknown user",
                login().json(&fields("joan", "wrong")),
                answer(400, &[NO_STORE, JSON], wrong),
            ),
            (
                "no password",
                login().json(&serde_json::json!({ "username": "john" })),
                answer(400, &[JSON], required),
            ),
            ("another site", foreign, answer(403, &[JSON], refusal)),
        ]))
        .await
}

async fn a_token_is_obtained_for_a_password<A: Adapter>(stage: &Stage<A>) -> Check {
    let obtain = |path, password| {
        from_site("POST", path).json(&serde_json::json!({ "username": "john", "password": password }))
    };
    let wrong = r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#;
    let issued = || answer(200, &[NO_STORE, JSON, VARY], r#"{"token":"*"}"#);
    let refused = || answer(400, &[NO_STORE, JSON, VARY], wrong);
    stage
        .walk(named([
            ("a password", obtain("/tokens", super::world::PASSWORD), issued()),
            ("a wrong password", obtain("/tokens", "wrong"), refused()),
            ("a password elsewhere", obtain("/obtain", super::world::PASSWORD), issued()),
            ("a wrong password elsewhere", obtain("/obtain", "wrong"), refused()),
        ]))
        .await
}

async fn an_unsafe_request_of_a_session_proves_its_origin<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let post = || browser.without_token("POST", "/maybe");
    let foreign = crate::request("POST", "/maybe").header("host", "localhost");
    let foreign = foreign.header("origin", "http://evil.test").cookie("__Host-session", &browser.cookie);
    let failed = |reason: &str| refused(403, &[], &format!("CSRF Failed: {reason}"));
    let missing = || failed("CSRF token missing.");
    let evil = "Origin checking failed - http://evil.test does not match any trusted origins.";
    let query = format!("/maybe?csrfmiddlewaretoken={}", browser.csrf);
    let token = stage.world.john.expose_secret();
    stage
        .walk(named([
            ("a safe method", browser.without_token("GET", "/maybe"), says("john")),
            ("without a token", post(), missing()),
            ("with a token", browser.request("POST", "/maybe"), says("john")),
            ("with a token again", browser.request("POST", "/maybe"), says("john")),
            (
                "with a made-up token",
                post().header("x-csrftoken", "a".repeat(64)),
                failed("CSRF token from the 'X-Csrftoken' HTTP header incorrect."),
            ),
            ("from another site", foreign.header("x-csrftoken", &browser.csrf), failed(evil)),
            ("with a token in the query", browser.without_token("POST", &query), missing()),
            ("with a method that is not there", browser.without_token("DELETE", "/maybe"), missing()),
            (
                "with that method and a token",
                browser.request("DELETE", "/maybe"),
                super::answer::not_allowed("DELETE", "GET, POST, HEAD"),
            ),
            ("with a token of the API instead", crate::request("POST", "/maybe").token(token), says("john")),
        ]))
        .await
}

async fn what_a_handler_keeps_is_saved_unless_it_fails<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let of = |path| browser.without_token("GET", path);
    stage
        .walk(named([
            ("the first", of("/count"), saved(200, "1")),
            ("a failure", of("/count-and-fail"), answer(502, &[VARY], "failed")),
            ("after the failure", of("/count"), saved(200, "2")),
            ("a refusal", of("/count-and-refuse"), saved(404, "refused")),
            ("after the refusal", of("/count"), saved(200, "4")),
        ]))
        .await
}

async fn a_handler_that_panics_or_is_dropped_saves_nothing<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let of = |path| browser.without_token("GET", path);
    let panicking = AssertUnwindSafe(stage.send(of("/count-and-panic").build())).catch_unwind().await;
    ensure(panicking.is_err(), "a handler's panic passes through")?;
    let answered = abandon(stage.send(of("/count-and-wait").build()), POLLS).await;
    ensure(!answered, "a handler that waits has not answered yet")?;
    stage.walk(named([("neither has counted", of("/count"), saved(200, "1"))])).await
}

async fn a_session_begins_with_the_answer_that_needs_it<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    let of = |path| stage.as_who(super::stage::Who::John, "GET", path);
    let begun = stage.send(of("/count").build()).await;
    compare(&mut wrong, "it begins", &shown(&begun), &saved(200, "1"));
    let again = of("/count").cookie("__Host-session", &cookie_of(&begun)?);
    compare(&mut wrong, "it goes on", &stage.ask(again).await, &saved(200, "2"));
    let failed = stage.ask(of("/count-and-fail")).await;
    compare(&mut wrong, "of a failure none begins", &failed, &answer(502, &[VARY], "failed"));
    verdict(&wrong)
}

async fn a_cycle_replaces_the_cookie_and_the_old_one_is_dead<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    stage.walk(named([("a count", browser.without_token("GET", "/count"), saved(200, "1"))])).await?;
    let cycled = stage.send(browser.request("POST", "/cycle").build()).await;
    let mut wrong = Vec::new();
    compare(&mut wrong, "the cycle", &shown(&cycled), &saved(200, "cycled"));
    verdict(&wrong)?;
    stage
        .walk(named([
            ("the old one", browser.without_token("GET", "/count"), refused_and_deleted()),
            ("the new one", from_browser("GET", "/count", &cookie_of(&cycled)?), saved(200, "2")),
        ]))
        .await
}

async fn a_logout_holds_whatever_the_answer_is<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    stage
        .walk(named([
            (
                "a logout that fails",
                browser.request("POST", "/log-out-and-fail"),
                answer(500, &[NO_STORE, DELETED, VARY], "failed"),
            ),
            ("the session", browser.without_token("GET", "/whoami"), refused_and_deleted()),
        ]))
        .await
}

async fn a_change_that_cannot_be_saved_replaces_the_answer<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let of = |path| browser.without_token("GET", path);
    stage.fail(Outage::Changes);
    stage
        .walk(named([
            ("a count", of("/count"), outage()),
            ("a count that is refused", of("/count-and-refuse"), outage()),
            ("a cycle", browser.request("POST", "/cycle"), outage()),
            ("a logout", browser.request("POST", "/session/logout"), outage().replace(VARY, COOKIE_ALONE)),
            ("nothing to save", of("/whoami"), says("john")),
        ]))
        .await?;
    stage.fail(Outage::Nothing);
    stage.walk(named([("nothing was saved", of("/count"), saved(200, "1"))])).await
}
