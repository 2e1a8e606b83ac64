//! Values at the edge, and rows that Portcullis did not write.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::common::{
    Database, NOW, add_credentials, number, refresh_of, rotation_of, run, session_of, token, unavailable,
};
use crate::shared::values as shared;
use portcullis::store::{
    CounterStore, Group, Limit, NewUser, RefreshStore, Reserved, SessionChange, SessionStore, TokenStore,
    UserBySession, UserByToken, UserChange, UserStore,
};
use portcullis::{Digest, UserId};
use portcullis_servers::{Postgres, or_left_out};
use portcullis_sql::SqlStore;

#[tokio::test]
async fn a_name_that_the_database_would_read_as_another_is_refused() {
    let Some(database) = Database::new() else { return };
    shared::names_that_are_refused(database.store().await).await;
}

#[tokio::test]
async fn the_end_of_a_token_follows_its_use() {
    let Some(database) = Database::new() else { return };
    shared::ends_of_tokens(database.store().await).await;
}

#[tokio::test]
async fn a_purge_deletes_no_more_than_asked_in_steps() {
    let Some(database) = Database::new() else { return };
    shared::purges(database.store().await).await;
}

#[tokio::test]
async fn names_are_told_apart_byte_by_byte() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    for name in
        ["john", "John", "jöhn", "jo\u{308}hn", "john ", "ﬁ", "fi", "ı", "i", "ß", "ss", "John\u{200b}"]
    {
        let user = store.create_user(NewUser::new(name)).await.unwrap();
        assert_eq!(store.login(name).await.unwrap().unwrap().user.id, user.id, "{name}");
    }
    assert!(store.login("JOHN").await.unwrap().is_none());
}

/// PostgreSQL cannot store NUL; that is no reason to answer 503 to whoever writes one.
#[tokio::test]
async fn what_is_named_with_nul_is_not_there() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    let (user, key) = (UserId::from("1\0"), Digest::of("key"));
    add_credentials(&store, "key", &UserId::from(1)).await;
    assert!(store.login("john\0").await.unwrap().is_none());
    assert!(store.user(&user).await.unwrap().is_none());
    assert!(store.tokens_of(&user).await.unwrap().is_empty());
    assert!(store.sessions_of(&user).await.unwrap().is_empty());
    assert!(store.refresh_of(&user).await.unwrap().is_empty());
    assert!(!store.revoke_token(&user, &key).await.unwrap());
    assert_eq!(store.revoke_tokens(&user).await.unwrap(), 0);
    assert!(!store.end_session(&user, &key).await.unwrap());
    assert_eq!(store.end_sessions(&user, None).await.unwrap(), 0);
    assert!(!store.revoke_refresh_family(&user, &key).await.unwrap());
    assert_eq!(store.revoke_refresh_all(&user).await.unwrap(), 0);
    assert!(!store.delete_user(&user).await.unwrap());
    assert!(!store.update_user(&user, UserChange::default()).await.unwrap());
    assert!(store.token(&key).await.unwrap().is_some());
    for (name, answer) in [
        ("a user", store.create_user(NewUser::new("john\0")).await.map(drop)),
        ("a group", store.put_group(Group::new("Authors\0", ["a.b"])).await),
        ("a token", store.create_token(token("token", "1\0"), None).await),
        ("a token of a few", store.create_token(token("token", "1\0"), Some(1)).await),
        (
            "a session",
            store.commit(SessionChange::Create(Digest::of("new"), session_of("1\0"))).await.map(drop),
        ),
        ("a save", store.commit(SessionChange::Save(key, session_of("1\0"))).await.map(drop)),
        ("a refresh token", store.create_refresh(refresh_of("token", "1\0")).await),
    ] {
        assert!(answer.as_ref().is_err_and(|error| error.to_string().contains("NUL")), "{name}: {answer:?}");
        unavailable(answer, name);
    }
    assert_eq!(store.session(&key).await.unwrap().unwrap().user, Some(UserId::from(1)));
}

