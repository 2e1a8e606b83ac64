//! Starts the real bookshop as a process of its own, on a free loopback port.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use crate::replay::Problem;

/// A running bookshop; it ends when this is dropped.
#[derive(Debug)]
pub struct Bookshop {
    process: Child,
    base_url: String,
}

impl Bookshop {
    /// Builds the bookshop where needed and serves it on a framework from a store, with the test hooks.
    ///
    /// # Errors
    ///
    /// When it cannot be built, or ends before it says where it listens.
    pub fn start(framework: &str, store: &str) -> Result<Self, Problem> {
        Self::start_with(&["--framework", framework, "--store", store, "--reset-endpoint"])
    }

    /// As [`start`](Self::start), with sessions, refresh tokens and counters in a Redis of its own.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with_sessions(framework: &str, store: &str, sessions: &str) -> Result<Self, Problem> {
        let stores = ["--store", store, "--sessions", sessions];
        Self::start_with(&[&["--framework", framework, "--reset-endpoint"], &stores[..]].concat())
    }

    /// As [`start`](Self::start), with these arguments after `serve --listen 127.0.0.1:0`.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(arguments: &[&str]) -> Result<Self, Problem> {
        // What a hostile client is told about by actix-web alone.
        let log = env::var("RUST_LOG").unwrap_or_else(|_| "error,actix_http=off".to_owned());
        let mut process = Command::new(program()?)
            .env("RUST_LOG", log)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or_else(|| Problem::new("the bookshop has no output"))?;
        let mut started = Self { process, base_url: String::new() };
        let mut output = BufReader::new(output);
        while started.base_url.is_empty() {
            let mut line = String::new();
            if output.read_line(&mut line)? == 0 {
                return Err(Problem::new("the bookshop ended before it said where it listens"));
            }
            started.base_url = base_url(&line).unwrap_or_default().to_owned();
        }
        // Whatever else it prints is read, so that it never waits for a full pipe.
        thread::spawn(move || output.lines().map_while(Result::ok).for_each(drop));
        Ok(started)
    }

    /// Where it listens: `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The number of its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Bookshop {
    fn drop(&mut self) {
        // Both fail only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address in a line such as `listening on http://127.0.0.1:8000/`.
fn base_url(line: &str) -> Option<&str> {
    const HOST: &str = "http://127.0.0.1:";
    let rest = line.get(line.find(HOST)?..)?;
    let port = rest.get(HOST.len()..)?;
    let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
    rest.get(..HOST.len() + digits)
}

/// The bookshop's program, built once per test run by the cargo and into the directory that built this test.
fn program() -> Result<&'static Path, Problem> {
    static PROGRAM: OnceLock<Result<PathBuf, Problem>> = OnceLock::new();
    PROGRAM.get_or_init(build).as_deref().map_err(Clone::clone)
}

fn build() -> Result<PathBuf, Problem> {
    let test = env::current_exe()?;
    let profile =
        test.ancestors().nth(2).ok_or_else(|| Problem::new("the test lies in no target directory"))?;
    let target = profile.parent().ok_or_else(|| Problem::new("the test lies in no target directory"))?;
    let profile_name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--workspace", "--bin", "bookshop", "--profile", profile_name])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if !status.success() {
        return Err(Problem::new("the bookshop does not build"));
    }
    Ok(profile.join("bookshop").with_extension(env::consts::EXE_EXTENSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_line() {
        let rows = [
            ("listening on http://127.0.0.1:8000/", Some("http://127.0.0.1:8000")),
            ("http://127.0.0.1:1/api/ and more", Some("http://127.0.0.1:1")),
            ("http://127.0.0.1:65535\n", Some("http://127.0.0.1:65535")),
            ("curl http://example.org/", None),
            ("", None),
        ];
        for (line, wanted) in rows {
            assert_eq!(base_url(line), wanted, "{line}");
        }
    }
}
