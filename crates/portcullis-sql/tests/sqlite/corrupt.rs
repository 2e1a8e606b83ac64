//! Rows that Portcullis did not write: an outage, never a panic, never somebody let in.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::common::{File, add_credentials, refresh_of, rotation_of, run, unavailable};
use portcullis::store::{
    CounterStore, Group, Limit, NewUser, RefreshStore, SessionStore, TokenStore, UserBySession, UserByToken,
    UserStore,
};
use portcullis::{Digest, PasswordHash, Timestamp, UserId};
use portcullis_sql::SqlStore;
use sqlx::sqlite::SqliteConnection;

const TABLES: [&str; 9] = [
    "portcullis_user",
    "portcullis_group",
    "portcullis_group_codename",
    "portcullis_user_group",
    "portcullis_user_codename",
    "portcullis_token",
    "portcullis_session",
    "portcullis_refresh",
    "portcullis_counter",
];

/// A user with everything, in tables without types and checks, as somebody with a tool may leave them.
async fn without_checks(file: &File) -> (SqlStore, SqliteConnection) {
    let store = file.store().await;
    store.put_group(Group::new("Authors", ["books.add_book"])).await.unwrap();
    let mut john = NewUser::new("john").with_group("Authors").with_codename("books.delete_book");
    john.password = Some(PasswordHash::new("$argon2id$…"));
    let john = store.create_user(john).await.unwrap();
    add_credentials(&store, "key", &john.id).await;
    let mut other = file.other().await;
    run(&mut other, "pragma foreign_keys = off; pragma legacy_alter_table = on").await;
    for table in TABLES {
        let twin = format!(
            "alter table {table} rename to aside; create table {table} as select * from aside; drop table aside"
        );
        run(&mut other, &twin).await;
    }
    (store, other)
}

fn key() -> Digest {
    Digest::of("key")
}

/// What each row plants, and which look-ups it must stop: by token, by session, of the user.
const PLANTED: &[(&str, &str, [bool; 3])] = &[
    ("a token of null", "update portcullis_token set user_id = null", [true, false, false]),
    ("a token of a blob", "update portcullis_token set user_id = x'31'", [true, false, false]),
    ("a name of null", "update portcullis_token set name = null", [true, false, false]),
    (
        "a name that is no UTF-8",
        "update portcullis_token set name = cast(x'ff' as text)",
        [true, false, false],
    ),
    ("scopes in a blob", "update portcullis_token set scopes = x'61'", [true, false, false]),
    (
        "scopes that are no UTF-8",
        "update portcullis_token set scopes = cast(x'c3' as text)",
        [true, false, false],
    ),
    ("a token made at null", "update portcullis_token set created_at = null", [true, false, false]),
    ("a token made at a text", "update portcullis_token set created_at = 'x'", [true, false, false]),
    ("a token's end as text", "update portcullis_token set expires_at = 'never'", [true, false, false]),
    ("a token's end as fraction", "update portcullis_token set expires_at = 1e300", [true, false, false]),
    ("a token's end as blob", "update portcullis_token set expires_at = x'00'", [true, false, false]),
    ("a negative idle time", "update portcullis_token set idle = -1", [true, false, false]),
    ("an idle time as text", "update portcullis_token set idle = 'x'", [true, false, false]),
    ("a last use as text", "update portcullis_token set last_used_at = 'x'", [true, false, false]),
    ("a session of a blob", "update portcullis_session set user_id = x'31'", [false, true, false]),
    (
        "a session of no UTF-8",
        "update portcullis_session set user_id = cast(x'ff' as text)",
        [false, true, false],
    ),
    ("a session's epoch of null", "update portcullis_session set epoch = null", [false, true, false]),
    ("a session's epoch as text", "update portcullis_session set epoch = 'x'", [false, true, false]),
    ("a session made at null", "update portcullis_session set created_at = null", [false, true, false]),
    ("a session seen at a text", "update portcullis_session set last_seen_at = 'x'", [false, true, false]),
    ("a session that ends at null", "update portcullis_session set expires_at = null", [false, true, false]),
    (
        "a session that ends at a text",
        "update portcullis_session set expires_at = 'never'",
        [false, true, false],
    ),
    ("data of null", "update portcullis_session set data = null", [false, true, false]),
    ("data in a blob", "update portcullis_session set data = x'7b7d'", [false, true, false]),
    (
        "data that are no UTF-8",
        "update portcullis_session set data = cast(x'ff' as text)",
        [false, true, false],
    ),
    ("a label of null", "update portcullis_session set label = null", [false, true, false]),
    ("a username of null", "update portcullis_user set username = null", [true, true, true]),
    ("a username in a blob", "update portcullis_user set username = x'6a'", [true, true, true]),
    (
        "a username of no UTF-8",
        "update portcullis_user set username = cast(x'ff' as text)",
        [true, true, true],
    ),
    ("an e-mail address of null", "update portcullis_user set email = null", [true, true, true]),
    ("half active", "update portcullis_user set is_active = 2", [true, true, true]),
    ("less than active", "update portcullis_user set is_active = -1", [true, true, true]),
    ("active as text", "update portcullis_user set is_active = 'false'", [true, true, true]),
    ("active or null", "update portcullis_user set is_active = null", [true, true, true]),
    ("staff as text", "update portcullis_user set is_staff = 'no'", [true, true, true]),
    ("superuser of 2", "update portcullis_user set is_superuser = 2", [true, true, true]),
    ("an epoch of null", "update portcullis_user set auth_epoch = null", [true, true, true]),
    ("an epoch as fraction", "update portcullis_user set auth_epoch = 0.5", [true, true, true]),
    ("a user made at null", "update portcullis_user set created_at = null", [true, true, true]),
    ("a codename of null", "update portcullis_user_codename set codename = null", [true, true, true]),
    ("a codename in a blob", "update portcullis_user_codename set codename = x'61'", [true, true, true]),
    (
        "a codename of no UTF-8",
        "update portcullis_user_codename set codename = cast(x'ff' as text)",
        [true; 3],
    ),
    (
        "a group's codename of null",
        "update portcullis_group_codename set codename = null",
        [true, true, true],
    ),
    (
        "a group of no UTF-8",
        "update portcullis_user_group set group_name = cast(x'ff' as text)",
        [true, true, true],
    ),
    ("a group in a blob", "update portcullis_user_group set group_name = x'61'", [true, true, true]),
];

