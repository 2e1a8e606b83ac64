//! Sessions: fixation, revival, replay, epochs, exhaustion (security rows 10 to 18, 47, 48, 95 to 100).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::Response;
use portcullis::store::{SessionStore, UserChange, UserStore};
use portcullis::{Credentials, Digest, Origin, Policy, Session, SessionConfig};
use portcullis_testing::request;

use crate::common::{DJANGO, HARDENED, PASSWORD, World, credentials, status, who};

/// Polls a future once, as a task that is dropped soon after.
async fn poll_once<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

async fn who_has(world: &World, cookie: &str) -> String {
    world.public(request("GET", "/").cookie(HARDENED, cookie)).await.body
}

async fn keep(world: &World, cookie: Option<&str>, value: &str) -> Option<String> {
    let request = request("GET", "/");
    let request = cookie.into_iter().fold(request, |request, cookie| request.cookie(HARDENED, cookie));
    let answer = world.with_session(request, async |session: Session| {
        session.insert("note", &value).await.unwrap();
        Response::default()
    });
    answer.await.cookie(HARDENED)
}

async fn note(world: &World, cookie: &str) -> Option<String> {
    let note = std::sync::Mutex::new(None);
    let _ = world
        .with_session(request("GET", "/").cookie(HARDENED, cookie), async |session: Session| {
            *note.lock().unwrap() = session.get("note").await.unwrap();
            Response::default()
        })
        .await;
    note.into_inner().unwrap()
}

#[tokio::test]
async fn a_client_never_chooses_an_id() {
    let world = World::new().await;
    let chosen = "f".repeat(32);
    assert_eq!(who_has(&world, &chosen).await, "nobody");
    let kept = keep(&world, Some(&chosen), "x").await.unwrap();
    assert_ne!(kept, chosen, "row 47: an unknown id is not adopted");
    let login =
        request("POST", "/session/login").cookie(HARDENED, &chosen).json(&credentials("john", PASSWORD));
    let answer = world.call(&world.endpoint("POST", "/session/login"), login).await;
    assert_ne!(answer.cookie(HARDENED).unwrap(), chosen, "row 114: nor at login");
    assert_eq!(who_has(&world, &chosen).await, "nobody");
}

#[tokio::test]
async fn every_login_and_every_cycle_changes_the_id_and_kills_the_old_one() {
    let world = World::new().await;
    let anonymous = keep(&world, None, "basket").await.unwrap();
    let login = |cookie: &str| {
        request("POST", "/session/login").cookie(HARDENED, cookie).json(&credentials("john", PASSWORD))
    };
    let endpoint = world.endpoint("POST", "/session/login");
    let first = world.call(&endpoint, login(&anonymous)).await.cookie(HARDENED).unwrap();
    assert_ne!(first, anonymous, "row 95");
    assert_eq!(note(&world, &anonymous).await, None, "the id before the login is dead");
    assert_eq!(note(&world, &first).await.as_deref(), Some("basket"), "its data is kept");
    let second = world.call(&endpoint, login(&first)).await.cookie(HARDENED).unwrap();
    assert_ne!(second, first, "also at a second login of the same user");
    assert_eq!(who_has(&world, &first).await, "nobody");
    let cycled =
        world.with_session(request("GET", "/").cookie(HARDENED, &second), async |session: Session| {
            session.cycle_id().await.unwrap();
            Response::default()
        });
    let third = cycled.await.cookie(HARDENED).unwrap();
    assert_ne!(third, second);
    assert_eq!(
        (&*who_has(&world, &second).await, &*who_has(&world, &third).await),
        ("nobody", "john by session")
    );
}

#[tokio::test]
async fn another_users_login_gets_nothing_of_the_session_before() {
    let world = World::new().await;
    let john = world.session_of("john").await;
    let _ = keep(&world, Some(&john), "john's secret").await;
    let login =
        request("POST", "/session/login").cookie(HARDENED, &john).json(&credentials("jane", PASSWORD));
    let answer = world.call(&world.endpoint("POST", "/session/login"), login).await;
    let jane = answer.cookie(HARDENED).unwrap();
    assert_eq!(who_has(&world, &jane).await, "jane by session");
    assert_eq!(note(&world, &jane).await, None);
    assert_eq!(who_has(&world, &john).await, "nobody");
}

