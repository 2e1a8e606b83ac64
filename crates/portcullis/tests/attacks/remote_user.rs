//! The header that names a user (security rows 8 to 10 and 137 to 139).

use http::HeaderName;
use portcullis::{EventKind, SessionConfig};
use portcullis_testing::request;

use crate::common::{HARDENED, World};

async fn world() -> World {
    let header = HeaderName::from_static("x-remote-user");
    let mut world = World::with(SessionConfig::default(), |mechanisms| {
        let remote = mechanisms.users.remote_user(header, ["10.0.0.0/8", "::1/128"]).unwrap();
        mechanisms
            .only(remote.with_unknown_users())
            .authenticate(mechanisms.sessions.authenticator())
            .trusted_proxies(["10.0.0.0/8"])
    })
    .await;
    world.peer = Some([10, 0, 0, 1].into());
    world
}

/// One row: its name, the headers, who it is.
type Row<'a> = (&'a str, &'a [(&'static str, &'a str)], &'a str);

#[tokio::test]
async fn one_value_of_the_header_is_a_name_and_nothing_else_is() {
    let world = world().await;
    let long = "a".repeat(1025);
    let rows: &[Row<'_>] = &[
        ("one value", &[("x-remote-user", "john")], "john by remote"),
        ("row 139: none, as a hop-by-hop removal leaves it", &[("connection", "x-remote-user")], "nobody"),
        ("an empty one", &[("x-remote-user", "")], "nobody"),
        ("row 138: two", &[("x-remote-user", "john"), ("x-remote-user", "jane")], "refused"),
        ("two alike", &[("x-remote-user", "john"), ("x-remote-user", "john")], "refused"),
        ("an empty one, then a name", &[("x-remote-user", ""), ("x-remote-user", "john")], "refused"),
        ("a name, then an empty one", &[("x-remote-user", "john"), ("x-remote-user", "")], "refused"),
        ("row 8: a twin", &[("x_remote_user", "john")], "refused"),
        ("row 8: half a twin", &[("x-remote_user", "john")], "refused"),
        ("row 137: a twin beside it", &[("x-remote-user", "jane"), ("x_remote_user", "john")], "refused"),
        (
            "row 137: a twin beside an empty one",
            &[("x-remote-user", ""), ("x-remote_user", "john")],
            "refused",
        ),
        ("an empty twin", &[("x-remote-user", "john"), ("x_remote_user", "")], "refused"),
        ("row 8: CGI's name", &[("http_x_remote_user", "john")], "nobody"),
        ("row 8: REMOTE_USER", &[("remote_user", "john"), ("http_remote_user", "john")], "nobody"),
        ("a longer name", &[("x-remote-user2", "john")], "nobody"),
        ("an inactive user", &[("x-remote-user", "gone")], "nobody"),
        ("a list", &[("x-remote-user", "john, jane")], "john, jane by remote"),
        ("too long", &[("x-remote-user", &long)], "refused"),
        ("a tab inside", &[("x-remote-user", "jo\thn")], "refused"),
    ];
    for (name, headers, verdict) in rows {
        let request =
            headers.iter().fold(request("GET", "/"), |request, (name, value)| request.header(name, value));
        let answer = world.public(request).await;
        let found = if answer.status == 200 { &*answer.body } else { "refused" };
        assert_eq!(found, *verdict, "{name}");
        assert!(matches!(answer.status, 200 | 403), "{name}: {}", answer.status);
    }
    let latin = world.public(request("GET", "/").header("x-remote-user", b"jos\xe9")).await;
    assert_eq!((latin.status, &*latin.body), (200, "josé by remote"), "Latin-1, as Python reads it");
}

#[tokio::test]
async fn only_a_trusted_peer_is_believed_whatever_it_says_of_itself() {
    let mut world = world().await;
    for (peer, trusted) in [
        (Some("10.0.0.1"), true),
        (Some("10.255.255.255"), true),
        (Some("::ffff:10.0.0.1"), true),
        (Some("::1"), true),
        (Some("11.0.0.1"), false),
        (Some("203.0.113.7"), false),
        (Some("::ffff:203.0.113.7"), false),
        (Some("::10.0.0.1"), false),
        (Some("64:ff9b::10.0.0.1"), false),
        (Some("2002:a00:1::"), false),
        (Some("127.0.0.1"), false),
        (None, false),
    ] {
        world.peer = peer.map(|peer| peer.parse().unwrap());
        let _ = world.events.take();
        let request =
            || request("GET", "/").header("x-remote-user", "john").header("x-forwarded-for", "10.0.0.1");
        let answer =
            world.public(request().header("forwarded", "for=10.0.0.1").header("x-real-ip", "10.0.0.1")).await;
        assert_eq!((answer.status == 200, &*answer.body == "john by remote"), (trusted, trusted), "{peer:?}");
        assert_eq!(world.events.count(EventKind::RemoteUserUntrusted), usize::from(!trusted), "{peer:?}");
    }
}