/// Whose number is not written as it is names nobody, and breaks nothing.
#[tokio::test]
async fn an_id_that_is_no_number_names_no_account() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    assert_eq!(john.id, UserId::from(1));
    for (number, id) in
        ["01", "+1", "1 ", " 1", "1abc", "1.0", "", "-", "１", "99999999999999999999", "9223372036854775807"]
            .into_iter()
            .enumerate()
    {
        let name = number.to_string();
        add_credentials(&store, &name, &UserId::from(id)).await;
        let key = Digest::of(&name);
        assert!(store.user_by_token(&key).await.unwrap().unwrap().1.is_none(), "{id:?}");
        assert!(store.user_by_session(&key).await.unwrap().unwrap().1.is_none(), "{id:?}");
    }
    add_credentials(&store, "john", &john.id).await;
    assert_eq!(store.user_by_token(&Digest::of("john")).await.unwrap().unwrap().1, Some(john));
}

/// Identifiers of other programs' making have nineteen digits, and a sequence may be set to go on after them.
#[tokio::test]
async fn an_id_of_any_length_names_its_account() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    let mut other = database.other().await;
    for id in [i64::MIN, -1, 0, 999_999_999_999_999_999, 1_000_000_000_000_000_000, i64::MAX] {
        let insert = format!(
            "insert into portcullis_user overriding system value
             values ({id}, 'user {id}', '', null, true, false, false, 0, 0)"
        );
        run(&mut other, &insert).await;
        let (name, user) = (id.to_string(), UserId::from(id));
        add_credentials(&store, &name, &user).await;
        let found = store.user(&user).await.unwrap();
        assert!(found.is_some(), "{id}");
        assert_eq!(store.user_by_token(&Digest::of(&name)).await.unwrap().unwrap().1, found, "{id}");
        assert_eq!(store.user_by_session(&Digest::of(&name)).await.unwrap().unwrap().1, found, "{id}");
    }
}

/// Before PostgreSQL 15 whoever may connect may make functions in `public`; one that fits a call better than PostgreSQL's
/// own would be run with the rights of the application (CVE-2018-1058).
#[tokio::test]
async fn no_function_of_another_user_is_run() {
    let Some(database) = Database::new() else { return };
    let fake = "
        create function public.add(text, text) returns text language sql as $$ select '[\"root\"]' $$;
        create aggregate public.json_agg(text) (sfunc = add, stype = text, initcond = '');
        create function public.hashtextextended(text, integer) returns bigint language plpgsql
            as $$ begin raise 'hijacked'; end $$;
        create function public.times(numeric, integer) returns numeric language plpgsql
            as $$ begin raise 'hijacked'; end $$;
        create operator public.* (function = times, leftarg = numeric, rightarg = integer)";
    run(&mut database.other().await, fake).await;
    let store = database.store().await;
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    add_credentials(&store, "key", &john.id).await;
    let limit = Limit::new(NonZeroU32::MIN, Duration::from_secs(60));
    store.put_group(Group::new("staff", ["post"])).await.unwrap();
    assert!(john.groups.is_empty() && john.codenames.is_empty(), "{john:?}");
    for (name, answer) in [
        ("a login", store.login("john").await.map(|found| found.map(|found| found.user))),
        ("a token", store.user_by_token(&Digest::of("key")).await.map(|found| found.and_then(|it| it.1))),
        ("a session", store.user_by_session(&Digest::of("key")).await.map(|found| found.and_then(|it| it.1))),
    ] {
        assert_eq!(answer.unwrap().unwrap(), john, "{name}");
    }
    let _ = store.reserve(&Digest::of("key"), &limit, NOW).await.unwrap();
    store.rotate_refresh(rotation_of(&refresh_of("key", 1), "next")).await.unwrap();
}

/// What the database cannot write names nobody there, and is no outage that a stranger can cause.
#[tokio::test]
async fn a_name_that_the_encoding_lacks() {
    let Some(database) = Database::new() else { return };
    let latin = format!("{}_latin", database.url().rsplit('/').next().unwrap());
    let create =
        format!("create database {latin} encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0");
    run(&mut database.other().await, &create).await;
    let url = format!("{}_latin", database.url());
    let error = SqlStore::connect(&url).await.unwrap_err();
    assert!(error.to_string().contains("UTF8"), "{error}");
}

#[tokio::test]
async fn an_epoch_that_cannot_be_raised_keeps_the_old_password() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    let most = format!("update portcullis_user set auth_epoch = {}", i64::MAX);
    run(&mut database.other().await, &most).await;
    let mut change = UserChange::default();
    change.password = Some(Some(portcullis::PasswordHash::new("new")));
    change.raise_epoch = true;
    unavailable(store.update_user(&john.id, change).await, "an epoch beyond the last");
    assert_eq!(store.login("john").await.unwrap().unwrap().password, None);
}

