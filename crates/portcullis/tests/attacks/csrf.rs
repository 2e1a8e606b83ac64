//! Cross-site requests (security rows 20, 21, 97, 113, 115 to 118 and threat T22).

use std::sync::Arc;

use async_trait::async_trait;
use http::Response;
use portcullis::authentication::{Authenticator, SessionAuthenticator};
use portcullis::store::SessionStore;
use portcullis::{
    CsrfConfig, Digest, Error, Identity, Policy, RequestHead, Scheme, Session, SessionConfig, Sessions,
};
use portcullis_testing::{RequestBuilder, request};

use crate::common::{DJANGO, HARDENED, PASSWORD, World, credentials, who};

fn post(cookie: &str) -> RequestBuilder {
    request("POST", "/").header("host", "shop.test").cookie(HARDENED, cookie)
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn only_a_request_that_shows_the_sessions_secret_passes() {
    let world = World::new().await;
    let (john, jane) = (world.session_of("john").await, world.session_of("jane").await);
    let (good, janes) = (world.csrf_of(&john).await, world.csrf_of(&jane).await);
    let with = |token: &str| post(&john).header("x-csrftoken", token);
    let form = |fields: &[(&str, &str)]| post(&john).form(fields);
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{good}\r\n--b--\r\n"
    );
    let file = multipart.replace("name=", "filename=\"f\"; name=");
    let padding = "x".repeat(64 * 1024);
    let rows = [
        ("the header", with(&good), 200),
        ("the form's field", form(&[("csrfmiddlewaretoken", &good)]), 200),
        ("a multipart field", post(&john).body("multipart/form-data; boundary=b", multipart.clone()), 200),
        ("nothing", post(&john), 403),
        ("row 20: X-Requested-With", post(&john).header("x-requested-with", "XMLHttpRequest"), 403),
        ("an empty header", with(""), 403),
        ("another user's token", with(&janes), 403),
        ("row 113: a pair somebody made up", with(&"a".repeat(32)).cookie("csrftoken", &"a".repeat(32)), 403),
        ("the session's id itself", with(&john), 403),
        ("the session's digest", with(&Digest::of(&john).to_string()), 403),
        ("two headers, one right", with(&good).header("x-csrftoken", &janes), 403),
        ("two headers, both right", with(&good).header("x-csrftoken", &good), 403),
        (
            "a right field and a wrong header",
            form(&[("csrfmiddlewaretoken", &good)]).header("x-csrftoken", &janes),
            403,
        ),
        (
            "of two fields the last is wrong",
            form(&[("csrfmiddlewaretoken", &good), ("csrfmiddlewaretoken", &janes)]),
            403,
        ),
        (
            "in the query",
            request("POST", &format!("/?csrfmiddlewaretoken={good}"))
                .cookie(HARDENED, &john)
                .form(&[("a", "b")]),
            403,
        ),
        ("in JSON", post(&john).json(&serde_json::json!({ "csrfmiddlewaretoken": good })), 403),
        ("in text", post(&john).body("text/plain", format!("csrfmiddlewaretoken={good}")), 403),
        (
            "in a form without a type",
            post(&john).header("x-type", "form").body("", format!("csrfmiddlewaretoken={good}")),
            403,
        ),
        ("in a file of a multipart body", post(&john).body("multipart/form-data; boundary=b", file), 403),
        (
            "in a multipart body that is cut",
            post(&john).body("multipart/form-data; boundary=b", multipart[..multipart.len() - 9].to_owned()),
            403,
        ),
        ("in a form of 64 KiB and more", form(&[("csrfmiddlewaretoken", &good), ("x", &padding)]), 413),
        (
            "no type, and two of them",
            post(&john)
                .body("text/plain", format!("csrfmiddlewaretoken={good}"))
                .header("content-type", "application/x-www-form-urlencoded"),
            403,
        ),
        ("an origin of ours", with(&good).header("origin", "http://shop.test"), 200),
        ("row 115: another origin", with(&good).header("origin", "http://evil.test"), 403),
        ("the origin null", with(&good).header("origin", "null"), 403),
        ("an empty origin", with(&good).header("origin", ""), 403),
        ("ours as a label of another", with(&good).header("origin", "http://shop.test.evil.test"), 403),
        (
            "two origins",
            with(&good).header("origin", "http://shop.test").header("origin", "http://evil.test"),
            403,
        ),
        ("two hosts", with(&good).header("host", "evil.test").header("origin", "http://evil.test"), 403),
        ("a method in a header", post(&john).header("x-http-method-override", "GET"), 403),
        ("a method in a field", form(&[("_method", "GET")]), 403),
    ];
    for (name, request, verdict) in rows {
        let answer = world.private(request).await;
        assert_eq!(answer.status, verdict, "{name}: {}", answer.body);
    }
    assert_eq!(
        world.private(post(&john).header("x-csrftoken", &good)).await.status,
        200,
        "row 118: nothing was lost"
    );
}

