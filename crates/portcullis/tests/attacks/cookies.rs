//! Cookies of sessions (RFC 6265bis, security rows C1 to C9).

use std::time::Duration;

use portcullis::store::MemoryStore;
use portcullis::{CookieConfig, CsrfConfig, Guard, SameSite, SessionConfig, Sessions, Users};
use portcullis_testing::request;

use crate::common::{DJANGO, HARDENED, World};

#[tokio::test]
async fn a_session_is_named_by_its_cookie_and_by_nothing_that_resembles_it() {
    let world = World::new().await;
    let john = world.session_of("john").await;
    let other = "a".repeat(32);
    let rows = [
        ("the cookie", format!("{HARDENED}={john}"), 200),
        ("among others", format!("a=b; {HARDENED}={john}; c=d"), 200),
        ("in quotes", format!("{HARDENED}=\"{john}\""), 200),
        ("C1: the prefix in other letters", format!("__host-session={john}"), 401),
        ("C1: without the prefix", format!("session={john}"), 401),
        ("C2: nameless", format!("={HARDENED}={john}"), 401),
        ("C2: nameless with a space", format!(" = {HARDENED}={john}"), 401),
        ("C3: a percent-encoded name", format!("__%48ost-session={john}"), 401),
        ("C3: a percent-encoded value", format!("{HARDENED}=%{:02x}{}", john.as_bytes()[0], &john[1..]), 401),
        ("C4: twice the same", format!("{HARDENED}={john}; {HARDENED}={john}"), 200),
        ("C4: another one behind it", format!("{HARDENED}={john}; {HARDENED}={other}"), 401),
        ("C4: another one before it", format!("{HARDENED}={other}; {HARDENED}={john}"), 401),
        ("C4: an empty one behind it", format!("{HARDENED}={john}; {HARDENED}="), 401),
        ("inside of quotes of another", format!("a=\"x;{HARDENED}={john}\""), 401),
        ("behind a bracket", format!("a=x]{HARDENED}={john}"), 401),
        ("behind a comma", format!("a=b,{HARDENED}={john}"), 401),
        ("C6: in capitals", format!("{HARDENED}={}", john.to_uppercase()), 401),
        ("C6: with a slash", format!("{HARDENED}=/{}", &john[1..]), 401),
        ("empty", format!("{HARDENED}="), 401),
        ("empty quotes", format!("{HARDENED}=\"\""), 401),
        ("its digest", format!("{HARDENED}={}", portcullis::Digest::of(&john)), 401),
        ("truncated", format!("{HARDENED}={}", &john[..31]), 401),
        ("extended", format!("{HARDENED}={john}a"), 401),
    ];
    for (name, cookie, verdict) in rows {
        let answer = world.private(request("GET", "/").header("cookie", cookie)).await;
        assert_eq!(answer.status, verdict, "{name}");
    }
    let lines = request("GET", "/").header("cookie", "a=b").header("cookie", format!("{HARDENED}={john}"));
    assert_eq!(world.private(lines).await.status, 200, "C9: on the second line");
    let lines = request("GET", "/")
        .header("cookie", format!("{HARDENED}={john}"))
        .header("cookie", format!("{HARDENED}={other}"));
    assert_eq!(world.private(lines).await.status, 401, "C9: two lines that differ");
}

#[tokio::test]
async fn what_cannot_be_a_session_id_never_reaches_the_store() {
    let world = World::new().await;
    let _ = world.store.calls();
    for value in ["", "\"\"", "a", "../../../etc/passwd", "session:blacklist:0000000000000000", "%00", "a\tb"]
    {
        let answer = world.public(request("GET", "/").cookie(HARDENED, value)).await;
        assert_eq!((answer.status, &*answer.body), (200, "nobody"), "{value:?}");
        assert_eq!(world.store.calls(), [""; 0], "{value:?}");
        assert_eq!(answer.cookie(HARDENED).as_deref(), Some(""), "{value:?} is taken back");
    }
}