#[tokio::test]
async fn rows_that_portcullis_did_not_write() {
    let file = File::new();
    let (store, mut other) = without_checks(&file).await;
    for table in TABLES {
        run(&mut other, &format!("create table good_{table} as select * from {table}")).await;
    }
    for (name, plant, stops) in PLANTED {
        run(&mut other, plant).await;
        let answers = [
            store.user_by_token(&key()).await.map(drop),
            store.user_by_session(&key()).await.map(drop),
            store.user(&UserId::from(1)).await.map(drop),
        ];
        for (answer, stop) in answers.into_iter().zip(stops) {
            if *stop {
                unavailable(answer, name);
            } else {
                assert!(answer.is_ok(), "{name}: {answer:?}");
            }
        }
        for table in TABLES {
            let restore = format!("delete from {table}; insert into {table} select * from good_{table}");
            run(&mut other, &restore).await;
        }
        assert!(store.user_by_token(&key()).await.unwrap().unwrap().1.is_some(), "after {name}");
        assert!(store.user_by_session(&key()).await.unwrap().unwrap().1.is_some(), "after {name}");
    }
}

/// What a refresh token's row may not say.
const REFRESH: &[(&str, &str)] = &[
    ("a family of null", "family = null"),
    ("a family that is short", "family = x'00'"),
    ("a family as text", "family = 'x'"),
    ("a user in a blob", "user_id = x'31'"),
    ("a user of no UTF-8", "user_id = cast(x'ff' as text)"),
    ("made at null", "created_at = null"),
    ("made at a text", "created_at = 'x'"),
    ("an end of null", "expires_at = null"),
    ("an end as text", "expires_at = 'never'"),
    ("an end as fraction", "expires_at = 1e300"),
    ("a deadline of null", "deadline = null"),
    ("a deadline as text", "deadline = 'never'"),
    ("a state of null", "state = null"),
    ("no state", "state = ''"),
    ("a state that is shouted", "state = 'LIVE'"),
    ("a state with a space", "state = 'live '"),
    ("a state in a blob", "state = x'6c697665'"),
    ("a state as number", "state = 1"),
    ("live, and rotated once", "rotated_at = 1"),
    ("live, with a successor", "rotated_to = zeroblob(32)"),
    ("rotated, who knows when", "state = 'rotated', rotated_to = zeroblob(32)"),
    ("rotated at a text", "state = 'rotated', rotated_at = 'x', rotated_to = zeroblob(32)"),
    ("rotated to nothing", "state = 'rotated', rotated_at = 1"),
    ("rotated to a short id", "state = 'rotated', rotated_at = 1, rotated_to = x'00'"),
    ("rotated to a text", "state = 'rotated', rotated_at = 1, rotated_to = 'x'"),
    ("revoked, with a successor", "state = 'revoked', rotated_to = zeroblob(32)"),
];

