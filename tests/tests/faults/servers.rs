//! A server that is killed, hangs, refuses, is slow or is cut off.

use std::time::Duration;

use portcullis_servers::Fault;
use portcullis_tests::faults::{Limits, Load, Row, Trouble, Visitor};

use crate::stand::{Kind, Stand, conclude, conclude_within};

/// After how many bytes an answer is cut: within the first answer, and within those that open a connection.
fn cuts() -> impl Iterator<Item = usize> {
    (0..200).step_by(7).chain((200..1000).step_by(50))
}

async fn is_killed(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let stand = Stand::new(server.clone()).await;
    let outcome = stand.during(async || server.kill().await, async || server.restart().await).await;
    conclude("kill -9 under load, restart", server.name(), &outcome);
}

async fn is_silent(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let outcome = Stand::new(server.clone()).await.through(Fault::Silence).await;
    conclude("accepts and never answers", server.name(), &outcome);
}

async fn is_stopped(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let stand = Stand::new(server.clone()).await;
    let outcome = stand.during(async || server.pause().await, async || server.resume().await).await;
    conclude("stopped (SIGSTOP), resumed", server.name(), &outcome);
}

async fn refuses(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let outcome = Stand::new(server.clone()).await.through(Fault::Refuse).await;
    conclude("refuses connections", server.name(), &outcome);
}

async fn is_late(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let late = Limits::default().store + Duration::from_millis(300);
    let outcome = Stand::new(server.clone()).await.through(Fault::Delay(late)).await;
    conclude("answers after the time-out", server.name(), &outcome);
}

/// A replica takes the place of a master that is killed, and then the master comes back as a replica.
async fn master_is_killed(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let stand = Stand::new(server.clone()).await;
    let outcome = stand.during(async || server.kill().await, async || server.fail_over().await).await;
    let fault = "kill -9 of a master under load, fail-over (WAIT 1)";
    conclude_within(fault, server.name(), &outcome, &server.limits());
    server.restart().await;
    server.heal().await;
    let door = stand.door();
    assert!(Visitor::new(&door, "guest").log_in().await.is_ok(), "with the old master as a replica");
}

/// A replica takes the place of a master that hangs; when it goes on it believes for a moment that it is one still.
async fn master_is_stopped(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let stand = Stand::new(server.clone()).await;
    let end = async || {
        server.fail_over().await;
        server.resume().await;
    };
    let outcome = stand.during(async || server.pause().await, end).await;
    let fault = "a master stopped (SIGSTOP), fail-over, resumed";
    conclude_within(fault, server.name(), &outcome, &server.limits());
}

/// A server that does not write before it answers: what it forgets is counted.
async fn forgets(fault: &str, arguments: &'static [&'static str]) {
    let Some(server) = Kind::Redis.start_with(arguments).await else { return };
    let stand = Stand::new(server.clone()).await;
    // A session that is forgotten does not come back.
    let kinds: Vec<_> = Load::KINDS.into_iter().filter(|kind| *kind != "session").collect();
    let outcome =
        stand.during_until(async || server.kill().await, async || server.restart().await, &kinds).await;
    let limits = Limits { forgets: true, ..Limits::default() };
    conclude_within(fault, server.name(), &outcome, &limits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_writes_every_second_lets_nobody_in() {
    forgets("kill -9 under load, restart (appendfsync everysec)", &["--appendfsync", "everysec"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_writes_nothing_lets_nobody_in() {
    forgets("kill -9 under load, restart (appendonly no)", &["--appendonly", "no"]).await;
}

/// Every act with its connection cut after so many bytes of the answers: it is done, or an outage.
async fn is_cut(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let stand = Stand::new(server.clone()).await;
    stand.world.somebody("john").await.unwrap();
    let john = Visitor::new(&stand.door(), "john");
    let (mut asked, mut outages) = (0, 0);
    for bytes in cuts() {
        stand.set(Fault::None);
        let (login, gone) = (john.log_in().await.unwrap(), john.log_in().await.unwrap());
        let (token, (_, refresh)) = (john.issue().await.unwrap(), john.pair().await.unwrap());
        john.log_out(&gone).await.unwrap();
        let count = &mut |answer: Result<(), Trouble>, may_be_refused: bool| {
            asked += 1;
            match answer {
                Ok(()) => {}
                Err(Trouble::Outage) => outages += 1,
                Err(Trouble::Refused(_)) if may_be_refused => {}
                Err(other) => panic!("cut after {bytes} bytes: {other:?}"),
            }
        };
        let who = |name: String, wanted: &str| assert_eq!(name, wanted, "cut after {bytes} bytes");
        for path in ["/closed", "/optional"] {
            for credential in [login.credential(), format!("Token {token}")] {
                stand.set(Fault::CutAfter(bytes));
                count(john.ask(path, &credential).await.map(|name| who(name, "john")), false);
            }
            stand.set(Fault::CutAfter(bytes));
            count(john.ask(path, &gone.credential()).await.map(|name| who(name, "")), path == "/closed");
        }
        stand.set(Fault::CutAfter(bytes));
        let next = john.refresh(&refresh).await;
        count(next.clone().map(drop), false);
        stand.set(Fault::CutAfter(bytes));
        let out = john.log_out(&login).await;
        count(out.clone(), false);
        stand.set(Fault::CutAfter(bytes));
        let revoked = john.revoke(&token).await;
        count(revoked.clone(), false);

        stand.set(Fault::None);
        let is_good = async |credential: &str| john.ask("/closed", credential).await.is_ok();
        assert!(out.is_err() || !is_good(&login.credential()).await, "{bytes}: a logout was lost");
        assert!(
            revoked.is_err() || !is_good(&format!("Token {token}")).await,
            "{bytes}: a revocation was lost"
        );
        if let Ok(next) = next {
            assert!(john.refresh(&next).await.is_ok(), "{bytes}: a rotation was lost");
            assert_eq!(john.refresh(&refresh).await, Err(Trouble::Refused(401)), "{bytes}: a replay");
        }
    }
    assert!(outages > 0, "no answer was ever cut");
    Row::new("cut after 0, 7, … 196, 200, 250, … 950 bytes", server.name())
        .with("asked", asked)
        .with("503", outages)
        .with("let in", 0)
        .with("refused or nobody", 0)
        .with("promises broken", 0)
        .print();
}

/// The same tests on one server each.
macro_rules! on {
    ($module:ident, $kind:ident: $($fault:ident)*) => {
        mod $module {
            use crate::stand::Kind;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $fault() {
                super::$fault(Kind::$kind).await;
            })*
        }
    };
}

on! { postgres, Postgres: is_killed is_silent is_stopped refuses is_late is_cut }
on! { redis, Redis: is_killed is_silent is_stopped refuses is_late is_cut }
on! { cluster, Cluster: master_is_killed master_is_stopped }
