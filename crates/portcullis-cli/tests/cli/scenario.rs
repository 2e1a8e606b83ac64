//! What every store must do, whichever it is.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use portcullis::store::{
    Group, RefreshRecord, RefreshStore, SessionChange, SessionRecord, SessionStore, UserStore,
};
use portcullis::{
    Account, Clock as _, Credentials, Digest, Error, Origin, SystemClock, Timestamp, UserId, Users,
};
use portcullis_sql::SqlStore;
use serde_json::Value;

use crate::harness::{Row, Shell, play};

const FIRST: &str = "correct horse battery";
const SECOND: &str = "staple tractor window";
const SECRETS: &[&str] = &[FIRST, SECOND, "$argon2"];

/// Plays everything on a store that has tables and nothing in them.
pub(crate) async fn play_all(
    shell: &Shell<'_>,
    users: &SqlStore,
    records: &(impl SessionStore + RefreshStore),
) {
    let names = users_come_and_go(shell, users).await;
    tokens_come_and_go(shell, users).await;
    sessions_come_and_go(shell, records, &names).await;
    refresh_tokens_come_and_go(shell, records, &names).await;
    djangos_words_work(shell, users).await;
    let check = shell.run("check --json", "").json();
    let answers = check["parts"].as_array().unwrap();
    assert_eq!(answers.len(), 6);
    assert!(answers.iter().all(|part| part["answers"] == true), "{check}");
}

async fn log_in(store: &SqlStore, name: &str, password: &str) -> Result<Arc<Account>, Error> {
    Users::new(store.clone()).check(&Credentials::new(name, password), Origin::default()).await
}

/// Makes `mary`, who may log in, and `john`, who has no password; returns both ids.
async fn users_come_and_go(shell: &Shell<'_>, store: &SqlStore) -> [UserId; 2] {
    let group = Group::new("Authors", ["books.add_book"]);
    UserStore::<Account>::put_group(store, group).await.unwrap();
    let row = |name, line, stdin, code, stdout, stderr| Row { name, line, stdin, code, stdout, stderr };
    let create = "user create mary --email mary@example.com --staff --group Authors --password-stdin";
    play(
        shell,
        &[
            row("nobody yet", "user list", "", 0, &["ID  USERNAME"], &[]),
            row("no password given", create, "", 1, &[], &["no password in its first line"]),
            row("an empty password", create, "\n", 1, &[], &["no password in its first line"]),
            row("a password with a NUL", create, "a\0b\n", 1, &[], &["1 to 4096 bytes and no NUL"]),
            row("a user", create, "correct horse battery\n", 0, &["User `mary` is created"], &[]),
            row("a name that is taken", create, "", 1, &[], &["the username `mary` is taken"]),
            row("another", "user create john --no-password", "", 0, &["User `john` is created"], &[]),
            row("other letters", "user create Mary --no-password", "", 0, &["`Mary`"], &[]),
            row("an unknown group", "user create eve --no-password --group Nobody", "", 1, &[], &["a group"]),
            row("it was not made", "user password eve", "", 1, &[], &["no user `eve`"]),
            row("no such user", "user activate eve", "", 1, &[], &["`portcullis user list` shows all"]),
            row("no such user", "user deactivate eve", "", 1, &[], &["no user `eve`"]),
            row("by number", "user deactivate 1", "", 1, &[], &["no user `1`"]),
        ],
        SECRETS,
    );
    for name in ["", "a\u{1b}[2Jb", &"x".repeat(2_000)] {
        let ran = shell.run_words(&["user", "create", name, "--no-password"], "");
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
    }
    let mary = log_in(store, "mary", FIRST).await.unwrap();
    assert!(mary.is_staff && !mary.is_superuser && mary.groups.contains("Authors"));
    assert!(log_in(store, "john", "").await.is_err());

    let users = shell.run("user list --json", "").json();
    assert_eq!(users["users"][0]["username"], "mary");
    assert_eq!(users["users"][0]["groups"], serde_json::json!(["Authors"]));
    assert!(users["users"][0]["created_at"].as_str().unwrap().ends_with('Z'));

    play(shell, &[row("shut out", "user deactivate mary", "", 0, &["`mary` is shut out"], &[])], SECRETS);
    assert!(log_in(store, "mary", FIRST).await.is_err());
    play(
        shell,
        &[
            row("no token while shut out", "token issue mary", "", 1, &[], &["`mary` is shut out"]),
            row("let in", "user activate mary", "", 0, &["`mary` may authenticate"], &[]),
            row(
                "a new password",
                "user password mary --password-stdin",
                "staple tractor window\r\n",
                0,
                &["`mary` is changed"],
                &[],
            ),
        ],
        SECRETS,
    );
    assert!(log_in(store, "mary", FIRST).await.is_err());
    let again = log_in(store, "mary", SECOND).await.unwrap();
    assert_eq!(again.auth_epoch, mary.auth_epoch + 2, "shut out once, a new password once");
    let john = UserStore::<Account>::login(store, "john").await.unwrap().unwrap();
    [again.id.clone(), john.user.id.clone()]
}

