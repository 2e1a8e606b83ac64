//! A request that is dropped at any of its await points has happened wholly or not at all, and leaves no lock behind.

use std::time::{Duration, Instant};

use portcullis::store::{MemoryStore, Mixed};
use portcullis::{Environment, JwtConfig};
use portcullis_redis::{RedisConfig, RedisStore};
use portcullis_sql::{SqlConfig, SqlStore};
use portcullis_tests::faults::{Act, Dropped, Moment, Pausing, Row, World, alive_tasks, open};
use tokio::time::sleep;

use crate::stand::{File, Kind, Server};

/// How many times each act is dropped at some time.
const TIMES: u32 = 20;
/// No time is measured here, and a machine that is busy answers late.
const PATIENT: Duration = Duration::from_secs(5);

/// Drops every act at every point, on a store that rests before and after each verb.
async fn drop_everywhere(world: &World, store: &str) {
    let (mut total, mut points) = (Dropped::default(), Vec::new());
    for act in Act::ALL {
        let mut longest = 0;
        for moment in [Moment::AtOnce, Moment::WhenWoken] {
            let Dropped { dropped, happened } = act.drop_everywhere(world, moment).await.unwrap();
            assert!(dropped > 2, "{act:?} has {dropped} points on {store}");
            total = Dropped { dropped: total.dropped + dropped, happened: total.happened + happened };
            longest = longest.max(dropped);
        }
        points.push(format!("{} {longest}", act.name()));
    }
    let Dropped { dropped, happened } = total;
    assert!(0 < happened && happened < dropped, "{happened} of {dropped} happened on {store}");
    eprintln!("await points on {store}: {}", points.join(", "));
    let fault = format!("nine acts dropped at each await point, {happened} had happened");
    Row::new(&fault, store).with("asked", dropped).with("promises broken", 0).print();
}

/// Drops every act after zero to a few milliseconds.
async fn drop_in_time(world: &World, store: &str, keeps: usize) {
    let tasks = alive_tasks();
    let mut total = Dropped::default();
    for act in Act::ALL {
        let Dropped { dropped, happened } =
            act.drop_in_time(world, TIMES, Duration::from_millis(12)).await.unwrap();
        total = Dropped { dropped: total.dropped + dropped, happened: total.happened + happened };
    }
    assert!(total.dropped > 9, "{total:?}: everything was faster than the drop");
    let (tasks, began) = (tasks + keeps, Instant::now());
    while alive_tasks() > tasks && began.elapsed() < PATIENT {
        sleep(Duration::from_millis(20)).await;
    }
    assert!(alive_tasks() <= tasks, "{} tasks, not {tasks}", alive_tasks());
    let name = format!("every act dropped after 0 to 12 ms: {} had happened", total.happened);
    Row::new(&name, store)
        .with("asked", total.dropped)
        .with("promises broken", 0)
        .with("left over", alive_tasks().saturating_sub(tasks))
        .print();
}

/// The site on a server, resting around each verb or not.
async fn on_server(server: &Server, rests: bool, beside: &File) -> World {
    let (url, timeout) = (server.url(), PATIENT);
    if !rests {
        return open(&url, &beside.url(), timeout).await.unwrap();
    }
    let (environment, jwt) = (Environment::default(), JwtConfig::default());
    if let Server::Postgres(_) = server {
        let store = SqlStore::connect_with(&url, SqlConfig::default().with_timeout(timeout)).await.unwrap();
        store.migrate().await.unwrap();
        return World::on(Pausing(store)).unwrap();
    }
    let redis = RedisStore::connect_with(&url, RedisConfig::default().with_timeout(timeout)).await.unwrap();
    let beside = beside.store().await;
    World::build(Pausing(Mixed::new(redis, beside.clone())), Pausing(beside), &environment, jwt).unwrap()
}

async fn drop_on(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    // At most a task for each of two connections to each of six nodes stays.
    let beside = File::new();
    drop_everywhere(&on_server(&server, true, &beside).await, server.name()).await;
    drop_in_time(&on_server(&server, false, &beside).await, server.name(), 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_what_is_dropped_has_happened_or_not() {
    drop_on(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_redis_what_is_dropped_has_happened_or_not() {
    drop_on(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_what_is_dropped_has_happened_or_not() {
    drop_on(Kind::Cluster).await;
}

#[tokio::test]
async fn on_memory_what_is_dropped_has_happened_or_not() {
    let world = World::on(Pausing(MemoryStore::new())).unwrap();
    drop_everywhere(&world, "memory").await;
}

#[tokio::test]
async fn on_sqlite_what_is_dropped_has_happened_or_not() {
    let file = File::new();
    drop_everywhere(&World::on(Pausing(file.store().await)).unwrap(), "SQLite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_what_is_dropped_in_time_has_happened_or_not() {
    let file = File::new();
    drop_in_time(&open(&file.url(), "", PATIENT).await.unwrap(), "SQLite", 0).await;
}
