//! A store that lies is noticed: what the other tests do not find is not there.

use std::time::Duration;

use portcullis::store::MemoryStore;
use portcullis_tests::faults::{Door, Limits, Load, World};
use tokio::time::sleep;

/// Uses a site while something is done to it that no fault may do, and returns what was found wrong.
async fn wrongs_after(lie: impl AsyncFnOnce(&World)) -> Vec<String> {
    let world = World::on(MemoryStore::new()).unwrap();
    let door = Door::Here(world.app.clone());
    let load = Load::start(&world, std::slice::from_ref(&door)).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    lie(&world).await;
    sleep(Duration::from_millis(300)).await;
    load.stop(None, &door).await.unwrap().wrongs(&Limits::default())
}

#[tokio::test]
async fn a_store_that_lies_is_noticed() {
    let nothing = wrongs_after(async |_| {}).await;
    assert!(nothing.is_empty(), "{nothing:?}");

    let forgotten = wrongs_after(async |world| {
        let john = world.users.find_by_name("john").await.unwrap().unwrap();
        world.sessions.end_all(&john.id, None).await.unwrap();
    })
    .await;
    for what in ["session at /closed: 401", "session at /optional: nobody"] {
        assert!(forgotten.iter().any(|wrong| wrong == what), "{what}: {forgotten:?}");
    }

    let revived = wrongs_after(async |world| {
        let mary = world.users.find_by_name("mary").await.unwrap().unwrap();
        world.users.activate(&mary.id).await.unwrap();
    })
    .await;
    assert!(revived.iter().any(|wrong| wrong == r#"token at /closed: let in as "mary""#), "{revived:?}");
}