#[tokio::test]
async fn a_replayed_cookie_is_nobody_after_the_session_ended() {
    for (name, end) in [
        ("row 98: logout", 0),
        ("row 48: rest", 1),
        ("row 48: old age", 2),
        ("row 106: a new password", 3),
        ("deactivation", 4),
        ("deletion", 5),
        ("log out everywhere", 6),
        ("ended from another device", 7),
        ("all others ended", 8),
        ("deactivation and activation again", 9),
    ] {
        let world = World::new().await;
        let john = world.session_of("john").await;
        let id = world.id("john").await;
        assert_eq!(who_has(&world, &john).await, "john by session", "{name}");
        match end {
            0 => {
                let csrf = world.csrf_of(&john).await;
                let logout =
                    request("POST", "/session/logout").cookie(HARDENED, &john).header("x-csrftoken", csrf);
                let answer = world.call(&world.endpoint("POST", "/session/logout"), logout).await;
                assert_eq!((answer.status, answer.cookie(HARDENED).as_deref()), (204, Some("")));
            }
            1 => world.clock.advance(Duration::from_secs(14 * 86_400)),
            2 => {
                for _ in 0..30 {
                    world.clock.advance(Duration::from_secs(86_400));
                    let _ = who_has(&world, &john).await;
                }
            }
            3 => world.users.set_password(&id, "another one").await.unwrap(),
            4 => world.users.deactivate(&id).await.unwrap(),
            5 => world.users.delete(&id).await.unwrap(),
            6 => world.users.log_out_everywhere(&id).await.unwrap(),
            7 => assert!(world.sessions.end(&id, &Digest::of(&john)).await.unwrap()),
            8 => assert_eq!(world.sessions.end_all(&id, Some(&Digest::of("another"))).await.unwrap(), 1),
            _ => {
                world.users.deactivate(&id).await.unwrap();
                world.users.activate(&id).await.unwrap();
            }
        }
        for try_again in 0..3 {
            assert_eq!(who_has(&world, &john).await, "nobody", "{name}, try {try_again}");
        }
        let request = request("GET", "/").cookie(HARDENED, &john);
        assert!(matches!(world.private(request).await.status, 401 | 403), "{name}");
    }
}

/// A stolen cookie must not read or change what its owner left behind, on routes that ask no authenticator either.
#[tokio::test]
async fn a_session_that_a_new_password_ended_lends_no_data_on_open_routes() {
    let world = World::new().await;
    let john = world.session_of("john").await;
    let _ = keep(&world, Some(&john), "john's secret").await;
    world.users.set_password(&world.id("john").await, "another one").await.unwrap();
    let policy = Policy::default().without_authenticators().public();
    let stolen = request("GET", "/").cookie(HARDENED, &john).build();
    let answer = world.send(&policy, stolen, async |access, headers| {
        let session = access.session(&headers).await.unwrap();
        assert_eq!(session.get::<String>("note").await.unwrap(), None);
        assert_eq!(session.handle().await.unwrap(), None);
        Response::default()
    });
    assert_eq!(answer.await.cookie(HARDENED).as_deref(), Some(""), "and the cookie is taken back");
    assert_eq!(world.store.memory.session(&Digest::of(&john)).await.unwrap(), None);
}

/// The epoch of one user must never be written into the session of another: it would bring an ended one back.
#[tokio::test]
async fn nobody_revives_the_session_of_another_user_by_changing_his_own_password() {
    for (name, before) in [("stolen, and ended since", true), ("stolen, to outlive the next password", false)]
    {
        let world = World::new().await;
        let (john, jane) = (world.id("john").await, world.id("jane").await);
        let stolen = world.session_of("jane").await;
        if before {
            world.users.set_password(&jane, "jane found out").await.unwrap();
        }
        world.users.set_password(&john, "the attacker's own").await.unwrap();
        let token = world.token_of("john").await;
        let request = request("POST", "/password").token(&token).cookie(HARDENED, &stolen).build();
        let policy = Policy::default();
        let answer = world.send(&policy, request, async |access, headers| {
            let session = access.session(&headers).await.unwrap();
            session.keep_after_password_change().await.unwrap();
            who(&access)
        });
        let answer = answer.await;
        assert_eq!(answer.body, "john by token");
        if !before {
            world.users.set_password(&jane, "jane found out").await.unwrap();
        }
        for cookie in [Some(stolen), answer.cookie(HARDENED)].into_iter().flatten() {
            assert_eq!(who_has(&world, &cookie).await, "nobody", "{name}");
        }
    }
}

