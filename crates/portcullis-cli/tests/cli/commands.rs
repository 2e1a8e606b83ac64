//! Every command on a file of SQLite: what it prints, where, and its exit code.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use portcullis::{Jwt, JwtConfig, KeyRing, Origin, Users};
use portcullis_sql::SqlStore;
use tempfile::TempDir;

use crate::harness::{Row, Shell, play};
use crate::scenario;

fn shell(directory: &TempDir) -> Shell<'_> {
    Shell::new(directory.path(), "sqlite:app.db")
}

#[tokio::test]
async fn every_command_does_what_it_says() {
    let directory = TempDir::new().unwrap();
    let shell = shell(&directory);
    let missing = shell.run("user list", "");
    assert_eq!((missing.code, missing.stdout.as_str()), (3, ""), "{missing:?}");
    assert!(missing.stderr.contains("`portcullis migrate`"), "{missing:?}");
    assert!(!directory.path().join("app.db").exists(), "a store is not made in passing");

    assert_eq!(shell.run("migrate", "").stdout, "The tables are up to date.\n");
    let store = SqlStore::connect(&format!("sqlite:{}/app.db", directory.path().display())).await.unwrap();
    scenario::play_all(&shell, &store, &store).await;
}

#[test]
fn a_command_that_is_not_understood_is_a_usage_error() {
    let directory = TempDir::new().unwrap();
    let digest = "0".repeat(64);
    let nowhere = Shell { store: "", ..shell(&directory) };
    for (line, part) in [
        ("", "Usage:"),
        ("frobnicate", "unrecognized subcommand"),
        ("user", "Usage:"),
        ("user create", "<NAME>"),
        ("user create mary --password secret123", "unexpected argument '--password'"),
        ("user create mary --no-password --password-stdin", "cannot be used with"),
        ("user list", "PORTCULLIS_STORE"),
        ("user list --store memory", "a store in memory ends with this command"),
        ("user list --store sqlite::memory:", "a store in memory ends with this command"),
        ("user list --store mysql://root:secret123@localhost/app", "`mysql:`"),
        ("user list --store sqlite:app.db?cache=shared", "the only parameter is `mode`"),
        ("token issue mary --lifetime 90", "90d, 12h, 30m or 45s"),
        ("token issue mary --lifetime forever", "90d, 12h, 30m or 45s"),
        ("token issue mary --format jwt", "possible values: portcullis, drf"),
        ("token revoke mary", "required"),
        ("token revoke mary 1234", "64 lower-case hexadecimal digits"),
        (&format!("token revoke mary {digest} --all"), "cannot be used with"),
        ("session purge --limit -1", "'-1'"),
        ("session purge --limit many", "invalid value 'many'"),
        ("key generate --algorithm none", "choose one of EdDSA"),
        ("key generate --algorithm RS1", "choose one of EdDSA"),
        ("key rotate", "--file"),
        ("createsuperuser --noinput", "--username"),
    ] {
        let ran = nowhere.run(line, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}: {ran:?}");
        assert!(ran.stderr.contains(part), "{line}: {ran:?}");
        assert!(line.contains("--password ") || !ran.stderr.contains("secret123"), "{line}: {ran:?}");
        if !line.is_empty() && line != "user" {
            let ran = nowhere.run(&format!("{line} --json"), "");
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}: {ran:?}");
            let document: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
            assert!(document["error"].is_string(), "{line}: {ran:?}");
        }
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is made by mistake");
}

/// Whoever has a token that leaked may take it for what the list shows, and who forgets `--store` has said where it is: what
/// stands in a log of errors is read by others than a list of processes.
#[test]
fn what_was_put_in_a_wrong_place_is_not_repeated() {
    let directory = TempDir::new().unwrap();
    let shell = shell(&directory);
    for (line, secret) in [
        ("token revoke mary pct_3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld0123456789abcd", "3VqhXk"),
        ("token revoke mary 9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b", "9944b0"),
        ("session end mary 3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld", "3VqhXk"),
        ("refresh revoke mary eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2VjcmV0", "c2VjcmV0"),
        ("check postgres://app:secret123@localhost/app", "secret123"),
        ("user list redis://:secret123@localhost", "secret123"),
        ("--sessions --store postgres://app:secret123@localhost/app check", "secret123"),
        ("postgres://app:secret123@localhost/app", "secret123"),
        ("key generate --algorithm 3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld", "3VqhXk"),
    ] {
        for line in [line.to_owned(), format!("{line} --json")] {
            let ran = shell.run(&line, "");
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}: {ran:?}");
            assert!(!ran.stderr.contains(secret) && ran.stderr.contains("error"), "{line}: {ran:?}");
        }
    }
}