async fn tokens_come_and_go(shell: &Shell<'_>, store: &SqlStore) {
    let words = ["token", "issue", "mary", "--scopes", "books:read books:write", "--lifetime", "90d"];
    let issued = shell.run_words(&words, "");
    let token = issued.stdout.trim_end();
    assert!(token.starts_with("pct_") && !token.contains(char::is_whitespace), "{issued:?}");
    assert!(!issued.stderr.contains(token) && issued.stderr.contains("only time"), "{issued:?}");
    let digest = Digest::of(token).to_string();
    let drf = shell.run("token issue mary --format drf --name \u{1b}[31mred --json", "");
    assert_eq!(drf.stderr, "", "nothing beside a document");
    let drf = drf.json();
    let drf = drf["token"].as_str().unwrap();
    assert!(drf.len() == 40 && drf.bytes().all(|byte| byte.is_ascii_hexdigit()));

    let list = shell.run("token list mary --json", "").json();
    assert_eq!(list["tokens"][0]["digest"], digest);
    assert_eq!(list["tokens"][0]["scopes"], serde_json::json!(["books:read", "books:write"]));
    let lifetime = 90 * 86_400;
    let record = portcullis::store::TokenStore::token(store, &Digest::of(token)).await.unwrap().unwrap();
    assert_eq!(record.ends_at().since(record.created_at), Duration::from_secs(lifetime));
    assert_eq!(list["tokens"][0]["ends_at"], record.ends_at().to_string());
    assert_eq!(list["tokens"][1]["ends_at"], Value::Null);
    let shown = shell.run("token list mary", "");
    for secret in [token, drf, "\u{1b}"] {
        assert!(!shown.stdout.contains(secret) && !list.to_string().contains(secret), "{shown:?}");
    }
    for (line, code, part) in [
        ("token issue eve".to_owned(), 1, "no user `eve`"),
        ("token list eve".into(), 1, "no user `eve`"),
        ("token revoke eve --all".into(), 1, "no user `eve`"),
        (format!("token revoke mary {}", "0".repeat(64)), 1, "no such token"),
        (format!("token revoke john {digest}"), 1, "no such token"),
        (format!("token revoke mary {digest}"), 0, "is revoked"),
        (format!("token revoke mary {digest}"), 1, "no such token"),
        ("token revoke mary --all".into(), 0, "revoked: 1."),
        ("token revoke mary --all".into(), 0, "revoked: 0."),
        ("token issue mary --lifetime 0s --json".into(), 0, "pct_"),
        ("token purge".into(), 0, "deleted: 1."),
        ("token purge --limit 5".into(), 0, "deleted: 0."),
        ("user create anna --no-password".into(), 0, "`anna` is created"),
        ("drf_create_token anna".into(), 0, "Generated token"),
        ("user deactivate anna".into(), 0, "shut out"),
        ("drf_create_token anna --reset".into(), 1, "`portcullis user activate anna` comes first"),
        ("token revoke anna --all".into(), 0, "revoked: 1."),
    ] {
        let ran = shell.run(&line, "");
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(part), "{line}: {ran:?}");
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

async fn sessions_come_and_go(shell: &Shell<'_>, store: &impl SessionStore, [mary, john]: &[UserId; 2]) {
    let hour = Duration::from_secs(3_600);
    for (name, user, epoch, ends_at) in [
        ("one", mary, 2, now().after(hour)),
        ("two", mary, 2, now().after(hour)),
        ("before the new password", mary, 1, now().after(hour)),
        ("his", john, 0, now().after(hour)),
        ("ended", john, 0, now().before(hour)),
    ] {
        let mut record = SessionRecord::new(now().before(2 * hour), ends_at);
        (record.user, record.epoch, record.label) =
            (Some(user.clone()), epoch, format!("\u{9b}2J{name}").into());
        store.commit(SessionChange::Create(Digest::of(name), record)).await.unwrap();
    }
    let keys = |name: &str| -> Vec<String> {
        let list = shell.run(&format!("session list {name} --json"), "").json();
        let sessions = list["sessions"].as_array().unwrap();
        sessions.iter().map(|session| session["key"].as_str().unwrap().to_owned()).collect()
    };
    let (one, two) = (Digest::of("one").to_string(), Digest::of("two").to_string());
    let mut both = vec![one.clone(), two.clone()];
    both.sort();
    let mut listed = keys("mary");
    listed.sort();
    assert_eq!(listed, both, "those of an earlier epoch are not shown");
    assert_eq!(keys("john"), [Digest::of("his").to_string()], "what has ended is not shown");
    let shown = shell.run("session list john", "").stdout;
    assert!(shown.contains("\u{fffd}2Jhis") && !shown.contains('\u{9b}'), "{shown:?}");
    let document = shell.run("session list john --json", "");
    assert!(!document.stdout.contains('\u{9b}'), "{document:?}");
    assert_eq!(document.json()["sessions"][0]["label"], "\u{9b}2Jhis");
    for (line, code, part) in [
        ("session list eve".to_owned(), 1, "no user `eve`"),
        (format!("session end john {one}"), 1, "no such session"),
        (format!("session end mary {one}"), 0, "is ended"),
        (format!("session end mary {one}"), 1, "no such session"),
        ("session end mary --all".into(), 0, "ended: 2."),
        ("session end mary --all".into(), 0, "ended: 0."),
        ("session purge --limit 0".into(), 0, "deleted: 0."),
    ] {
        let ran = shell.run(&line, "");
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(part), "{line}: {ran:?}");
    }
    assert_eq!(keys("mary"), [""; 0]);
    // Redis lets them end by itself; whoever does it, it is gone then.
    assert_eq!(shell.run("session purge", "").code, 0);
    assert_eq!(store.session(&Digest::of("ended")).await.unwrap(), None);
    assert!(store.session(&Digest::of("his")).await.unwrap().is_some());
}

