//! An SQLite file that cannot be written: look-ups go on, changes are 503, and nothing is taken for another.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis_tests::faults::{Door, Limits, Load, Node, Row, Trouble, Visitor, open};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};
use tokio::time::sleep;

use crate::stand::{File, conclude};

const NODE: &str = env!("CARGO_BIN_EXE_faults-node");

/// A second process that holds the file's lock until this is dropped.
struct Lock(Child);

impl Lock {
    fn on(file: &Path) -> Self {
        let mut process = Command::new(NODE)
            .arg("lock")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(process)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks `integrity_check` of SQLite itself.
async fn is_whole(file: &Path) -> bool {
    let mut database = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let row = sqlx::query("PRAGMA integrity_check").fetch_one(&mut database).await.unwrap();
    row.get::<String, _>(0) == "ok"
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_process_holds_the_lock_look_ups_go_on() {
    let file = File::new();
    let world = file.site().await;
    let door = Door::Here(world.app.clone());
    let load = Load::start(&world, std::slice::from_ref(&door)).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    let lock = Lock::on(&file.path());
    let visitor = Visitor::new(&door, "guest");
    sleep(Limits::default().store * 2).await;
    assert_eq!(visitor.log_in().await, Err(Trouble::Outage), "a login is a change");
    assert_eq!(visitor.issue().await, Err(Trouble::Outage), "so is a token");
    let reads = load.wait_until_back(&Load::LOOKS).await;
    assert!(reads.is_some(), "look-ups stopped: {:?}", load.tally().missing(&Load::LOOKS));
    drop(lock);
    let back = load.wait_until_back(&Load::KINDS).await;
    assert!(back.is_some(), "not back: {:?}", load.tally().missing(&Load::KINDS));
    let outcome = load.stop(back, &door).await.unwrap();
    assert!(outcome.outages() > 0);
    assert!(is_whole(&file.path()).await);
    conclude("locked by another process (BEGIN EXCLUSIVE)", "SQLite", &outcome);
}

#[tokio::test]
async fn a_file_that_may_only_be_read_serves_look_ups() {
    let file = File::new();
    let before = file.site().await;
    before.somebody("john").await.unwrap();
    let john = Visitor::new(&Door::Here(before.app.clone()), "john");
    let (login, token) = (john.log_in().await.unwrap(), john.issue().await.unwrap());
    let (access, refresh) = john.pair().await.unwrap();

    let world = open(&format!("{}?mode=ro", file.url()), "", Limits::default().store).await.unwrap();
    let john = Visitor::new(&Door::Here(world.app), "john");
    let credentials = [login.credential(), format!("Token {token}"), format!("Bearer {access}")];
    for credential in &credentials {
        for path in ["/closed", "/optional"] {
            assert_eq!(john.ask(path, credential).await.as_deref(), Ok("john"), "{credential}");
        }
    }
    let outage = Err(Trouble::Outage);
    for (name, answer) in [
        ("log in", john.send_log_in(None).await),
        ("log in again", john.send_log_in(Some(&login)).await),
        ("log out", john.log_out(&login).await),
        ("save", john.note(&login, "new").await),
        ("issue", john.issue().await.map(drop)),
        ("revoke", john.revoke(&token).await),
        ("pair", john.pair().await.map(drop)),
        ("refresh", john.refresh(&refresh).await.map(drop)),
        ("end", john.end(&refresh).await),
        ("password", john.change_password(&login, "another horse battery").await),
    ] {
        assert_eq!(answer, outage, "{name}");
    }
    let after = Visitor::new(&Door::Here(before.app), "john");
    for credential in &credentials {
        assert_eq!(after.ask("/closed", credential).await.as_deref(), Ok("john"), "nothing was changed");
    }
    assert!(after.refresh(&refresh).await.is_ok());
    Row::new("read-only (mode=ro)", "SQLite").with("asked", 16).with("503", 10).with("let in", 0).print();
}

/// Lets the files of a process grow no further, or as they like.
fn limit_files(process: u32, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &process.to_string(), &limit]).status().unwrap();
    assert!(done.success(), "prlimit");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_look_ups_go_on_and_nothing_is_torn() {
    let file = File::new();
    let world = file.site().await;
    let node = Node::start(Path::new(NODE), "127.0.0.1:0", &file.url(), "").unwrap();
    let door = Door::There(node.address());
    let load = Load::start(&world, std::slice::from_ref(&door)).await.unwrap();
    sleep(Duration::from_millis(700)).await;
    // No file of the node may grow by a byte, and none may be written beyond its first page.
    limit_files(node.id(), "4096");
    sleep(Duration::from_millis(700)).await;
    let visitor = Visitor::new(&door, "guest");
    assert_eq!(visitor.log_in().await, Err(Trouble::Outage), "a login is a change");
    assert_eq!(visitor.issue().await, Err(Trouble::Outage), "so is a token");
    let reads = load.wait_until_back(&Load::LOOKS).await;
    assert!(reads.is_some(), "look-ups stopped: {:?}", load.tally().missing(&Load::LOOKS));
    limit_files(node.id(), "unlimited");
    let back = load.wait_until_back(&Load::KINDS).await;
    assert!(back.is_some(), "not back: {:?}", load.tally().missing(&Load::KINDS));
    let outcome = load.stop(back, &door).await.unwrap();
    assert!(outcome.outages() > 0);
    drop(node);
    assert!(is_whole(&file.path()).await);
    conclude("disk full (RLIMIT_FSIZE), then space again", "SQLite", &outcome);
}