#[tokio::test]
async fn every_method_that_is_not_safe_must_prove_its_origin() {
    let world = World::new().await;
    let john = world.session_of("john").await;
    let good = world.csrf_of(&john).await;
    for (method, verdict) in [
        ("GET", 200),
        ("HEAD", 200),
        ("OPTIONS", 200),
        ("TRACE", 200),
        ("POST", 403),
        ("PUT", 403),
        ("PATCH", 403),
        ("DELETE", 403),
        ("CONNECT", 403),
        ("QUERY", 403),
        ("PROPFIND", 403),
        ("get", 403),
        ("GETS", 403),
        ("M-SEARCH", 403),
    ] {
        let uri = if method == "CONNECT" { "shop.test:443" } else { "/" };
        let bare = || request(method, uri).cookie(HARDENED, &john);
        assert_eq!(world.private(bare()).await.status, verdict, "{method}");
        let form = bare().form(&[("csrfmiddlewaretoken", &good)]);
        let by_form = if method == "POST" { 200 } else { verdict };
        assert_eq!(world.private(form).await.status, by_form, "{method}: a field counts in POST alone");
        assert_eq!(
            world.private(bare().header("x-csrftoken", &good)).await.status,
            200,
            "{method} with the header"
        );
    }
}

/// T22: CSRF is asked of those whom a session proved, whatever else was sent and in whatever order.
#[tokio::test]
async fn what_proved_the_identity_decides_about_csrf() {
    for (order, with_token, with_basic) in
        [("tsb", 200, 403), ("stb", 403, 403), ("bts", 200, 200), ("sbt", 403, 403)]
    {
        let world = World::with(SessionConfig::default(), |mechanisms| {
            order.chars().fold(portcullis::Guard::builder(mechanisms.users.clone()), |builder, letter| {
                match letter {
                    't' => builder.authenticate(mechanisms.tokens.authenticator()),
                    's' => builder.authenticate(mechanisms.sessions.authenticator()),
                    _ => builder.authenticate(mechanisms.users.basic()),
                }
            })
        })
        .await;
        let (john, token) = (world.session_of("john").await, world.token_of("jane").await);
        let janes = |request: RequestBuilder| request.token(&token);
        assert_eq!(
            world.private(janes(post(&john))).await.status,
            with_token,
            "{order}: a token and a cookie"
        );
        let basic = post(&john).basic("jane", PASSWORD);
        assert_eq!(world.private(basic).await.status, with_basic, "{order}: Basic and a cookie");
        assert_eq!(world.private(post(&john)).await.status, 403, "{order}: the cookie alone");
        let wrong = world.private(request("GET", "/").cookie(HARDENED, &john).token("wrong")).await.status;
        assert_eq!(
            wrong,
            if order.starts_with('s') {
                200
            } else if order == "tsb" || order == "bts" {
                401
            } else {
                0
            }
        );
        let anonymous = world.public(request("POST", "/").token(&token)).await;
        assert_eq!(anonymous.body, "jane by token", "{order}: a token needs no CSRF");
    }
}

#[tokio::test]
async fn row_97_the_token_changes_with_the_login() {
    for (name, world, cookie) in
        [("bound to the session", World::new().await, HARDENED), ("Django's", World::drf().await, DJANGO)]
    {
        let page = |session: &str, csrf: Option<&str>| {
            let page = request("GET", "/session/csrf").cookie(cookie, session);
            csrf.into_iter().fold(page, |page, csrf| page.cookie("csrftoken", csrf))
        };
        let endpoint = world.endpoint("GET", "/session/csrf");
        let first = world.session_of("john").await;
        let answer = world.call(&endpoint, page(&first, None)).await;
        let before = answer.json()["csrfToken"].as_str().unwrap().to_owned();
        let before_cookie = answer.cookie("csrftoken");
        let login =
            request("POST", "/session/login").cookie(cookie, &first).json(&credentials("john", PASSWORD));
        let login = before_cookie.iter().fold(login, |login, csrf| login.cookie("csrftoken", csrf));
        let answer = world.call(&world.endpoint("POST", "/session/login"), login).await;
        let second = answer.cookie(cookie).unwrap();
        let after_cookie = answer.cookie("csrftoken");
        assert_eq!(after_cookie.is_some(), cookie == DJANGO, "{name}");
        assert!(after_cookie.is_none() || after_cookie != before_cookie, "{name}");
        let post = |token: &str| {
            let post = request("POST", "/").cookie(cookie, &second).header("x-csrftoken", token);
            after_cookie.iter().fold(post, |post, csrf| post.cookie("csrftoken", csrf))
        };
        assert_eq!(world.private(post(&before)).await.status, 403, "{name}: the token from before");
        let answer = world.call(&endpoint, page(&second, after_cookie.as_deref())).await;
        let after = answer.json()["csrfToken"].as_str().unwrap().to_owned();
        assert_eq!(world.private(post(&after)).await.status, 200, "{name}: the token from after");
    }
}

