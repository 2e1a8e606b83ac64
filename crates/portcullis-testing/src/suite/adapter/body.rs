//! The guard reads a body to prove an origin, and the handler gets the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;

use super::answer::{STRANGER, answer, refused, says, shown, unauthorized};
use super::stage::{Clause, Row, Stage, Who, compare, verdict};
use super::{Adapter, Pieces};
use crate::suite::stage::{Check, ensure, same};
use crate::{RequestBuilder, request};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";
/// The most that the guard reads.
const LIMIT: usize = 64 * 1024;

pub(super) fn clauses<A: Adapter>() -> [Clause<A>; 7] {
    super::clauses![
        a_form_that_proves_its_origin_reaches_the_handler_byte_for_byte,
        a_form_without_a_good_token_is_refused,
        the_guard_reads_64_kib_of_a_form_and_no_more,
        the_guard_stops_reading_where_a_form_is_too_large,
        an_upload_that_proves_its_origin_otherwise_streams,
        of_a_refused_request_nothing_is_read,
        an_endpoint_reads_64_kib_and_no_more,
    ]
}

fn named(rows: impl IntoIterator<Item = (&'static str, RequestBuilder, String)>) -> Vec<Row> {
    rows.into_iter().map(|(name, request, expected)| (name.to_owned(), request, expected)).collect()
}

fn multipart(token: &str) -> String {
    format!(
        "--x\r\ncontent-disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{token}\r\n--x\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n\r\n--x--\r\ntrailer"
    )
}

async fn a_form_that_proves_its_origin_reaches_the_handler_byte_for_byte<A: Adapter>(
    stage: &Stage<A>,
) -> Check {
    let browser = stage.log_in().await?;
    let token = &browser.csrf;
    let form = format!("a=1&a=2&csrfmiddlewaretoken={token}&c=%zz&&d=%C3%A9;é=+");
    let parts = multipart(token);
    let john = || stage.as_who(Who::John, "POST", "/echo");
    let json = format!(r#"{{"a":"{}"}}"#, "é".repeat(40));
    stage
        .walk(named([
            ("a form", browser.without_token("POST", "/echo").body(FORM, form.clone()), says(&form)),
            (
                "multipart",
                browser.without_token("POST", "/echo").body(MULTIPART, parts.clone()),
                says(&parts),
            ),
            ("a form with the header", browser.request("POST", "/echo").body(FORM, "a=1&b"), says("a=1&b")),
            ("an empty body with the header", browser.request("POST", "/echo"), says("")),
            (
                "JSON with the header",
                browser.request("PUT", "/echo").body("application/json", json.clone()),
                says(&json),
            ),
            ("a form with a token of the API", john().body(FORM, "a=1;%zz"), says("a=1;%zz")),
            ("a stranger's form", request("POST", "/echo").body(FORM, form), unauthorized(STRANGER)),
        ]))
        .await
}

async fn a_form_without_a_good_token_is_refused<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let token = &browser.csrf;
    let made_up = "a".repeat(64);
    let missing = || refused(403, &[], "CSRF Failed: CSRF token missing.");
    let incorrect = || refused(403, &[], "CSRF Failed: CSRF token from POST incorrect.");
    let post = |kind, body: String| browser.without_token("POST", "/echo").body(kind, body);
    stage
        .walk(named([
            ("no token", post(FORM, "a=1".to_owned()), missing()),
            ("a made-up token", post(FORM, format!("csrfmiddlewaretoken={made_up}")), incorrect()),
            ("an empty token", post(FORM, "csrfmiddlewaretoken=".to_owned()), missing()),
            ("a made-up token in multipart", post(MULTIPART, multipart(&made_up)), incorrect()),
            (
                "a token in JSON",
                post("application/json", format!(r#"{{"csrfmiddlewaretoken":"{token}"}}"#)),
                missing(),
            ),
            ("a token in text", post("text/plain", format!("csrfmiddlewaretoken={token}")), missing()),
            ("a token without a type", post("", format!("csrfmiddlewaretoken={token}")), missing()),
            (
                "a token in the form of a PUT",
                browser.without_token("PUT", "/echo").body(FORM, format!("csrfmiddlewaretoken={token}")),
                missing(),
            ),
        ]))
        .await
}

async fn the_guard_reads_64_kib_of_a_form_and_no_more<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let fill = |length: usize| {
        let start = format!("csrfmiddlewaretoken={}&a=", browser.csrf);
        format!("{start}{}", "x".repeat(length.saturating_sub(start.len())))
    };
    let too_large = answer(413, &[super::answer::JSON], r#"{"detail":"Request body is too large."}"#);
    let bytes = |length: usize| says(&format!("{length} bytes"));
    let post = |length| browser.without_token("POST", "/echo").body(FORM, fill(length));
    let with_header = |length| browser.request("POST", "/echo").body(FORM, fill(length));
    let john = |length| stage.as_who(Who::John, "POST", "/echo").body(FORM, fill(length));
    stage
        .walk(named([
            ("64 KiB", post(LIMIT), bytes(LIMIT)),
            ("a byte more", post(LIMIT + 1), too_large.clone()),
            ("much more", post(LIMIT * 3), too_large),
            ("a byte more with the header", with_header(LIMIT + 1), bytes(LIMIT + 1)),
            ("a byte more with a token of the API", john(LIMIT + 1), bytes(LIMIT + 1)),
        ]))
        .await
}

fn in_pieces(
    request: RequestBuilder,
    piece: &'static [u8],
    number: usize,
) -> (Request<Pieces>, Arc<AtomicUsize>) {
    let pieces = Pieces::new(std::iter::repeat_n(Bytes::from_static(piece), number));
    let read = pieces.read();
    (request.build().map(|_| pieces), read)
}

async fn the_guard_stops_reading_where_a_form_is_too_large<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let form = browser.without_token("POST", "/echo").body(FORM, "");
    let (request, read) = in_pieces(form, &[b'x'; LIMIT / 4], 64);
    let status = stage.send_in_pieces(request).await.status();
    same("the status", &status.as_u16(), &413)?;
    let read = read.load(Ordering::SeqCst);
    ensure(read <= 5, &format!("{read} pieces of 16 KiB are no more than it must read"))
}

async fn an_upload_that_proves_its_origin_otherwise_streams<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let mut wrong = Vec::new();
    for (name, request) in [
        ("a form with the header", browser.request("POST", "/pieces").body(FORM, "")),
        ("a form with a token of the API", stage.as_who(Who::John, "POST", "/pieces").body(FORM, "")),
    ] {
        let (request, _) = in_pieces(request, b"a=1&", 3);
        compare(&mut wrong, name, &shown(&stage.send_in_pieces(request).await), &says("3"));
    }
    verdict(&wrong)
}

async fn of_a_refused_request_nothing_is_read<A: Adapter>(stage: &Stage<A>) -> Check {
    let browser = stage.log_in().await?;
    let post = || browser.without_token("POST", "/echo");
    for (name, request, status) in [
        ("a stranger", request("POST", "/echo"), 401),
        ("a bad token", request("POST", "/echo").token("made-up"), 401),
        ("another site", post().header("sec-fetch-site", "cross-site"), 403),
        ("JSON without a token", post().body("application/json", ""), 403),
        ("staff's", stage.as_who(Who::John, "POST", "/mixed"), 403),
        ("another's note", stage.as_who(Who::John, "PUT", "/notes/2").body("application/json", ""), 403),
        ("no note", stage.as_who(Who::John, "PUT", "/notes/99").body("application/json", ""), 404),
        ("an unknown path", request("POST", "/unknown"), 404),
        ("a method that is not there", stage.as_who(Who::John, "POST", "/whoami"), 405),
    ] {
        let (request, read) = in_pieces(request, b"a=1&", 3);
        let found = stage.send_in_pieces(request).await.status().as_u16();
        same(name, &(found, read.load(Ordering::SeqCst)), &(status, 0))?;
    }
    Ok(())
}

async fn an_endpoint_reads_64_kib_and_no_more<A: Adapter>(stage: &Stage<A>) -> Check {
    let post = |length: usize| {
        let body = format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
        request("POST", "/tokens").body("application/json", body)
    };
    let required = r#"{"username":["This field is required."],"password":["This field is required."]}"#;
    let too_large = r#"{"detail":"Request body is too large."}"#;
    stage
        .walk(named([
            ("64 KiB", post(LIMIT), answer(400, &[super::answer::JSON, super::answer::VARY], required)),
            (
                "a byte more",
                post(LIMIT + 1),
                answer(413, &[super::answer::JSON, super::answer::VARY], too_large),
            ),
        ]))
        .await
}