#[tokio::test]
async fn a_password_change_keeps_one_session_and_ends_the_others() {
    let world = World::new().await;
    let (here, elsewhere) = (world.session_of("john").await, world.session_of("john").await);
    let csrf = world.csrf_of(&here).await;
    let change = serde_json::json!({ "current_password": PASSWORD, "new_password": "another one" });
    let change = request("POST", "/session/password")
        .cookie(HARDENED, &here)
        .header("x-csrftoken", csrf)
        .json(&change);
    let answer = world.call(&world.endpoint("POST", "/session/password"), change).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    let kept = answer.cookie(HARDENED).unwrap();
    assert_ne!(kept, here);
    assert_eq!(who_has(&world, &kept).await, "john by session");
    assert_eq!((&*who_has(&world, &here).await, &*who_has(&world, &elsewhere).await), ("nobody", "nobody"));
    let old = Credentials::new("john", PASSWORD);
    assert!(world.users.check(&old, Origin::default()).await.is_err());
}

#[tokio::test]
async fn an_inactive_users_session_is_nobody_and_stays() {
    let world = World::new().await;
    let john = world.session_of("john").await;
    let change = |active| {
        let mut change = UserChange::default();
        change.is_active = Some(active);
        change
    };
    let id = world.id("john").await;
    assert!(world.store.update_user(&id, change(false)).await.unwrap());
    let answer = world.public(request("GET", "/").cookie(HARDENED, &john)).await;
    assert_eq!((&*answer.body, answer.cookie(HARDENED)), ("nobody", None));
    assert!(world.store.update_user(&id, change(true)).await.unwrap());
    assert_eq!(who_has(&world, &john).await, "john by session");
}

#[tokio::test]
async fn strangers_make_no_rows() {
    let world = World::drf().await;
    let _ = world.store.calls();
    let logout = world.endpoint("POST", "/session/logout");
    for round in 0..10_000_u32 {
        let cookie = format!("{round:032}");
        let _ = world.public(request("GET", "/").cookie(DJANGO, &cookie)).await;
        let answer = world.call(&logout, request("POST", "/session/logout").cookie(DJANGO, &cookie)).await;
        assert_eq!(answer.status, 403);
        assert!(answer.cookie(DJANGO).is_none_or(|cookie| cookie.is_empty()), "row 13: no living id");
    }
    assert!(!world.store.calls().contains(&"commit"), "row 12");
}

#[tokio::test]
async fn nothing_is_saved_with_a_5xx_and_nothing_is_written_or_sent_when_nothing_changed() {
    let world = World::new().await;
    let john = world.session_of("john").await;
    for (code, saves) in [(200, true), (302, true), (404, true), (500, false), (503, false), (599, false)] {
        let _ = world.store.calls();
        let value = code.to_string();
        let answer = world
            .with_session(request("GET", "/").cookie(HARDENED, &john), async |session: Session| {
                session.insert("note", &value).await.unwrap();
                status(code)
            })
            .await;
        assert_eq!(answer.cookie(HARDENED).is_some(), saves, "{code}");
        assert_eq!(world.store.calls().contains(&"commit"), saves, "{code}");
        assert_eq!(note(&world, &john).await == Some(value), saves, "{code}");
    }
    let _ = world.store.calls();
    let answer = world
        .with_session(request("GET", "/").cookie(HARDENED, &john), async |session: Session| {
            let _ = session.get::<String>("note").await.unwrap();
            session.remove("no such").await.unwrap();
            Response::default()
        })
        .await;
    assert_eq!((answer.cookie(HARDENED), world.store.calls()), (None, vec!["user_by_session"]));
}

#[tokio::test]
async fn an_answer_that_read_the_cookie_says_so_to_caches() {
    let world = World::new().await;
    let policy = Policy::default().without_authenticators().public();
    for (name, uses, vary) in [("reads the session", true, true), ("reads nothing", false, false)] {
        let request = request("GET", "/").build();
        let answer = world.send(&policy, request, async |access, headers| {
            if uses {
                let _ = access.session(&headers).await.unwrap().get::<String>("note").await.unwrap();
            }
            Response::default()
        });
        let answer = answer.await;
        let says = answer.all("vary").iter().any(|line| line.to_ascii_lowercase().contains("cookie"));
        assert_eq!(says, vary, "rows 18 and 49: {name}");
    }
    let answer = world.private(request("GET", "/")).await;
    assert_eq!(answer.all("vary"), ["authorization, cookie"], "a refusal, too");
}