/// Row 113, as Django: any pair that fits passes. It is what the preset is told to do, and the default does not.
#[tokio::test]
async fn a_pair_somebody_made_up_passes_in_djangos_way_alone() {
    let pair = "a".repeat(32);
    let world = World::drf().await;
    let john = world.session_of("john").await;
    let post =
        request("POST", "/").cookie(DJANGO, &john).cookie("csrftoken", &pair).header("x-csrftoken", &pair);
    assert_eq!(world.private(post).await.status, 200);
    let post = request("POST", "/")
        .cookie(DJANGO, &john)
        .cookie("csrftoken", "<script>")
        .header("x-csrftoken", &pair);
    let answer = world.private(post).await;
    assert_eq!(answer.status, 403);
    let replaced = answer.cookie("csrftoken").unwrap();
    assert!(replaced.len() == 32 && replaced != pair, "CVE-2010-3082: replaced and not echoed");
}

/// Row 21. A browser sends our cookie only to the host that set it, and a page of another host never has the token of
/// the session; allowed hosts close what is left (two sites on one address).
#[tokio::test]
async fn row_21_a_host_that_nobody_listed_gets_nothing_by_its_own_origin() {
    let open = World::new().await;
    let csrf = CsrfConfig::default().with_allowed_hosts(["shop.test"]);
    let listed = World::with(SessionConfig::default().with_csrf(csrf), |mechanisms| mechanisms.all()).await;
    let evil = |cookie: &str| {
        let evil = request("POST", "/").header("host", "evil.test").header("origin", "http://evil.test");
        evil.cookie(HARDENED, cookie)
    };
    for (name, world, with_token) in [("no list", open, 200), ("a list", listed, 403)] {
        let john = world.session_of("john").await;
        let good = world.csrf_of(&john).await;
        assert_eq!(world.private(evil(&john)).await.status, 403, "{name}: without the token");
        assert_eq!(
            world.private(evil(&john).header("x-csrftoken", &good)).await.status,
            with_token,
            "{name}"
        );
        let ours = post(&john).header("origin", "http://shop.test").header("x-csrftoken", &good);
        assert_eq!(world.private(ours).await.status, 200, "{name}: ours");
    }
}

#[tokio::test]
async fn row_116_no_other_site_logs_a_visitor_in() {
    let world = World::new().await;
    let endpoint = world.endpoint("POST", "/session/login");
    for (name, origin, verdict) in [
        ("no browser", None, 200),
        ("our own page", Some("http://shop.test"), 200),
        ("another site", Some("http://evil.test"), 403),
        ("a sandboxed frame", Some("null"), 403),
        ("a subdomain", Some("http://x.shop.test"), 403),
        ("another port", Some("http://shop.test:8080"), 403),
    ] {
        for json in [true, false] {
            let login = request("POST", "/session/login").header("host", "shop.test");
            let login = origin.into_iter().fold(login, |login, origin| login.header("origin", origin));
            let login = match json {
                true => login.json(&credentials("john", PASSWORD)),
                false => login.form(&[("username", "john"), ("password", PASSWORD)]),
            };
            let answer = world.call(&endpoint, login).await;
            assert_eq!(
                (answer.status, answer.cookie(HARDENED).is_some()),
                (verdict, verdict == 200),
                "{name}"
            );
        }
    }
    let text =
        request("POST", "/session/login").body("text/plain", credentials("john", PASSWORD).to_string());
    assert_eq!(world.call(&endpoint, text).await.status, 415, "CVE-2021-32677");
}

/// Rows 117 and 118: a request that fails CSRF changes nothing, not even the time of the session's last use.
#[tokio::test]
async fn a_forged_request_changes_nothing() {
    let world = World::new().await;
    let john = world.session_of("john").await;
    let before = world.store.memory.session(&Digest::of(&john)).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(5 * 86_400));
    let _ = world.store.calls();
    for path in ["/session/logout", "/session/password", "/session/end", "/session/end-others"] {
        let forged = request("POST", path).cookie(HARDENED, &john).form(&[("id", "x")]);
        let answer = world.call(&world.endpoint("POST", path), forged).await;
        assert_eq!((answer.status, answer.cookie(HARDENED)), (403, None), "{path}");
    }
    assert!(world.store.calls().iter().all(|verb| *verb == "user_by_session"));
    assert_eq!(world.store.memory.session(&Digest::of(&john)).await.unwrap(), before);
}

/// An authenticator of somebody's own around the session's.
struct Wrapper {
    inner: SessionAuthenticator<portcullis::Account>,
    lends: bool,
    /// Answers the identity of an earlier request, as a cache of identities would.
    cached: Option<Identity>,
    refuses: bool,
}