#[tokio::test]
async fn refresh_tokens_that_portcullis_did_not_write() {
    let file = File::new();
    let (store, mut other) = without_checks(&file).await;
    run(&mut other, "create table good as select * from portcullis_refresh").await;
    let token = refresh_of("key", 1);
    for (name, plant) in REFRESH {
        run(&mut other, &format!("update portcullis_refresh set {plant}")).await;
        unavailable(store.refresh(&key()).await, name);
        let mut rotation = rotation_of(&token, "next");
        (rotation.adopts, rotation.grace) = (true, Duration::MAX);
        unavailable(store.rotate_refresh(rotation).await, name);
        unavailable(store.revoke_refresh(token.clone(), true).await, name);
        let listed = store.refresh_of(&UserId::from(1)).await;
        assert!(!matches!(listed, Ok(ref tokens) if !tokens.is_empty()), "{name}: {listed:?}");
        assert_eq!(store.refresh(&Digest::of("next")).await.unwrap(), None, "{name}");
        run(&mut other, "delete from portcullis_refresh; insert into portcullis_refresh select * from good")
            .await;
        assert_eq!(store.refresh(&key()).await.unwrap().as_ref(), Some(&token), "after {name}");
    }
}

#[tokio::test]
async fn lists_and_logins_of_rows_that_portcullis_did_not_write() {
    let file = File::new();
    let (store, mut other) = without_checks(&file).await;
    for digest in ["x''", "x'00'", "zeroblob(33)", "null", "'text'"] {
        run(&mut other, &format!("update portcullis_token set digest = {digest}")).await;
        run(&mut other, &format!("update portcullis_session set key = {digest}")).await;
        unavailable(store.tokens_of(&UserId::from(1)).await, digest);
        unavailable(store.sessions_of(&UserId::from(1)).await, digest);
        run(&mut other, &format!("update portcullis_refresh set id = {digest}")).await;
        unavailable(store.refresh_of(&UserId::from(1)).await, digest);
    }
    for password in ["x'00'", "cast(x'ff' as text)"] {
        run(&mut other, &format!("update portcullis_user set password = {password}")).await;
        unavailable(store.login("john").await, password);
    }
}

/// A cast reads `1abc` as 1, and a comparison reads `01` so.
#[tokio::test]
async fn only_the_exact_number_names_a_user() {
    let file = File::new();
    let (store, mut other) = without_checks(&file).await;
    let cases =
        ["01", "+1", " 1", "1 ", "1.0", "1abc", "1e0", "0x1", "", "a", "-1", "9223372036854775808", "2"];
    for id in cases {
        run(&mut other, &format!("update portcullis_token set user_id = '{id}'")).await;
        run(&mut other, &format!("update portcullis_session set user_id = '{id}'")).await;
        let (token, user) = store.user_by_token(&key()).await.unwrap().unwrap();
        assert_eq!((token.user.to_string(), user), (id.to_owned(), None));
        let (_, user) = store.user_by_session(&key()).await.unwrap().unwrap();
        assert_eq!(user, None, "{id:?}");
        assert_eq!(store.user(&UserId::from(id)).await.unwrap(), None, "{id:?}");
    }
}

#[tokio::test]
async fn a_corrupt_counter_is_an_outage_and_grants_nothing() {
    let file = File::new();
    let (store, mut other) = without_checks(&file).await;
    let (now, limit) =
        (Timestamp::from_seconds(1_700_000_000), Limit::new(NonZeroU32::MAX, Duration::from_secs(60)));
    let plant = format!(
        "insert into portcullis_counter (key, state, ends_at) values (x'{}', x'00', 0)",
        hexadecimal(&key())
    );
    run(&mut other, &plant).await;
    for (name, state) in [
        ("a state of null", "null"),
        ("a state that is a number", "12345678"),
        ("a state of seven bytes", "x'01020304050607'"),
        ("a state of nine bytes", "x'010203040506070809'"),
    ] {
        run(&mut other, &format!("update portcullis_counter set state = {state}")).await;
        unavailable(store.reserve(&key(), &limit, now).await, name);
        unavailable(store.give_back(&key(), &limit, now).await, name);
    }
}

fn hexadecimal(digest: &Digest) -> String {
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
