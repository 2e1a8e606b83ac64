//! Runs the program as a shell would.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What came out of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The document of a run with `--json`, which must be one.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A directory with a store: what all runs of a test share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shell<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) store: &'a str,
    pub(crate) sessions: Option<&'a str>,
    pub(crate) namespace: Option<&'a str>,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(directory: &'a Path, store: &'a str) -> Self {
        Self { directory, store, sessions: None, namespace: None }
    }

    /// The program with nothing but the variables of this shell.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(arguments).current_dir(self.directory).env_clear();
        if !self.store.is_empty() {
            command.env("PORTCULLIS_STORE", self.store);
        }
        if let Some(sessions) = self.sessions {
            command.env("PORTCULLIS_SESSIONS", sessions);
        }
        if let Some(namespace) = self.namespace {
            command.env("PORTCULLIS_NAMESPACE", namespace);
        }
        command
    }

    /// Runs a line of words without spaces in them.
    pub(crate) fn run(&self, line: &str, stdin: &str) -> Ran {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>(), stdin)
    }

    pub(crate) fn run_words(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that reads nothing has closed it perhaps.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let ran = child.wait_with_output().unwrap();
        let ran = Ran {
            code: ran.status.code().unwrap_or(-1),
            stdout: String::from_utf8(ran.stdout).unwrap(),
            stderr: String::from_utf8(ran.stderr).unwrap(),
        };
        assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {ran:?}");
        ran
    }
}

/// One line of a table of runs.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) line: &'static str,
    pub(crate) stdin: &'static str,
    pub(crate) code: i32,
    pub(crate) stdout: &'static [&'static str],
    pub(crate) stderr: &'static [&'static str],
}

/// Runs a table from its top, and asserts that no secret is ever repeated.
pub(crate) fn play(shell: &Shell<'_>, rows: &[Row], secrets: &[&str]) {
    for Row { name, line, stdin, code, stdout, stderr } in rows {
        let ran = shell.run(line, stdin);
        assert_eq!(ran.code, *code, "{name}: {ran:?}");
        for (text, parts) in [(&ran.stdout, stdout), (&ran.stderr, stderr)] {
            assert_eq!(text.is_empty(), parts.is_empty(), "{name}: {ran:?}");
            for part in *parts {
                assert!(text.contains(part), "{name}: no {part:?} in {text:?}");
            }
        }
        for secret in secrets {
            assert!(!format!("{ran:?}").contains(secret), "{name}: {ran:?}");
        }
    }
}
