//! Who is let in, and what is believed.

use std::net::IpAddr;
use std::sync::Arc;

use portcullis::{Account, Identity, Policy, Scheme};

use super::Adapter;
use super::answer::{
    DENIED, STRANGER, denied, hidden, misconfigured, outage, put_together_wrongly, refused, says, shown,
    unauthorized,
};
use super::session::refused_and_deleted;
use super::stage::{Clause, Stage, Who, compare, verdict};
use super::store::Outage;
use super::world::PASSWORD;
use crate::request::request;
use crate::suite::stage::{Check, Failure};

const EMPTY: &str = "Invalid token header. No credentials provided.";

pub(super) fn clauses<A: Adapter>() -> [Clause<A>; 11] {
    super::clauses![
        the_credentials_of_a_request_decide_who_asks,
        what_the_guard_knows_is_lent_to_the_handler,
        no_other_header_opens_a_route,
        what_other_code_inserts_is_not_believed,
        the_guard_s_word_for_another_request_is_not_believed,
        without_the_guard_nobody_is_served,
        for_another_user_type_nobody_is_served,
        the_peer_is_the_word_of_the_server,
        what_is_permitted_is_counted_and_then_answered,
        an_outage_is_503_wherever_it_must_be_asked,
        an_error_of_a_handler_is_answered_as_the_route_answers,
    ]
}

async fn the_credentials_of_a_request_decide_who_asks<A: Adapter>(stage: &Stage<A>) -> Check {
    let maybe = || request("GET", "/maybe");
    let john = stage.world.john.expose_secret();
    let wrong = "Invalid username/password.";
    let cut = john.get(..20).unwrap_or_default();
    let rows = [
        ("nothing", request("GET", "/whoami"), unauthorized(STRANGER)),
        ("a token", request("GET", "/whoami").token(john), says("john")),
        ("Mary's token", stage.as_who(Who::Mary, "GET", "/whoami"), says("mary")),
        ("a password", request("GET", "/whoami").basic("mary", PASSWORD), says("mary")),
        ("a wrong password", request("GET", "/whoami").basic("mary", "wrong"), unauthorized(wrong)),
        ("a scheme of nobody's", request("GET", "/whoami").bearer(john), unauthorized(STRANGER)),
        ("nothing where it is open", maybe(), says("nobody")),
        ("a token where it is open", maybe().token(john), says("john")),
        ("a bad token where it is open", maybe().token("made-up"), unauthorized("Invalid token.")),
        ("an empty token where it is open", maybe().token(""), unauthorized(EMPTY)),
        (
            "a word without a token where it is open",
            maybe().header("authorization", "Token"),
            unauthorized(EMPTY),
        ),
        ("half a token where it is open", maybe().token(cut), unauthorized("Invalid token.")),
        ("a wrong password where it is open", maybe().basic("john", "wrong"), unauthorized(wrong)),
        ("somebody who is nobody", request("GET", "/open"), unauthorized(STRANGER)),
        ("somebody", request("GET", "/open").token(john), says("john")),
        (
            "a bad token where all are allowed",
            request("GET", "/open").token("made-up"),
            unauthorized("Invalid token."),
        ),
        (
            "a cookie of nobody's",
            request("GET", "/whoami").cookie("__Host-session", "made-up"),
            refused_and_deleted(),
        ),
    ];
    stage.walk(rows.map(|(name, request, expected)| (name.to_owned(), request, expected))).await
}

async fn what_the_guard_knows_is_lent_to_the_handler<A: Adapter>(stage: &Stage<A>) -> Check {
    let mary = request("GET", "/scheme").basic("mary", PASSWORD);
    stage
        .walk([
            ("a token".to_owned(), stage.as_who(Who::John, "GET", "/scheme"), says("token true")),
            ("a password".to_owned(), mary, says("basic true")),
        ])
        .await
}