/// Django's rule 10: never one user by the header and another by the cookie.
#[tokio::test]
async fn row_10_the_header_and_the_session_are_never_mixed() {
    let world = world().await;
    let jane = world.session_of("jane").await;
    let both =
        world.public(request("GET", "/").header("x-remote-user", "john").cookie(HARDENED, &jane)).await;
    assert_eq!(both.body, "john by remote");
    let gone =
        world.public(request("GET", "/").header("x-remote-user", "gone").cookie(HARDENED, &jane)).await;
    assert_eq!(
        gone.body, "jane by session",
        "nobody by the header: the next authenticator is asked, as in DRF"
    );
}

#[tokio::test]
async fn a_header_that_is_itself_written_with_underscores_has_twins_too() {
    let header = HeaderName::from_static("x_remote_user");
    let mut world = World::with(SessionConfig::default(), |mechanisms| {
        mechanisms.only(mechanisms.users.remote_user(header, ["10.0.0.0/8"]).unwrap())
    })
    .await;
    world.peer = Some([10, 0, 0, 1].into());
    let twins = request("GET", "/").header("x_remote_user", "john").header("x-remote-user", "jane");
    assert_eq!(world.public(twins).await.status, 403);
    assert_eq!(
        world.public(request("GET", "/").header("x_remote_user", "john")).await.body,
        "john by remote"
    );
}

#[tokio::test]
async fn forwarded_headers_count_from_trusted_proxies_alone() {
    for (name, peer, headers, client, https) in [
        (
            "a stranger",
            "203.0.113.7",
            &[("x-forwarded-for", "10.0.0.9"), ("x-forwarded-proto", "https")][..],
            Some("203.0.113.7"),
            false,
        ),
        (
            "a proxy",
            "10.0.0.1",
            &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https")],
            Some("198.51.100.1"),
            true,
        ),
        (
            "what the client wrote to the left",
            "10.0.0.1",
            &[("x-forwarded-for", "127.0.0.1, 198.51.100.1")],
            Some("198.51.100.1"),
            false,
        ),
        ("what cannot be read", "10.0.0.1", &[("x-forwarded-for", "198.51.100.1:4711")], None, false),
        ("an unknown client", "10.0.0.1", &[("x-forwarded-for", "127.0.0.1, unknown")], None, false),
        (
            "two schemes",
            "10.0.0.1",
            &[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")],
            Some("10.0.0.1"),
            false,
        ),
        (
            "other headers",
            "10.0.0.1",
            &[
                ("forwarded", "for=127.0.0.1;proto=https"),
                ("x-real-ip", "127.0.0.1"),
                ("x-forwarded-ssl", "on"),
                ("front-end-https", "on"),
            ],
            Some("10.0.0.1"),
            false,
        ),
    ] {
        let mut world = world().await;
        world.peer = Some(peer.parse().unwrap());
        let request =
            headers.iter().fold(request("GET", "/"), |request, (name, value)| request.header(name, value));
        let policy = portcullis::Policy::default().public();
        let answer = world.send(&policy, request.build(), async |access, _| {
            assert_eq!(access.client(), client.map(|client| client.parse().unwrap()), "{name}");
            assert_eq!(access.is_https(), https, "{name}");
            http::Response::default()
        });
        assert_eq!(answer.await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn credentials_in_clear_text_are_refused_where_the_guard_says_so() {
    let mut world = World::with(SessionConfig::default(), |mechanisms| {
        mechanisms.all().require_https().trusted_proxies(["10.0.0.0/8"])
    })
    .await;
    let token = world.token_of("john").await;
    let login = crate::common::credentials("john", crate::common::PASSWORD);
    for (name, peer, headers, good) in [
        ("a stranger", "203.0.113.7", &[][..], false),
        ("a stranger who says https", "203.0.113.7", &[("x-forwarded-proto", "https")], false),
        ("a stranger who says loopback", "203.0.113.7", &[("x-forwarded-for", "127.0.0.1")], false),
        (
            "a proxy over TLS",
            "10.0.0.1",
            &[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")],
            true,
        ),
        (
            "a proxy without TLS",
            "10.0.0.1",
            &[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "http")],
            false,
        ),
        (
            "a client of a trusted network who says loopback",
            "10.0.0.1",
            &[("x-forwarded-for", "127.0.0.1")],
            false,
        ),
        (
            "a client of a trusted network, two hops",
            "10.0.0.1",
            &[("x-forwarded-for", "127.0.0.1, 10.0.0.2")],
            false,
        ),
        ("loopback", "127.0.0.1", &[], true),
        ("loopback of IPv6", "::1", &[], true),
        ("mapped loopback", "::ffff:127.0.0.1", &[], true),
    ] {
        world.peer = Some(peer.parse().unwrap());
        let with = |request| {
            headers.iter().fold(request, |request: portcullis_testing::RequestBuilder, (name, value)| {
                request.header(name, value)
            })
        };
        let answer = world.private(with(request("GET", "/").token(&token))).await;
        assert_eq!(answer.status, if good { 200 } else { 403 }, "{name}");
        assert_eq!(world.public(with(request("GET", "/"))).await.status, 200, "{name}: without credentials");
        for path in ["/session/login", "/tokens"] {
            let answer =
                world.call(&world.endpoint("POST", path), with(request("POST", path).json(&login))).await;
            assert_eq!(answer.status, if good { 200 } else { 403 }, "{name}: a password to {path}");
        }
    }
}