async fn refresh_tokens_come_and_go(
    shell: &Shell<'_>,
    store: &impl RefreshStore,
    [mary, john]: &[UserId; 2],
) {
    let day = Duration::from_secs(86_400);
    for (name, user, ends_at) in [
        ("jti 1", mary, now().after(day)),
        ("jti 2", mary, now().after(day)),
        ("jti 3", john, now().before(day)),
    ] {
        let record = RefreshRecord::new(Digest::of(name), Some(user.clone()), now().before(2 * day), ends_at);
        store.create_refresh(record).await.unwrap();
    }
    let list = shell.run("refresh list mary --json", "").json();
    assert_eq!(list["refresh_tokens"].as_array().unwrap().len(), 2);
    assert_eq!(list["refresh_tokens"][0]["family_ends_at"], Value::Null);
    let family = Digest::of("jti 1").to_string();
    for (line, code, part) in [
        ("refresh list eve".to_owned(), 1, "no user `eve`"),
        ("refresh list john".into(), 0, "FAMILY"),
        (format!("refresh revoke john {family}"), 1, "no such family"),
        (format!("refresh revoke mary {family}"), 0, "is revoked"),
        (format!("refresh revoke mary {family}"), 1, "no such family"),
        ("refresh revoke mary --all".into(), 0, "revoked: 1."),
        ("refresh purge".into(), 0, "Refresh tokens that had ended"),
    ] {
        let ran = shell.run(&line, "");
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(part), "{line}: {ran:?}");
    }
    assert_eq!(store.refresh(&Digest::of("jti 3")).await.unwrap(), None, "purged");
    assert!(store.refresh(&Digest::of("jti 1")).await.unwrap().is_some(), "a tombstone stays");
}

async fn djangos_words_work(shell: &Shell<'_>, store: &SqlStore) {
    for (line, stdin, code, part) in [
        ("createsuperuser --username root --noinput --email r@example.com", "", 0, "Superuser `root`"),
        ("createsuperuser --username root --noinput", "", 1, "is taken"),
        ("changepassword root --password-stdin", "correct horse battery\n", 0, "is changed"),
        ("changepassword eve --password-stdin", "correct horse battery\n", 1, "no user `eve`"),
        ("drf_create_token eve", "", 1, "no user `eve`"),
        ("drf_create_token root", "", 0, "Generated token "),
        ("clearsessions", "", 0, "deleted: 0."),
        ("flushexpiredtokens", "", 0, "deleted: 0."),
    ] {
        let ran = shell.run(line, stdin);
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(part), "{line}: {ran:?}");
    }
    assert!(log_in(store, "root", FIRST).await.unwrap().is_superuser);
    assert_eq!(shell.run("drf_create_token root --reset", "").code, 0);
    let tokens = shell.run("token list root --json", "").json();
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 1, "the earlier one is revoked");
}