/// Row 99: a slow request that saves data must never bring back what a logout ended meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_10_000_rounds_no_slow_request_revives_a_session_that_was_logged_out() {
    let world = Arc::new(World::new().await);
    let john = world.users.find_by_name("john").await.unwrap().unwrap();
    let saved_late = AtomicUsize::new(0);
    for round in 0..10_000 {
        let cookie = world.session_of("john").await;
        let barrier = Arc::new(tokio::sync::Barrier::new(2));
        let slow = tokio::spawn({
            let (world, cookie, barrier) = (Arc::clone(&world), cookie.clone(), Arc::clone(&barrier));
            async move {
                world
                    .with_session(request("GET", "/").cookie(HARDENED, &cookie), async |session: Session| {
                        session.insert("round", &round).await.unwrap();
                        barrier.wait().await;
                        Response::default()
                    })
                    .await
            }
        });
        let logout = tokio::spawn({
            let (world, cookie, barrier) = (Arc::clone(&world), cookie.clone(), Arc::clone(&barrier));
            async move {
                world
                    .with_session(request("GET", "/").cookie(HARDENED, &cookie), async |session: Session| {
                        barrier.wait().await;
                        session.log_out().await.unwrap();
                        Response::default()
                    })
                    .await
            }
        });
        let (slow, logout) = (slow.await.unwrap(), logout.await.unwrap());
        assert_eq!(logout.cookie(HARDENED).as_deref(), Some(""));
        let after = slow.cookie(HARDENED).unwrap();
        saved_late.fetch_add(usize::from(after.is_empty()), Ordering::Relaxed);
        for cookie in [&cookie, &after] {
            assert_eq!(who_has(&world, cookie).await, "nobody", "round {round}");
        }
    }
    assert!(world.sessions.list(&john.id).await.unwrap().is_empty());
    let late = saved_late.into_inner();
    assert!((1..10_000).contains(&late), "both orders must have happened, the logout was first in {late}");
}

/// hyper drops a handler's future when the client goes: at no await may a half-done change let anybody in.
#[tokio::test]
async fn a_future_that_is_dropped_anywhere_leaves_a_whole_state() {
    for verb in ["log_in", "log_out", "cycle_id", "insert"] {
        for polls in 1..20 {
            let world = World::new().await;
            let (john, jane) =
                (world.session_of("john").await, world.users.find_by_name("jane").await.unwrap().unwrap());
            world.store.slow_down();
            let mut request_future = Box::pin(world.with_session(
                request("GET", "/").cookie(HARDENED, &john),
                async |session: Session| {
                    match verb {
                        "log_in" => session.log_in(&jane).await.unwrap(),
                        "log_out" => session.log_out().await.unwrap(),
                        "cycle_id" => session.cycle_id().await.unwrap(),
                        _ => session.insert("note", &"x").await.unwrap(),
                    }
                    Response::default()
                },
            ));
            let mut done = false;
            for _ in 0..polls {
                done |= poll_once(&mut request_future).await.is_ready();
                if done {
                    break;
                }
            }
            drop(request_future);
            world.store.speed_up();
            let ids: Vec<_> = [world.id("john").await, world.id("jane").await].into();
            let rows = [
                world.sessions.list(&ids[0]).await.unwrap().len(),
                world.sessions.list(&ids[1]).await.unwrap().len(),
            ];
            let now = who_has(&world, &john).await;
            match (verb, &*now) {
                ("insert" | "log_out" | "cycle_id" | "log_in", "john by session") => {
                    assert_eq!(rows, [1, 0], "{verb}, {polls} polls")
                }
                ("log_in", "nobody") => assert_eq!(rows, [0, 1], "{polls} polls"),
                ("log_out", "nobody") => assert_eq!(rows, [0, 0], "{polls} polls"),
                ("cycle_id", "nobody") => assert_eq!(rows, [1, 0], "{polls} polls"),
                _ => panic!("{verb} after {polls} polls: {now}"),
            }
        }
    }
}

/// A handler that loses patience with its own logout and goes on must not write the session back.
#[tokio::test]
async fn a_logout_whose_future_is_dropped_after_the_store_did_it_stays_one() {
    let world = World::with(SessionConfig::default(), |mechanisms| mechanisms.all()).await;
    let john = world.session_of("john").await;
    let answer = world
        .with_session(request("GET", "/").cookie(HARDENED, &john), async |session: Session| {
            session.insert("note", &"x").await.unwrap();
            world.store.slow_down();
            let mut logout = Box::pin(session.log_out());
            for _ in 0..2 {
                assert!(poll_once(&mut logout).await.is_pending());
            }
            drop(logout);
            world.store.speed_up();
            Response::default()
        })
        .await;
    assert_eq!(answer.cookie(HARDENED).as_deref(), Some(""));
    assert_eq!(who_has(&world, &john).await, "nobody");
}