async fn no_other_header_opens_a_route<A: Adapter>(stage: &Stage<A>) -> Check {
    let rows = [
        ("x-http-method-override", "GET"),
        ("x-original-url", "/maybe"),
        ("x-rewrite-url", "/maybe"),
        ("x-forwarded-uri", "/maybe"),
        ("x-forwarded-prefix", "/maybe"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-middleware-subrequest", "middleware"),
        ("user-agent", "kube-probe/1.30"),
        ("content-type", "application/grpc"),
        ("remote-user", "john"),
        ("x-remote-user", "john"),
        ("connection", "authorization"),
    ];
    let rows = rows.into_iter().flat_map(|(name, value)| {
        ["/whoami", "/staff", "/local"].map(|path| {
            let request = request("GET", path).header(name, value);
            (format!("GET {path} with {name}"), request, unauthorized(STRANGER))
        })
    });
    stage.walk(rows).await
}

async fn what_other_code_inserts_is_not_believed<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    for (who, path, expected) in [
        (Who::Nobody, "/whoami", unauthorized(STRANGER)),
        (Who::Nobody, "/staff", unauthorized(STRANGER)),
        (Who::Nobody, "/open", unauthorized(STRANGER)),
        (Who::Nobody, "/maybe", says("nobody")),
        (Who::John, "/whoami", says("john")),
        (Who::John, "/maybe", says("john")),
        (Who::Nobody, "/unguarded/auth", misconfigured()),
        (Who::Nobody, "/unguarded/maybe", misconfigured()),
    ] {
        let mut request = stage.as_who(who, "GET", path).build();
        let (mary, extensions) = (Arc::new(Account::new(2, "mary")), request.extensions_mut());
        let identity = Identity::new(Arc::clone(&mary), Scheme::TOKEN);
        extensions.insert(Some(identity.clone()));
        extensions.insert(identity);
        extensions.insert((*mary).clone());
        extensions.insert(mary);
        compare(&mut wrong, path, &shown(&stage.send(request).await), &expected);
    }
    verdict(&wrong)
}

async fn the_guard_s_word_for_another_request_is_not_believed<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    let route =
        stage.world.guard().route(&Policy::default()).map_err(|error| Failure::new(error.to_string()))?;
    let mut admitted = stage.as_who(Who::Mary, "GET", "/whoami").parts();
    if route.admit(&mut admitted, None).await.is_err() {
        return Err(Failure::new("the core refuses Mary's token"));
    }
    for (path, expected) in
        [("/whoami", unauthorized(STRANGER)), ("/open", unauthorized(STRANGER)), ("/maybe", says("nobody"))]
    {
        let mut request = request("GET", path).build();
        *request.extensions_mut() = admitted.extensions.clone();
        compare(&mut wrong, path, &shown(&stage.send(request).await), &expected);
    }
    verdict(&wrong)
}

async fn without_the_guard_nobody_is_served<A: Adapter>(stage: &Stage<A>) -> Check {
    let paths = ["/unguarded/auth", "/unguarded/maybe", "/unguarded/session", "/unguarded/note"];
    let rows = paths.into_iter().flat_map(|path| {
        Who::ALL
            .map(|who| (format!("GET {path} of {who:?}"), stage.as_who(who, "GET", path), misconfigured()))
    });
    stage.walk(rows).await
}

async fn for_another_user_type_nobody_is_served<A: Adapter>(stage: &Stage<A>) -> Check {
    let of = |path| stage.as_who(Who::John, "GET", path);
    let rows = [
        ("an identity", of("/member/auth")),
        ("perhaps an identity", of("/member/maybe")),
        ("perhaps an identity, of nobody", request("GET", "/member/maybe")),
        ("a session", of("/member/session")),
    ];
    stage.walk(rows.map(|(name, request)| (name.to_owned(), request, put_together_wrongly()))).await
}