/// Whoever tosses a second cookie in must not make the server delete the first one: the tossed one would be believed.
#[tokio::test]
async fn a_tossed_cookie_does_not_push_the_real_one_out() {
    let config = SessionConfig::default().with_cookie(CookieConfig::django(DJANGO));
    let world = World::with(config, |mechanisms| mechanisms.all()).await;
    let (john, attacker) = (world.session_of("john").await, world.session_of("jane").await);
    for (name, cookies) in [
        ("behind", format!("{DJANGO}={john}; {DJANGO}={attacker}")),
        ("before", format!("{DJANGO}={attacker}; {DJANGO}={john}")),
    ] {
        let answer = world.public(request("GET", "/").header("cookie", cookies)).await;
        assert_eq!((&*answer.body, answer.cookie(DJANGO)), ("nobody", None), "{name}");
    }
    assert_eq!(world.private(request("GET", "/").cookie(DJANGO, &john)).await.body, "john by session");
}

#[tokio::test]
async fn c4_two_csrf_cookies_that_differ_are_none_where_duplicates_are_refused() {
    let csrf = CsrfConfig::default().with_double_submit(CookieConfig::hardened("csrf"));
    let world = World::with(SessionConfig::default().with_csrf(csrf), |mechanisms| mechanisms.all()).await;
    let (john, secret, tossed) = (world.session_of("john").await, "b".repeat(32), "c".repeat(32));
    let post = |second: &str| {
        let post = request("POST", "/").header("host", "shop.test").cookie(HARDENED, &john);
        post.cookie("__Host-csrf", &secret).cookie("__Host-csrf", second).header("x-csrftoken", second)
    };
    assert_eq!(world.private(post(&secret)).await.status, 200, "twice the same");
    assert_eq!(world.private(post(&tossed)).await.status, 403, "a tossed one");
}

#[tokio::test]
async fn a_cookie_that_browsers_would_drop_is_no_guard() {
    let cookie = || CookieConfig::hardened("s");
    for (name, cookie, good) in [
        ("C1: __Host-", cookie(), true),
        ("C1: __Host- without Secure", cookie().with_secure(false), false),
        ("C1: __Host- with a domain", cookie().with_domain(Some("shop.test")), false),
        ("C1: __hOsT- without Secure", CookieConfig::django("__hOsT-s"), false),
        ("C1: __SECURE- without Secure", CookieConfig::django("__SECURE-s"), false),
        ("C5: a name of 5000 bytes", CookieConfig::django("s".repeat(5000)), false),
        ("C6: a line break", CookieConfig::django("s\r\nx"), false),
        ("C6: a line break in the domain", CookieConfig::django("s").with_domain(Some("a\r\nb")), false),
        ("C7: SameSite=None without Secure", CookieConfig::django("s").with_same_site(SameSite::None), false),
        ("C8: 401 days", cookie().with_max_age(Some(Duration::from_secs(401 * 86_400))), false),
        ("an empty name", CookieConfig::django(""), false),
    ] {
        for config in [
            SessionConfig::default().with_cookie(cookie.clone()),
            SessionConfig::default().with_csrf(CsrfConfig::default().with_double_submit(cookie)),
        ] {
            let store = MemoryStore::new();
            let sessions = Sessions::new(store.clone(), config);
            let guard = Guard::builder(Users::new(store)).authenticate(sessions.authenticator()).build();
            assert_eq!(guard.is_ok(), good, "{name}");
        }
    }
}

#[tokio::test]
async fn a_session_cookie_says_what_browsers_need_to_guard_it() {
    let world = World::new().await;
    let answer = world.log_in("john").await;
    let line = answer.all("set-cookie")[0].to_ascii_lowercase();
    for attribute in ["; secure", "; httponly", "; samesite=lax", "; path=/", "; max-age=1209600"] {
        assert!(line.contains(attribute), "{attribute} in {line}");
    }
    assert!(!line.contains("domain"));
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    let value = answer.headers.get("set-cookie").unwrap();
    assert!(value.is_sensitive(), "a log of the headers must not show it");
}
