//! One Redis server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::certificates::Certificates;
use crate::missing::Missing;
use crate::process::{Directory, Process, free_port, loopback};

/// A Redis server on loopback that ends with the test's process.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
}

impl Redis {
    /// Starts a server that writes through (`appendonly yes`, `appendfsync always`); later arguments win.
    ///
    /// # Errors
    ///
    /// [`Missing`] where Redis is not installed, or does not start.
    pub fn start(arguments: &[&str]) -> Result<Self, Missing> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            return Err(Missing::install(
                "Redis is not installed; run: apt-get install --yes --no-install-recommends redis-server",
            ));
        }
        let mut last = String::new();
        // Another process may take the port between the look and the start.
        for _ in 0..5 {
            match Self::try_start(arguments) {
                Ok(server) => return Ok(server),
                Err(error) => last = error.to_string(),
            }
        }
        Err(Missing::broken(format!("redis-server does not start: {last}")))
    }

    /// Starts a server that takes TLS on a second port, which is returned.
    ///
    /// # Errors
    ///
    /// [`Missing`] where Redis is not installed, or does not start.
    pub fn start_tls(arguments: &[&str], certificates: &Certificates) -> Result<(Self, u16), Missing> {
        let port = free_port().map_err(|error| Missing::broken(format!("no port is free: {error}")))?;
        let path = |path: PathBuf| path.display().to_string();
        let (certificate, key) = (path(certificates.certificate()), path(certificates.key()));
        let (authority, number) = (path(certificates.authority()), port.to_string());
        let mut all = arguments.to_vec();
        all.extend(["--tls-port", &number, "--tls-cert-file", &certificate, "--tls-key-file", &key]);
        all.extend(["--tls-ca-cert-file", &authority, "--tls-auth-clients", "no"]);
        Ok((Self::start(&all)?, port))
    }

    /// Lends the one server that the tests of a process share.
    ///
    /// # Errors
    ///
    /// [`Missing`] where Redis is not installed, or does not start.
    pub fn shared() -> Result<&'static Self, Missing> {
        static SHARED: OnceLock<Result<Redis, Missing>> = OnceLock::new();
        let server = SHARED.get_or_init(|| Self::start(&["--appendfsync", "everysec"]));
        server.as_ref().map_err(Clone::clone)
    }

    fn try_start(arguments: &[&str]) -> io::Result<Self> {
        let port = free_port()?;
        let directory = Directory::new("portcullis-redis-")?;
        let fixed = ["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"];
        let defaults = ["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "notice"];
        let mut command = vec!["redis-server".to_owned(), "--port".to_owned(), port.to_string()];
        command.extend(fixed.iter().chain(&defaults).chain(arguments).map(ToString::to_string));
        let server = Self { process: Process::start(directory, command)?, port };
        server.wait()?;
        Ok(server)
    }

    fn wait(&self) -> io::Result<()> {
        self.process.wait_until_ready("redis-server", || {
            let answer = self.cli(&["ping"]);
            answer.contains("PONG") || answer.contains("NOAUTH")
        })
    }

    /// Returns `redis://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Returns its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Starts it again, on the same port and data, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not answer within a minute.
    pub fn restart(&self) -> io::Result<()> {
        self.process.restart()?;
        self.wait()
    }

    /// Starts it again without waiting.
    ///
    /// # Errors
    ///
    /// When no process can be started.
    pub fn restart_now(&self) -> io::Result<()> {
        self.process.restart()
    }

    /// Stops it for a while (SIGSTOP): the system still accepts connections.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.process.signal("CONT");
    }

    /// Runs `redis-cli` on it and returns what it printed.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output =
            Command::new("redis-cli").args(["-h", "127.0.0.1", "-p", &port]).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }
}
