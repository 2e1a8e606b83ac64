//! A process that ends with the test.

use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait between two questions.
const STEP: Duration = Duration::from_millis(20);

/// Ends the server when standard input ends, which it does with the test's process at the latest. The children of
/// PostgreSQL live in sessions of their own, so that they are named by their parent.
const WATCH: &str = r#"
"$@" >>log 2>&1 </dev/null &
server=$!
echo $server
read -r _
pkill -KILL -P $server 2>/dev/null
kill -KILL $server 2>/dev/null
wait $server 2>/dev/null
"#;

/// Removes a directory when standard input ends.
const SWEEP: &str =
    r#"cat >/dev/null; cd /; for try in 1 2 3 4 5; do rm -rf "$1" 2>/dev/null && exit; sleep 0.2; done"#;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Makes a name that nobody else uses in this run.
#[must_use]
pub fn unique(prefix: &str) -> String {
    format!("{prefix}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A directory that is removed with the test's process.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    sweeper: Child,
}

impl Directory {
    pub(crate) fn new(prefix: &str) -> io::Result<Self> {
        let path = tempfile::Builder::new().prefix(prefix).tempdir()?.keep();
        let mut sweep = Command::new("sh");
        sweep.args(["-c", SWEEP, "sh"]).arg(&path).stdin(Stdio::piped());
        Ok(Self { path, sweeper: sweep.spawn()? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        // It ends by itself.
        let _ = self.sweeper.wait();
    }
}

/// A server and how to start it again.
#[derive(Debug)]
pub(crate) struct Process {
    command: Vec<String>,
    directory: Directory,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    watcher: Child,
    server: u32,
}

impl Process {
    pub(crate) fn start(directory: Directory, command: Vec<String>) -> io::Result<Self> {
        let process = Self { command, directory, running: Mutex::new(None) };
        process.restart()?;
        Ok(process)
    }

    pub(crate) fn restart(&self) -> io::Result<()> {
        let mut running = self.running();
        match running.take() {
            Some(server) if !server.has_ended() => {
                *running = Some(server);
                return Ok(());
            }
            Some(server) => server.end(),
            None => {}
        }
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).args(&self.command).current_dir(self.directory.path());
        let mut watcher = watch.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        let output = watcher.stdout.take().ok_or_else(|| io::Error::other("a watcher without output"))?;
        BufReader::new(output).read_line(&mut line)?;
        let server = line.trim().parse().map_err(io::Error::other)?;
        *running = Some(Running { watcher, server });
        Ok(())
    }

    /// Ends the server and its children at once, as a loss of power would.
    pub(crate) fn kill(&self) {
        if let Some(running) = self.running().take() {
            running.end();
        }
    }

    /// Sends a signal to the server and its children.
    pub(crate) fn signal(&self, name: &str) {
        if let Some(running) = &*self.running() {
            let server = running.server.to_string();
            // The parent first: stopped, it starts no new ones meanwhile.
            run("kill", &[&format!("-{name}"), &server]);
            run("pkill", &[&format!("-{name}"), "-P", &server]);
        }
    }

    /// Waits until it answers, and is the one who answers: somebody else's server may have taken the port.
    ///
    /// # Errors
    ///
    /// When it ends, or does not answer within a minute, with its log.
    pub(crate) fn wait_until_ready(&self, what: &str, answers: impl Fn() -> bool) -> io::Result<()> {
        let (gone, began) =
            (|| io::Error::other(format!("{what} has ended\n{}", self.log())), Instant::now());
        loop {
            let is_ready = answers();
            sleep(STEP);
            if self.running().as_ref().is_none_or(Running::has_ended) {
                return Err(gone());
            }
            if is_ready {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("{what}: not within {PATIENCE:?}\n{}", self.log())));
            }
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Tells whether the server is gone, of which its watcher does not take note until it must.
    fn has_ended(&self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.server));
        state.map_or(true, |state| state.contains(") Z "))
    }

    fn end(mut self) {
        drop(self.watcher.stdin.take());
        // It ends by itself, with the server.
        let _ = self.watcher.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn run(program: &str, arguments: &[&str]) {
    // A process that is gone already needs no signal.
    let _ = Command::new(program).args(arguments).stderr(Stdio::null()).status();
}

/// Asks again and again until the answer is yes.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) -> io::Result<()> {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("{what}: not within {PATIENCE:?}")));
        }
        sleep(STEP);
    }
    Ok(())
}

/// Finds a port that is free now, with the one that Redis Cluster's bus takes, 10,000 above.
pub(crate) fn free_port() -> io::Result<u16> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    for _ in 0..500 {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let spread = std::process::id().wrapping_mul(101).wrapping_add(number.wrapping_mul(7)) % 11_000;
        let port = 20_000 + u16::try_from(spread).unwrap_or(0);
        if is_free(port) && is_free(port + 10_000) {
            return Ok(port);
        }
    }
    Err(io::Error::other("no port is free"))
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