async fn the_peer_is_the_word_of_the_server<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    let local = Some(IpAddr::from([127, 0, 0, 1]));
    let (proxy, stranger) = (Some(IpAddr::from([10, 1, 2, 3])), Some(super::stage::PEER));
    for (name, peer, forwarded, expected) in [
        ("this machine", local, None, says("local")),
        ("this machine by IPv6", Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])), None, says("local")),
        ("another machine", stranger, None, denied()),
        ("no peer", None, None, denied()),
        ("a stranger who forwards", stranger, Some("127.0.0.1"), denied()),
        ("this machine, which is no proxy", local, Some("192.0.2.1"), says("local")),
        ("a proxy that forwards this machine", proxy, Some("127.0.0.1"), says("local")),
        ("a proxy that forwards a stranger", proxy, Some("127.0.0.1, 192.0.2.1"), denied()),
        ("a proxy that forwards a word", proxy, Some("localhost"), denied()),
        ("no peer that forwards", None, Some("127.0.0.1"), denied()),
    ] {
        let request = stage.as_who(Who::John, "GET", "/local");
        let request = forwarded
            .into_iter()
            .fold(request, |request, address| request.header("x-forwarded-for", address));
        let found = stage.adapter.send(request.build().map(super::Pieces::halves), peer).await;
        compare(&mut wrong, name, &shown(&found), &expected);
    }
    verdict(&wrong)
}

async fn what_is_permitted_is_counted_and_then_answered<A: Adapter>(stage: &Stage<A>) -> Check {
    let of = |who, method| stage.as_who(who, method, "/throttled");
    let too_many =
        || refused(429, &["retry-after: 30"], "Request was throttled. Expected available in 30 seconds.");
    let not_allowed = || super::answer::not_allowed("DELETE", "GET, HEAD");
    let rows = [
        ("a stranger is not counted", of(Who::Nobody, "GET"), unauthorized(STRANGER)),
        ("the first", of(Who::John, "GET"), says("counted")),
        ("the second, of a method that is not there", of(Who::John, "DELETE"), not_allowed()),
        ("the third", of(Who::John, "GET"), too_many()),
        ("a method that is not there, of who is throttled", of(Who::John, "DELETE"), too_many()),
        ("somebody else", of(Who::Mary, "GET"), says("counted")),
        ("another route", stage.as_who(Who::John, "GET", "/whoami"), says("john")),
    ];
    stage.walk(rows.map(|(name, request, expected)| (name.to_owned(), request, expected))).await
}

async fn an_outage_is_503_wherever_it_must_be_asked<A: Adapter>(stage: &Stage<A>) -> Check {
    stage.fail(Outage::Everything);
    let of = |method, path| stage.as_who(Who::John, method, path);
    let rows = [
        ("a token", of("GET", "/whoami"), outage()),
        ("a token where it is open", of("GET", "/maybe"), outage()),
        ("a method that is not there", of("DELETE", "/whoami"), outage()),
        ("a method that is not there where it is open", of("PUT", "/maybe"), outage()),
        ("a password", request("GET", "/whoami").basic("john", PASSWORD), outage()),
        ("a session", request("GET", "/whoami").cookie("__Host-session", &"a".repeat(32)), outage()),
        ("nothing to ask", request("GET", "/maybe"), says("nobody")),
        ("a stranger", request("GET", "/whoami"), unauthorized(STRANGER)),
    ];
    stage.walk(rows.map(|(name, request, expected)| (name.to_owned(), request, expected))).await
}

async fn an_error_of_a_handler_is_answered_as_the_route_answers<A: Adapter>(stage: &Stage<A>) -> Check {
    let throttled =
        refused(429, &["retry-after: 2"], "Request was throttled. Expected available in 2 seconds.");
    let rows = [
        ("/failing/rejected", unauthorized("Say it again.")),
        ("/failing/denied", refused(403, &[], "Not today.")),
        ("/failing/hidden", hidden()),
        ("/failing/throttled", throttled),
        ("/failing/outage", outage()),
        ("/teapot", super::answer::answer(418, &[super::answer::VARY], "teapot")),
        ("/unchecked", refused(403, &[], DENIED)),
    ];
    stage
        .walk(rows.map(|(path, expected)| (path.to_owned(), stage.as_who(Who::John, "GET", path), expected)))
        .await
}