#[async_trait]
impl Authenticator for Wrapper {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity>, Error> {
        if self.refuses {
            return Err(portcullis::Rejected::new("Not at this hour.").into());
        }
        match &self.cached {
            Some(identity) => Ok(Some(identity.clone())),
            None => self.inner.authenticate(head).await,
        }
    }

    fn scheme(&self) -> Scheme {
        Scheme::new("office-hours")
    }

    fn sessions(&self) -> Option<&Sessions> {
        if self.lends { self.inner.sessions() } else { None }
    }
}

async fn wrapped(lends: bool, refuses: bool, cached: Option<Identity>) -> World {
    World::with(SessionConfig::default(), |mechanisms| {
        let inner = mechanisms.sessions.authenticator();
        mechanisms.only(Wrapper { inner, lends, cached, refuses })
    })
    .await
}

#[tokio::test]
async fn an_authenticator_around_the_sessions_is_asked_itself() {
    for lends in [true, false] {
        let world = wrapped(lends, true, None).await;
        let answer = world.public(request("GET", "/").cookie(HARDENED, &"a".repeat(32))).await;
        assert_eq!(answer.json()["detail"], "Not at this hour.", "lends its sessions: {lends}");
    }
}

#[tokio::test]
async fn an_identity_of_a_session_proves_its_origin_whoever_returns_it() {
    for (name, lends, caches) in [
        ("wraps", false, false),
        ("wraps and lends", true, false),
        ("caches", false, true),
        ("caches and lends", true, true),
    ] {
        let plain = World::new().await;
        let cookie = plain.session_of("john").await;
        let identity = Arc::new(std::sync::Mutex::new(None));
        let _ = plain
            .send(
                &Policy::default(),
                request("GET", "/").cookie(HARDENED, &cookie).build(),
                async |access, _| {
                    *identity.lock().unwrap() = access.identity().cloned();
                    who(&access)
                },
            )
            .await;
        let cached = identity.lock().unwrap().clone().filter(|_| caches);
        // The same store behind both, so that the cached identity's session exists.
        let world = World::with(SessionConfig::default(), |_| {
            let wrapper = Wrapper { inner: plain.sessions.authenticator(), lends, cached, refuses: false };
            portcullis::Guard::builder(plain.users.clone()).authenticate(wrapper)
        })
        .await;
        let token = plain.csrf_of(&cookie).await;
        let safe = world.private(request("GET", "/").cookie(HARDENED, &cookie)).await;
        assert_eq!(safe.body, "john by session", "{name}");
        let answer = world.private(post(&cookie)).await;
        assert_ne!(answer.status, 200, "{name}: without a token");
        let good = world.private(post(&cookie).header("x-csrftoken", &token)).await;
        assert_eq!(
            good.status == 200,
            lends,
            "{name}: with the token; who does not lend is refused and told"
        );
        let foreign = "b".repeat(32);
        let answer = world.private(post(&foreign).header("x-csrftoken", &token)).await;
        assert_ne!(answer.status, 200, "{name}: with another cookie");
    }
}

/// A WebSocket handshake is a GET that does much more than read (cross-site WebSocket hijacking).
#[tokio::test]
async fn a_handshake_from_another_sites_page_is_refused() {
    let world = World::new().await;
    let cookie = world.session_of("john").await;
    for (name, origin, status) in [
        ("our own page", Some("http://shop.example"), 200),
        ("another site's page", Some("https://evil.example"), 403),
        ("a page without a site", Some("null"), 403),
        ("no browser", None, 200),
    ] {
        let handshake = request("GET", "/").cookie(HARDENED, &cookie).header("host", "shop.example");
        let handshake = handshake.header("connection", "Upgrade").header("upgrade", "websocket");
        let handshake = origin.iter().fold(handshake, |handshake, origin| handshake.header("origin", origin));
        assert_eq!(world.private(handshake).await.status, status, "{name}");
    }
    let plain = request("GET", "/").cookie(HARDENED, &cookie).header("host", "shop.example");
    let read = world.private(plain.header("origin", "https://evil.example")).await;
    assert_eq!(read.status, 200, "reading is CORS' business");
}

/// The session follows the cookie; a CSRF token is never made of one that is not there.
#[tokio::test]
async fn nobody_gets_a_token_without_a_session() {
    let world = World::new().await;
    let answer = world.call(&world.endpoint("GET", "/session/csrf"), request("GET", "/session/csrf")).await;
    assert!(answer.json()["csrfToken"].is_null());
    let answer = world.with_session(request("GET", "/"), async |session: Session| {
        assert!(session.csrf_token().await.unwrap().is_none());
        Response::default()
    });
    assert_eq!(answer.await.all("set-cookie"), [""; 0]);
}