#[test]
fn a_store_that_cannot_be_used_is_an_outage() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("empty.db"), "").unwrap();
    fs::write(directory.path().join("letter.db"), "Dear Mary, this is no database. ".repeat(100)).unwrap();
    for (store, part) in [
        ("sqlite:missing.db", "`portcullis migrate`"),
        ("sqlite:missing.db?mode=rwc", "`portcullis migrate`"),
        ("sqlite:no/such/directory.db", "cannot be opened"),
        ("sqlite:empty.db", "has no tables"),
        ("sqlite:letter.db", "not a database"),
    ] {
        let shell = Shell { store, ..shell(&directory) };
        for line in ["user list", "check", "token issue mary", "clearsessions"] {
            let ran = shell.run(line, "");
            assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{store} {line}: {ran:?}");
            assert!(ran.stderr.contains(part), "{store} {line}: {ran:?}");
            assert_eq!(ran.stderr.lines().count(), 1, "{store} {line}: {ran:?}");
        }
    }
    assert_eq!(fs::read(directory.path().join("empty.db")).unwrap(), b"", "no tables are made in passing");
    let read_only = Shell { store: "sqlite:app.db?mode=ro", ..shell(&directory) };
    assert_eq!(shell(&directory).run("migrate", "").code, 0);
    assert_eq!(read_only.run("user list", "").code, 0);
    assert_eq!(read_only.run("user create mary --no-password", "").code, 3);
}

#[test]
fn help_and_version_go_to_standard_output_without_a_store() {
    let directory = TempDir::new().unwrap();
    let secret = Shell { store: "postgres://shop:secret123@localhost/shop", ..shell(&directory) };
    play(
        &secret,
        &[
            Row {
                name: "help",
                line: "--help",
                stdin: "",
                code: 0,
                stdout: &["Exit codes:", "PORTCULLIS_STORE"],
                stderr: &[],
            },
            Row {
                name: "help of a command",
                line: "user create --help",
                stdin: "",
                code: 0,
                stdout: &["--no-password"],
                stderr: &[],
            },
            Row {
                name: "version",
                line: "--version",
                stdin: "",
                code: 0,
                stdout: &["portcullis 0.1.0"],
                stderr: &[],
            },
        ],
        &["secret123"],
    );
}

#[test]
fn a_reader_who_leaves_ends_the_command_quietly() {
    let directory = TempDir::new().unwrap();
    let shell = shell(&directory);
    assert_eq!(shell.run("migrate", "").code, 0);
    for line in ["user list", "user list --json", "check", "--help", "key generate"] {
        let mut command = shell.command(&line.split(' ').collect::<Vec<_>>());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = child.wait_with_output().unwrap();
        assert_eq!((ran.status.code(), ran.stderr.as_slice()), (Some(0), &b""[..]), "{line}: {ran:?}");
    }
}

#[test]
fn a_long_list_comes_in_pages_and_is_whole() {
    let directory = TempDir::new().unwrap();
    let shell = shell(&directory);
    assert_eq!(shell.run("migrate", "").code, 0);
    let path = format!("sqlite:{}", directory.path().join("app.db").display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let users: Users = Users::new(SqlStore::connect(&path).await.unwrap());
        for number in 0..1_001 {
            users.create_without_password(&format!("user{number}")).await.expect("a new name");
        }
    });
    assert_eq!(shell.run("user list", "").stdout.lines().count(), 1_002);
    let users = shell.run("user list --json", "").json();
    assert_eq!(users["users"].as_array().unwrap().len(), 1_001);
    assert_eq!(users["users"][1_000]["username"], "user1000");
}

/// An application that allows for clocks that differ takes a token for a while after its end; where it also adopts what its
/// store does not know, the row of a token that was revoked must be there as long.
#[tokio::test]
async fn a_purge_from_cron_lets_no_revoked_token_in() {
    let directory = TempDir::new().unwrap();
    let shell = shell(&directory);
    assert_eq!(shell.run("migrate", "").code, 0);
    let store = SqlStore::connect(&format!("sqlite:{}/app.db", directory.path().display())).await.unwrap();
    let john = Users::new(store.clone()).create_without_password("john").await.unwrap();
    let config = JwtConfig::simplejwt()
        .with_refresh_lifetime(Duration::from_secs(1))
        .with_leeway(Duration::from_secs(300));
    let ring = KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld").unwrap();
    let jwt: Jwt = Jwt::new(ring, store).unwrap().with_config(config).unwrap();
    let pairs = [jwt.issue(&john).await.unwrap(), jwt.issue(&john).await.unwrap()];
    let [revoked, good] = pairs.each_ref().map(|pair| pair.refresh().unwrap().expose_secret().as_str());
    jwt.revoke(revoked, Origin::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    for line in ["refresh purge", "flushexpiredtokens"] {
        assert_eq!(shell.run(line, "").code, 0, "{line}");
        assert!(jwt.refresh(revoked, Origin::default()).await.is_err(), "{line}");
    }
    assert!(jwt.refresh(good, Origin::default()).await.is_ok(), "there is a leeway");
}
