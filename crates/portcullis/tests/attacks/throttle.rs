//! Floods and guesses (OWASP API4:2023; ASVS 5.0, 6.3.1 and 6.3.8): who is counted as whom, and what a lockout tells.

use std::time::Duration;

use futures_util::future::join_all;
use portcullis::store::CounterStore;
use portcullis::{Attempts, EventKind, Guard, Policy, Throttle, Timestamp};
use portcullis_testing::request;

use crate::common::{Answer, PASSWORD, World, credentials};

fn throttled(world: &World, rate: &str) -> Policy {
    Policy::default().public().throttle(Throttle::user(world.store.clone(), rate.parse().unwrap()))
}

/// The world with attempts limited as they are by default.
async fn guarded() -> World {
    with_attempts(World::new().await, |attempts| attempts)
}

fn with_attempts(mut world: World, change: impl FnOnce(Attempts) -> Attempts) -> World {
    world.users = world.users.clone().with_attempts(change(Attempts::new(world.store.clone())));
    world.guard = Guard::builder(world.users.clone())
        .authenticate(world.tokens.authenticator())
        .authenticate(world.sessions.authenticator())
        .authenticate(world.users.basic())
        .build()
        .unwrap();
    world
}

async fn guess(world: &World, username: &str, password: &str) -> Answer {
    world.private(request("GET", "/").basic(username, password)).await
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn counters(world: &World) -> u64 {
    world.store.purge_counters(Timestamp::MAX, 1_000_000).await.unwrap().deleted
}

#[tokio::test]
async fn forged_addresses_of_a_stranger_count_as_one() {
    let world = World::new().await;
    let policy = throttled(&world, "3/min");
    let mut answers = Vec::new();
    for number in 0..500_u32 {
        let forged = format!("{}.{}.9.9", number % 250, number / 250);
        answers.push(world.ask(&policy, request("GET", "/").header("x-forwarded-for", &forged)).await);
    }
    assert_eq!((count(&answers, 200), count(&answers, 429)), (3, 497));
    assert_eq!(counters(&world).await, 1);
}

#[tokio::test]
async fn addresses_of_one_network_count_as_one() {
    for (name, peers, served) in [
        ("one /64", ["2001:db8:0:7::1", "2001:db8:0:7::2", "2001:db8:0:7:ffff::"], 2),
        ("three /64", ["2001:db8:0:7::1", "2001:db8:0:8::1", "2001:db8:0:9::1"], 6),
        ("one IPv4 in two spellings", ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"], 2),
    ] {
        let mut world = World::new().await;
        let policy = throttled(&world, "2/min");
        let mut answers = Vec::new();
        for peer in peers.into_iter().cycle().take(9) {
            world.peer = Some(peer.parse().unwrap());
            answers.push(world.ask(&policy, request("GET", "/")).await);
        }
        assert_eq!(count(&answers, 200), served, "{name}");
    }
}

#[tokio::test]
async fn clients_that_cannot_be_told_apart_share_one_counter() {
    let mut world = World::new().await;
    world.peer = None;
    let policy = throttled(&world, "2/min");
    let answers = join_all((0..5).map(|_| world.ask(&policy, request("GET", "/")))).await;
    assert_eq!((count(&answers, 200), count(&answers, 429)), (2, 3));
}

#[tokio::test]
async fn the_limit_holds_for_a_crowd() {
    let world = World::new().await;
    world.store.slow_down();
    for policy in [
        throttled(&world, "10/min"),
        Policy::default().public().throttle(
            Throttle::scoped(world.store.clone(), "log", "10/min".parse().unwrap()).with_sliding_log(),
        ),
    ] {
        let answers = join_all((0..100).map(|_| world.ask(&policy, request("GET", "/")))).await;
        assert_eq!((count(&answers, 200), count(&answers, 429)), (10, 90));
    }
}

#[tokio::test]
async fn users_are_counted_apart_from_each_other_and_from_nobody() {
    let world = World::new().await;
    let policy = throttled(&world, "2/min");
    let (john, jane) = (world.token_of("john").await, world.token_of("jane").await);
    for (name, request) in [
        ("john", request("GET", "/").token(&john)),
        ("jane", request("GET", "/").token(&jane)),
        ("nobody", request("GET", "/")),
    ] {
        let answers = join_all((0..4).map(|_| world.ask(&policy, request.clone()))).await;
        assert_eq!((count(&answers, 200), count(&answers, 429)), (2, 2), "{name}");
    }
}

#[tokio::test]
async fn a_throttle_of_nobody_spares_users() {
    let world = World::new().await;
    let throttle = Throttle::anonymous(world.store.clone(), "1/min".parse().unwrap());
    let policy = Policy::default().public().throttle(throttle);
    let john = world.token_of("john").await;
    let _ = world.store.calls();
    for _ in 0..5 {
        assert_eq!(world.ask(&policy, request("GET", "/").token(&john)).await.status, 200);
    }
    assert!(!world.store.calls().contains(&"reserve"));
    for status in [200, 429] {
        assert_eq!(world.ask(&policy, request("GET", "/")).await.status, status);
    }
}

#[tokio::test]
async fn all_throttles_count_and_the_longest_wait_is_told() {
    let world = World::new().await;
    let short = Throttle::user(world.store.clone(), "1/min".parse().unwrap());
    let long = Throttle::user(world.store.clone(), "2/hour".parse().unwrap());
    for policy in [
        Policy::default().public().throttle(short.clone()).throttle(long.clone()),
        Policy::default().public().throttle(long).throttle(short),
    ] {
        let ask = || world.ask(&policy, request("GET", "/"));
        assert_eq!(ask().await.status, 200);
        let refused = ask().await;
        assert_eq!((refused.status, refused.all("retry-after")), (429, vec!["60"]));
        assert!(world.events.count(EventKind::Throttled) > 0);
        let refused = ask().await;
        assert_eq!((refused.status, refused.all("retry-after")), (429, vec!["1800"]), "both are asked");
        world.clock.advance(Duration::from_secs(7_200));
    }
}

#[tokio::test]
async fn what_is_refused_before_is_not_counted() {
    let world = World::new().await;
    let policy = throttled(&world, "1/min").require(portcullis::IsAdminUser);
    let john = world.token_of("john").await;
    let _ = world.store.calls();
    for (name, request, status) in [
        ("a bad credential", request("GET", "/").token("0000"), 401),
        ("nobody", request("GET", "/"), 401),
        ("a user who may not", request("GET", "/").token(&john), 403),
    ] {
        for _ in 0..3 {
            assert_eq!(world.ask(&policy, request.clone()).await.status, status, "{name}");
        }
    }
    assert!(!world.store.calls().contains(&"reserve"));
}

#[tokio::test]
async fn a_route_speaks_for_itself() {
    let mut world = World::new().await;
    world.guard = Guard::builder(world.users.clone())
        .authenticate(world.tokens.authenticator())
        .throttle(Throttle::user(world.store.clone(), "1/min".parse().unwrap()))
        .build()
        .unwrap();
    let scope = |rate: &str| Throttle::scoped(world.store.clone(), "route", rate.parse().unwrap());
    let public = || Policy::default().public();
    for (name, policy, served) in [
        ("says nothing", public(), 1),
        ("has its own", public().throttle(scope("3/min")), 3),
        ("counts nobody", public().without_throttles(), 9),
        ("takes its scope's", public().or(&Policy::default().throttle(scope("4/min"))), 4),
        (
            "wins over its scope",
            public().throttle(scope("5/min")).or(&Policy::default().without_throttles()),
            5,
        ),
        (
            "is spared, whatever its scope",
            public().without_throttles().or(&public().throttle(scope("6/min"))),
            9,
        ),
    ] {
        let answers = join_all((0..9).map(|_| world.ask(&policy, request("GET", "/")))).await;
        assert_eq!(count(&answers, 200), served, "{name}");
    }
}

#[tokio::test]
async fn an_outage_of_the_counters_is_503_and_never_a_free_pass() {
    let world = guarded().await;
    let policy = throttled(&world, "100/min");
    let john = world.token_of("john").await;
    world.store.cut("reserve");
    let _ = world.hashes();
    for (name, answer) in [
        ("nobody", world.ask(&policy, request("GET", "/")).await),
        ("a user", world.ask(&policy, request("GET", "/").token(&john)).await),
        ("a login", guess(&world, "john", PASSWORD).await),
    ] {
        assert_eq!(answer.status, 503, "{name}");
    }
    assert_eq!(world.hashes(), 0);
}

#[tokio::test]
async fn a_crowd_of_guesses_runs_no_more_hashes_than_the_limit() {
    let world = guarded().await;
    world.store.slow_down();
    let answers = join_all((0..100).map(|_| guess(&world, "john", "wrong"))).await;
    assert_eq!((count(&answers, 401), count(&answers, 429)), (10, 90));
    assert_eq!(world.hashes(), 10);
    assert_eq!(world.events.count(EventKind::LoginThrottled), 90);
}

#[tokio::test]
async fn a_lockout_does_not_tell_who_exists_or_which_password_is_right() {
    let mut told = Vec::new();
    for username in ["john", "gone", "robot", "no such user"] {
        // The address has its own limit, which is not what is looked at.
        let mut world =
            with_attempts(World::new().await, |attempts| attempts.with_address("10000/s".parse().unwrap()));
        world.peer = Some([192, 0, 2, 1].into());
        let mut answers = Vec::new();
        for _ in 0..12 {
            answers.push(guess(&world, username, "wrong").await);
        }
        let _ = world.hashes();
        answers.push(guess(&world, username, PASSWORD).await);
        let endpoint = world.endpoint("POST", "/session/login");
        let login = request("POST", "/session/login").header("host", "shop.test");
        answers.push(world.call(&endpoint, login.json(&credentials(username, PASSWORD))).await);
        assert_eq!(world.hashes(), 0, "{username}");
        assert_eq!((count(&answers, 401), count(&answers, 429)), (10, 4), "{username}");
        told.push(answers);
    }
    assert!(told.iter().all(|answers| *answers == told[0]), "statuses, headers and bodies are the same");
}

#[tokio::test]
async fn many_addresses_do_not_buy_more_guesses_of_one_account_in_a_day() {
    let mut world = guarded().await;
    let mut answers = Vec::new();
    for client in 0..=255_u8 {
        world.peer = Some([198, 51, 100, client].into());
        answers.push(guess(&world, "john", "wrong").await);
    }
    assert_eq!((count(&answers, 401), count(&answers, 429)), (100, 156));
    assert_eq!(guess(&world, "jane", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn one_address_does_not_try_one_password_on_every_account() {
    let world = guarded().await;
    let mut answers = Vec::new();
    for account in 0..150 {
        answers.push(guess(&world, &format!("user {account}"), "Summer2026!").await);
    }
    assert_eq!((count(&answers, 401), count(&answers, 429)), (100, 50));
}

#[tokio::test]
async fn a_stranger_locks_nobody_out_of_another_address() {
    let mut world = guarded().await;
    for _ in 0..50 {
        let _ = guess(&world, "john", "wrong").await;
    }
    assert_eq!(guess(&world, "john", PASSWORD).await.status, 429);
    world.peer = Some([192, 0, 2, 99].into());
    assert_eq!(
        guess(&world, "john", PASSWORD).await.status,
        200,
        "what was refused cost the account nothing"
    );
}

#[tokio::test]
async fn a_login_that_succeeds_counts_for_nothing() {
    let world = guarded().await;
    for round in 0..300 {
        assert_eq!(guess(&world, "john", PASSWORD).await.status, 200, "{round}");
    }
    for _ in 0..9 {
        assert_eq!(guess(&world, "john", "wrong").await.status, 401);
    }
    assert_eq!(guess(&world, "john", PASSWORD).await.status, 200, "and gives back its own try alone");
    assert_eq!(guess(&world, "john", "wrong").await.status, 401);
    assert_eq!(guess(&world, "john", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn an_outage_costs_no_try() {
    let world = guarded().await;
    world.store.cut("login");
    for _ in 0..30 {
        assert_eq!(guess(&world, "john", PASSWORD).await.status, 503);
    }
    world.store.mend();
    assert_eq!(guess(&world, "john", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn what_is_implausible_costs_no_try_and_runs_no_hash() {
    let world = guarded().await;
    let _ = (world.store.calls(), world.hashes());
    for _ in 0..30 {
        assert_eq!(guess(&world, "john", "").await.status, 401);
    }
    assert!(!world.store.calls().contains(&"reserve"));
    assert_eq!(world.hashes(), 0);
}
