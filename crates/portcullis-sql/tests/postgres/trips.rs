//! How often a verb waits for the server: a proxy counts what the store sends at once.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::common::{Database, NOW, Wire, add_credentials, refresh_of, rotation_of, session_of, token};
use portcullis::store::{
    CounterStore, Group, Limit, NewUser, RefreshStore, Reserved, SessionChange, SessionStore, TokenStore,
    UserBySession, UserByToken, UserChange, UserStore,
};
use portcullis::{Digest, UserId};
use portcullis_servers::{Postgres, or_left_out};
use portcullis_sql::{SqlConfig, SqlStore};

/// Runs each verb three times, and insists on the count of the last: the first ones prepare the statements.
macro_rules! trips {
    ($count:ident, $round:ident, $($name:literal: $wanted:literal = $verb:expr;)*) => {$(
        let mut counted = 0;
        for $round in 0..3_i64 {
            let _ = $round;
            let before = $count.load(Ordering::Relaxed);
            let _ = $verb.await.unwrap();
            counted = $count.load(Ordering::Relaxed) - before;
        }
        assert_eq!(counted, $wanted, "{}", $name);
    )*};
}

#[tokio::test]
async fn an_authenticated_request_waits_once() {
    let Some(server) = or_left_out(Postgres::shared()) else { return };
    let database = Database::on(server);
    database.store().await;
    let wire = Wire::start(server.address()).await;
    let (address, count) = (wire.address, &wire.sent);
    let url = database.url().replace(&server.address().to_string(), &address.to_string());
    let config = SqlConfig::default().with_connections(NonZeroU32::MIN).with_timeout(Duration::from_secs(20));
    let store = SqlStore::connect_with(&url, config).await.unwrap();
    store.put_group(Group::new("Authors", ["books.add_book"])).await.unwrap();
    let john = store.create_user(NewUser::new("john").with_group("Authors")).await.unwrap();
    add_credentials(&store, "key", &john.id).await;
    let (user, key) = (john.id.clone(), Digest::of("key"));
    let limit = Limit::new(NonZeroU32::new(9).unwrap(), Duration::from_secs(60));
    let name = |kind: &str, round: i64| format!("{kind} {round}");
    let used_up = Digest::of("used up");
    while store.reserve(&used_up, &limit, NOW).await.unwrap() == Reserved::Granted {}
    let _ = store.reserve(&key, &limit, NOW).await.unwrap();
    for round in 0..3 {
        store.create_refresh(refresh_of(&name("rotated", round), user.clone())).await.unwrap();
        let create = SessionChange::Create(Digest::of(&name("from", round)), session_of(user.clone()));
        store.commit(create).await.unwrap();
    }
    trips! { count, round,
        "user": 1 = store.user(&user);
        "login": 1 = store.login("john");
        "user_by_token": 1 = store.user_by_token(&key);
        "user_by_session": 1 = store.user_by_session(&key);
        "session": 1 = store.session(&key);
        "refresh": 1 = store.refresh(&key);
        "touch_token": 1 = store.touch_token(&key, NOW);
        "create": 1 = store.commit(SessionChange::Create(Digest::of(&name("new", round)), session_of(1)));
        "save": 1 = store.commit(SessionChange::Save(key, session_of(user.clone())));
        "touch": 1 = store.commit(SessionChange::Touch(key, NOW, NOW));
        "cycle": 1 = store.commit(SessionChange::Cycle(
            Digest::of(&name("from", round)), Digest::of(&name("to", round)), session_of(1)));
        "flush": 1 = store.commit(SessionChange::Flush(Digest::of(&name("to", round))));
        "end_sessions": 1 = store.end_sessions(&UserId::from(2), None);
        "update_user": 1 = store.update_user(&user, UserChange::default());
        "create_token": 1 = store.create_token(token(&name("token", round), 1), None);
        "create_token with keep": 5 = store.create_token(token(&name("kept", round), 1), Some(2));
        "revoke_tokens": 1 = store.revoke_tokens(&UserId::from(2));
        "create_refresh": 1 = store.create_refresh(refresh_of(&name("refresh", round), 1));
        "rotate_refresh": 6 = store.rotate_refresh(
            rotation_of(&refresh_of(&name("rotated", round), user.clone()), &name("next", round)));
        "revoke_refresh_all": 4 = store.revoke_refresh_all(&user);
        "revoke_refresh": 5 = store.revoke_refresh(refresh_of("key", user.clone()), false);
        "reserve": 2 = store.reserve(&key, &limit, NOW);
        "give_back": 2 = store.give_back(&key, &limit, NOW);
        "reserve, refused": 1 = store.reserve(&used_up, &limit, NOW);
        "create_user": 4 = store.create_user(NewUser::new(name("user", round)));
        "put_group": 6 = store.put_group(Group::new("Authors", ["books.add_book"]));
        "delete_user": 5 = store.delete_user(&UserId::from(round + 2));
        "purge_sessions": 1 = store.purge_sessions(NOW, 10);
    }
}
