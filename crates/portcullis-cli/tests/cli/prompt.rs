//! The prompt for a password, at a terminal.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

use portcullis::{Credentials, Origin, Users};
use portcullis_sql::SqlStore;
use tempfile::TempDir;

use crate::harness::{Ran, Shell};

/// Runs a program on a pseudo-terminal, types an answer after each prompt, and prints what the terminal showed.
const TERMINAL: &str = r#"
import os, pty, select, sys, time
answers, arguments = sys.argv[1].split("|"), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(arguments[0], arguments)
shown, seen, deadline = b"", 0, time.time() + 30
while time.time() < deadline:
    ready, _, _ = select.select([terminal], [], [], 1)
    if not ready:
        continue
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if not part:
        break
    shown += part
    if answers and shown[seen:].rstrip().endswith(b":"):
        seen = len(shown)
        time.sleep(0.1)
        os.write(terminal, answers.pop(0).encode() + b"\n")
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

fn at_terminal(shell: &Shell<'_>, line: &str, answers: &str) -> Ran {
    let mut python = Command::new("python3");
    python.args(["-c", TERMINAL, answers, env!("CARGO_BIN_EXE_portcullis")]).args(line.split(' '));
    python
        .current_dir(shell.directory)
        .env("PORTCULLIS_STORE", shell.store)
        .env_remove("PORTCULLIS_SESSIONS");
    let ran = python.output().unwrap();
    Ran {
        code: ran.status.code().unwrap_or(-1),
        stdout: String::from_utf8(ran.stdout).unwrap(),
        stderr: String::from_utf8(ran.stderr).unwrap(),
    }
}

#[tokio::test]
async fn a_password_is_asked_for_twice_and_never_shown() {
    let directory = TempDir::new().unwrap();
    let shell = Shell::new(directory.path(), "sqlite:app.db");
    assert_eq!(shell.run("migrate", "").code, 0);
    for (line, answers, code, part) in [
        ("user create mary", "correct horse|correct house", 1, "the two passwords differ"),
        ("user create mary", "|", 1, "a password has 1 to 4096 bytes"),
        ("user create mary", "correct horse|correct horse", 0, "User `mary` is created"),
        ("user create mary", "", 1, "the username `mary` is taken"),
        ("user password mary", "staple tractor|staple tractor", 0, "is changed"),
        ("createsuperuser --username root", "correct horse|correct horse", 0, "Superuser `root`"),
    ] {
        let ran = at_terminal(&shell, line, answers);
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        assert!(ran.stdout.contains(part), "{line}: {ran:?}");
        for secret in ["correct", "horse", "house", "staple", "tractor"] {
            assert!(!ran.stdout.contains(secret), "{line}: {ran:?}");
        }
    }
    let store = SqlStore::connect(&format!("sqlite:{}/app.db", directory.path().display())).await.unwrap();
    let users: Users = Users::new(store);
    for (name, password) in [("mary", "staple tractor"), ("root", "correct horse")] {
        let user = users.check(&Credentials::new(name, password), Origin::default()).await;
        assert_eq!(user.unwrap().username, name);
    }
}