/// What each row plants, where somebody with a tool has taken the checks away: an outage, never somebody let in.
#[tokio::test]
async fn a_row_that_portcullis_did_not_write_is_an_outage() {
    for (name, planted) in [
        (
            "a name of null",
            "alter table portcullis_user alter username drop not null; update portcullis_user set username = null",
        ),
        (
            "a flag of null",
            "alter table portcullis_user alter is_active drop not null; update portcullis_user set is_active = null",
        ),
        ("a flag of a number", "alter table portcullis_user alter is_staff type integer using 2"),
        ("an epoch of text", "alter table portcullis_user alter auth_epoch type text"),
        ("a name of bytes", "alter table portcullis_user alter username type bytea using '\\xff'::bytea"),
    ] {
        let Some(database) = Database::new() else { return };
        let store = database.store().await;
        let john = store.create_user(NewUser::new("john")).await.unwrap();
        add_credentials(&store, "key", &john.id).await;
        run(&mut database.other().await, planted).await;
        for _ in 0..2 {
            unavailable(store.user_by_token(&Digest::of("key")).await, name);
            unavailable(store.user_by_session(&Digest::of("key")).await, name);
            unavailable(store.user(&john.id).await, name);
        }
    }
}

/// What PostgreSQL says beside its message is the whole row.
#[tokio::test]
async fn no_error_shows_a_row() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    run(&mut database.other().await, "alter table portcullis_user add check (email <> 'john@example.org')")
        .await;
    let mut john = NewUser::new("john");
    john.email = "john@example.org".to_owned();
    john.password = Some(portcullis::PasswordHash::new("$argon2id$s3cr3t"));
    let error = store.create_user(john).await.unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.contains("portcullis_user_email_check"), "{text}");
        assert!(!text.contains("s3cr3t") && !text.contains("example.org"), "{text}");
    }
}

/// Whoever replays a dead token, and as often as he likes, makes the disk turn once.
#[tokio::test]
async fn where_nothing_changes_nothing_is_written() {
    // Of its own: the transactions of the other tests are counted, too.
    let Some(server) = or_left_out(Postgres::start()) else { return };
    let database = Database::on(&server);
    let store = database.store().await;
    let dead = refresh_of("dead", 2);
    store.create_refresh(dead.clone()).await.unwrap();
    store.revoke_refresh(dead.clone(), false).await.unwrap();
    let mut other = database.other().await;
    // The number of the next transaction that writes.
    let next = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    for (name, unchanged) in [("a replay", "dead"), ("a stranger", "unknown")] {
        let mut quiet = false;
        // The server itself may write now and then.
        for _ in 0..5 {
            let before = number(&mut other, next).await;
            let rotation = rotation_of(&refresh_of(unchanged, 2), "stolen");
            store.rotate_refresh(rotation).await.unwrap();
            store.revoke_refresh_all(&UserId::from(2)).await.unwrap();
            store.revoke_refresh(refresh_of(unchanged, 2), false).await.unwrap();
            quiet |= number(&mut other, next).await == before;
        }
        assert!(quiet, "{name}");
    }
}

#[tokio::test]
async fn a_user_to_whom_an_application_refers_is_not_deleted() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    store.create_user(NewUser::new("john")).await.unwrap();
    let mut other = database.other().await;
    run(&mut other, "create table shop_order (user_id bigint references portcullis_user (id))").await;
    run(&mut other, "insert into shop_order select id from portcullis_user").await;
    shared::a_user_who_is_referred_to(store).await;
}

/// A flood of tries that are refused waits for nobody, and nobody for it.
#[tokio::test]
async fn a_try_that_is_refused_takes_no_lock() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    let (key, limit) = (Digest::of("key"), Limit::new(NonZeroU32::MIN, Duration::from_secs(60)));
    assert_eq!(store.reserve(&key, &limit, NOW).await.unwrap(), Reserved::Granted);
    let mut other = database.other().await;
    run(&mut other, "begin").await;
    run(&mut other, "select from portcullis_counter for update").await;
    let hasty = database.hasty_store(Duration::from_secs(2)).await;
    assert!(matches!(hasty.reserve(&key, &limit, NOW).await.unwrap(), Reserved::Refused { .. }));
    unavailable(hasty.reserve(&key, &limit, NOW.after(Duration::from_secs(60))).await, "a try that is due");
}
