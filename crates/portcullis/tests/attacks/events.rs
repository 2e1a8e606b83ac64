//! Security records: one outcome for each refused request, and nothing that a client sent breaks a log's lines.

use http::Response;
use portcullis::{Account, Admitted, Denial, Error, EventKind, IsAdminUser, Policy, Session, SessionConfig};
use portcullis_testing::request;

use crate::common::{HARDENED, PASSWORD, World, credentials, status};

const OUTCOMES: [EventKind; 5] = [
    EventKind::Rejected,
    EventKind::Denied,
    EventKind::CsrfFailed,
    EventKind::Unavailable,
    EventKind::ObjectCheckMissing,
];

#[tokio::test]
async fn each_refused_request_leaves_one_record_of_its_outcome() {
    let world = World::new().await;
    let (token, cookie) = (world.token_of("john").await, world.session_of("john").await);
    let staff = Policy::default().require(IsAdminUser);
    let mut refused = 0;
    for _ in 0..20 {
        for (name, policy, request, outcome) in [
            ("let in", Policy::default(), request("GET", "/").token(&token), None),
            ("nobody", Policy::default(), request("GET", "/"), Some(EventKind::Rejected)),
            ("a bad token", Policy::default(), request("GET", "/").token("bad"), Some(EventKind::Rejected)),
            (
                "a bad password",
                Policy::default(),
                request("GET", "/").basic("john", "bad"),
                Some(EventKind::Rejected),
            ),
            ("no staff", staff.clone(), request("GET", "/").token(&token), Some(EventKind::Denied)),
            (
                "a forgery",
                Policy::default(),
                request("POST", "/").cookie(HARDENED, &cookie),
                Some(EventKind::CsrfFailed),
            ),
            (
                "a forged form",
                Policy::default(),
                request("POST", "/").cookie(HARDENED, &cookie).form(&[("a", "b")]),
                Some(EventKind::CsrfFailed),
            ),
        ] {
            let _ = world.events.take();
            let answer = world.ask(&policy, request).await;
            let records = world.events.take();
            let outcomes: Vec<_> = records.iter().filter(|record| OUTCOMES.contains(&record.kind)).collect();
            assert_eq!(
                outcomes.iter().map(|record| record.kind).collect::<Vec<_>>(),
                outcome.into_iter().collect::<Vec<_>>(),
                "{name}"
            );
            assert_eq!(answer.status >= 400, outcome.is_some(), "{name}");
            let is_known = matches!(name, "no staff" | "a forgery" | "a forged form");
            for record in outcomes {
                refused += 1;
                assert_eq!(record.user.is_some(), is_known, "{name}: {}", record.text);
                assert!(
                    record.text.contains("client=203.0.113.7") && record.text.contains("path=\"/\""),
                    "{name}"
                );
            }
        }
    }
    assert_eq!(refused, 20 * 6);
}

#[tokio::test]
async fn what_a_handler_refuses_is_recorded_as_well() {
    let world = World::new().await;
    let token = world.token_of("john").await;
    for (error, kind) in [
        (Error::from(Denial::default()), EventKind::Denied),
        (portcullis::Unavailable::new("no wire").into(), EventKind::Unavailable),
        (portcullis::Rejected::new("No.").into(), EventKind::Rejected),
    ] {
        let _ = world.events.take();
        let _ = world
            .send(&Policy::default(), request("GET", "/").token(&token).build(), async |_, _| {
                let mut response = Response::default();
                Admitted::<Account>::attach(error, &mut response);
                response
            })
            .await;
        world.events.assert_kinds(&[kind]);
        assert!(world.events.last().unwrap().user.is_some());
    }
    let cookie = world.session_of("john").await;
    let _ = world.events.take();
    let answer =
        world.with_session(request("GET", "/").cookie(HARDENED, &cookie), async |session: Session| {
            session.insert("x", &1).await.unwrap();
            world.store.cut("commit");
            status(200)
        });
    assert_eq!(answer.await.status, 503);
    world.events.assert_kinds(&[EventKind::Unavailable]);
}

#[tokio::test]
async fn logins_and_their_failures_are_recorded_with_name_reason_and_place() {
    let world = World::new().await;
    for path in ["/session/login", "/tokens"] {
        for (username, password, kind, code) in [
            ("john", PASSWORD, EventKind::LoginSucceeded, None),
            ("john", "bad", EventKind::LoginFailed, Some("wrong_password")),
            ("nobody", "bad", EventKind::LoginFailed, Some("unknown")),
            ("gone", PASSWORD, EventKind::LoginFailed, Some("inactive")),
        ] {
            let _ = world.events.take();
            let _ = world
                .call(
                    &world.endpoint("POST", path),
                    request("POST", path).json(&credentials(username, password)),
                )
                .await;
            let logins: Vec<_> = world
                .events
                .take()
                .into_iter()
                .filter(|record| matches!(record.kind, EventKind::LoginSucceeded | EventKind::LoginFailed))
                .collect();
            assert_eq!(logins.len(), 1, "{username} at {path}");
            assert_eq!(
                (logins[0].kind, logins[0].code.as_deref(), logins[0].username.as_deref()),
                (kind, code, Some(username))
            );
            assert!(logins[0].text.contains(path), "{}", logins[0].text);
        }
    }
    let forged = request("POST", "/session/login")
        .header("host", "a")
        .header("origin", "http://b")
        .json(&credentials("john", PASSWORD));
    let _ = world.events.take();
    assert_eq!(world.call(&world.endpoint("POST", "/session/login"), forged).await.status, 403);
    world.events.assert_kinds(&[EventKind::CsrfFailed]);
}

/// CVE-2025-48432.
#[tokio::test]
async fn what_a_client_sends_breaks_no_line_of_a_log() {
    let world = World::with(SessionConfig::default(), |mechanisms| mechanisms.all()).await;
    for evil in [
        "a\r\nLoginSucceeded user=\"1\"",
        "\u{1b}[2J",
        "x\u{2028}x",
        "\" user=\"1",
        "\u{202e}gnp",
        "x\u{85}x",
    ] {
        let login = request("POST", "/tokens").json(&credentials(evil, PASSWORD));
        let _ = world.call(&world.endpoint("POST", "/tokens"), login).await;
    }
    let _ = world.private(request("GET", "/%0d%0aLoginSucceeded%1b[2J\"x=y")).await;
    for record in world.events.all() {
        assert!(
            !record
                .text
                .chars()
                .any(|letter| letter.is_control() || matches!(letter, '\u{2028}' | '\u{202e}')),
            "{:?}",
            record.text
        );
        assert!(!record.text.contains(" user=\"1\""), "{}", record.text);
    }
    assert!(world.events.count(EventKind::LoginFailed) == 6);
}
