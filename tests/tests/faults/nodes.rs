//! Two nodes on one store: one refresh token has one successor, and a node that is killed takes nothing with it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use portcullis::store::MemoryStore;
use portcullis_tests::faults::{Door, Limits, Load, Node, Row, Trouble, Visitor, World, open};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::stand::{File, Kind, OwnProxy, conclude_within};

/// How often everybody does something: as many processes as there are here share one machine.
const PACE: Duration = Duration::from_millis(150);
const NODE: &str = env!("CARGO_BIN_EXE_faults-node");
const ROUNDS: u32 = 200;
const CROWD: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_memory_one_of_two_nodes_exchanges_a_refresh_token() {
    let store = MemoryStore::new();
    let worlds = [World::on(store.clone()).unwrap(), World::on(store).unwrap()];
    let id = worlds[0].somebody("john").await.unwrap();
    let nodes = worlds.each_ref().map(|world| Visitor::new(&Door::Here(world.app.clone()), "john"));
    for round in 0..ROUNDS {
        let (_, token) = nodes[0].pair().await.unwrap();
        let start = Arc::new(Barrier::new(CROWD));
        let mut crowd = JoinSet::new();
        for node in nodes.iter().cycle().take(CROWD) {
            let (node, token, start) = (node.clone(), token.clone(), Arc::clone(&start));
            crowd.spawn(async move {
                start.wait().await;
                node.refresh(&token).await
            });
        }
        let answers = crowd.join_all().await;
        let winners = answers.iter().filter(|answer| answer.is_ok()).count();
        let refused = answers.iter().filter(|answer| matches!(answer, Err(Trouble::Refused(401)))).count();
        assert_eq!((winners, refused), (1, CROWD - 1), "round {round}: {answers:?}");
        let live = worlds[1].jwt.list(&id).await.unwrap();
        assert!(live.is_empty(), "round {round}: the login was used twice and lives on");
    }
    Row::new("16 use one refresh token at once, two nodes", "memory")
        .with("asked", CROWD * ROUNDS as usize)
        .with("two winners", 0)
        .print();
}

/// 30 s, or as many as `PORTCULLIS_KILL_SECONDS` says.
fn between_kills() -> Duration {
    let seconds = std::env::var("PORTCULLIS_KILL_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

async fn start(address: &str, store: &str, beside: &str) -> Node {
    let (address, store, beside) = (address.to_owned(), store.to_owned(), beside.to_owned());
    let start = move || Node::start(Path::new(NODE), &address, &store, &beside);
    spawn_blocking(start).await.unwrap().unwrap()
}

/// Two nodes behind a proxy that takes them in turn; each is killed once, and started again a moment later.
async fn kill_nodes(name: &str, store: &str, beside: &str) {
    let world = open(store, beside, Limits::default().store).await.unwrap();
    let any = "127.0.0.1:0";
    let mut nodes = [start(any, store, beside).await, start(any, store, beside).await];
    let addresses = nodes.each_ref().map(Node::address);
    let proxy = OwnProxy::start(addresses.to_vec()).await;
    let door = Door::There(proxy.address());
    let load = Load::start_at(PACE, &world, std::slice::from_ref(&door)).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let mut back = Vec::new();
    for (place, address) in addresses.iter().enumerate() {
        if place > 0 {
            sleep(between_kills()).await;
        }
        nodes[place].kill();
        let one = load.wait_until_back(&Load::KINDS).await;
        assert!(one.is_some(), "{name}: {:?}", load.tally().missing(&Load::KINDS));
        back.push(one);
        nodes[place] = start(&address.to_string(), store, beside).await;
    }
    sleep(Duration::from_secs(1)).await;
    let outcome = load.stop(back.into_iter().max().flatten(), &door).await.unwrap();
    // The tasks of all stores' people are counted together, and at their pace not everything is tried in two seconds.
    let limits = Limits { keeps: usize::MAX, back: Duration::from_secs(5), ..Limits::default() };
    conclude_within("each of two nodes kill -9, 30 s apart", name, &outcome, &limits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_is_killed_takes_nothing_with_it() {
    let file = File::new();
    let mut stores = vec![("SQLite", file.url(), File::new())];
    let mut servers = Vec::new();
    for kind in [Kind::Postgres, Kind::Redis, Kind::Cluster] {
        let Some(server) = kind.start().await else { continue };
        stores.push((server.name(), server.url(), File::new()));
        servers.push(server);
    }
    let runs = stores.iter().map(async |(name, url, beside)| kill_nodes(name, url, &beside.url()).await);
    join_all(runs).await;
}
