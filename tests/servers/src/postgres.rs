//! One PostgreSQL server.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::certificates::Certificates;
use crate::missing::Missing;
use crate::process::{Directory, Process, free_port, loopback, unique};

/// The role that owns everything.
const ROLE: &str = "portcullis";

/// A PostgreSQL server on loopback that ends with the test's process.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a cluster of databases and starts its server, as the user `postgres` where this is root.
    ///
    /// # Errors
    ///
    /// [`Missing`] where PostgreSQL is not installed, or does not start.
    pub fn start() -> Result<Self, Missing> {
        Self::start_with(&[])
    }

    /// Starts a server with more settings, such as `max_connections=20`.
    ///
    /// # Errors
    ///
    /// [`Missing`] where PostgreSQL is not installed, or does not start.
    pub fn start_with(settings: &[&str]) -> Result<Self, Missing> {
        let programs = programs().ok_or_else(|| {
            Missing::install(
                "PostgreSQL is not installed; run: apt-get install --yes --no-install-recommends postgresql",
            )
        })?;
        let mut last = String::new();
        // Another process may take the port between the look and the start.
        for _ in 0..3 {
            match Self::try_start(&programs, settings) {
                Ok(server) => return Ok(server),
                Err(error) => last = error.to_string(),
            }
        }
        Err(Missing::broken(format!("PostgreSQL does not start: {last}")))
    }

    /// Starts a server that takes TLS.
    ///
    /// # Errors
    ///
    /// [`Missing`] where PostgreSQL is not installed, or does not start.
    pub fn start_tls(certificates: &Certificates) -> Result<Self, Missing> {
        let (certificate, key) = (certificates.certificate(), certificates.key());
        for path in [certificates.folder(), &key] {
            owner(path).map_err(|error| Missing::broken(format!("the key cannot be lent: {error}")))?;
        }
        Self::start_with(&[
            "ssl=on",
            &format!("ssl_cert_file={}", certificate.display()),
            &format!("ssl_key_file={}", key.display()),
        ])
    }

    /// Lends the one server that the tests of a process share; it does not wait for the disk.
    ///
    /// # Errors
    ///
    /// [`Missing`] where PostgreSQL is not installed, or does not start.
    pub fn shared() -> Result<&'static Self, Missing> {
        static SHARED: OnceLock<Result<Postgres, Missing>> = OnceLock::new();
        let server = SHARED.get_or_init(|| Self::start_with(&["fsync=off"]));
        server.as_ref().map_err(Clone::clone)
    }

    fn try_start(programs: &Path, settings: &[&str]) -> io::Result<Self> {
        let (port, directory) = (free_port()?, Directory::new("portcullis-postgres-")?);
        let as_owner = owner(directory.path())?;
        let data = directory.path().join("data").display().to_string();
        let program = |name: &str| programs.join(name).display().to_string();
        let mut initdb = as_owner.clone();
        initdb.extend([program("initdb"), "--pgdata".to_owned(), data.clone()]);
        initdb.extend(
            ["--username", ROLE, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
                .map(Into::into),
        );
        run(&initdb, directory.path())?;
        let mut command = as_owner;
        command.extend([program("postgres"), "-D".to_owned(), data, "-p".to_owned(), port.to_string()]);
        let defaults = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"];
        command.extend(
            defaults.iter().chain(settings).flat_map(|setting| ["-c".to_owned(), setting.to_string()]),
        );
        let process = Process::start(directory, command)?;
        let server = Self { process, programs: programs.to_owned(), port };
        server.wait()?;
        Ok(server)
    }

    fn wait(&self) -> io::Result<()> {
        let is_ready = || self.client("pg_isready", &["-d", "postgres"]).is_ok();
        self.process.wait_until_ready("PostgreSQL", is_ready)
    }

    /// Runs a program of PostgreSQL's against the server.
    fn client(&self, program: &str, arguments: &[&str]) -> io::Result<()> {
        let program = self.programs.join(program).display().to_string();
        let mut command = vec![program, "-h".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned()];
        command.extend([self.port.to_string(), "-U".to_owned(), ROLE.to_owned()]);
        command.extend(arguments.iter().map(ToString::to_string));
        run(&command, Path::new("/"))
    }

    /// Makes a new, empty database and returns its URL.
    ///
    /// # Panics
    ///
    /// When the server does not.
    #[must_use]
    #[expect(clippy::expect_used, reason = "called by tests alone, which fail so")]
    pub fn database(&self) -> String {
        let name = unique("test");
        self.client("createdb", &["--template=template0", &name]).expect("a new database");
        format!("postgres://{ROLE}@{}/{name}", self.address())
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

    /// Ends it and all its processes at once (SIGKILL).
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

    /// Stops it and its processes for a while (SIGSTOP): the system still accepts connections.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.process.signal("CONT");
    }
}

/// Finds the programs of the server, which Debian keeps out of the search path.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = env::split_paths(&path).collect();
    let mut versions: Vec<_> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    versions.sort_by_key(|version| version.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    folders.extend(versions.iter().rev().map(|version| version.path().join("bin")));
    let needed = ["initdb", "postgres", "createdb", "pg_isready"];
    folders.into_iter().find(|folder| needed.iter().all(|program| folder.join(program).is_file()))
}

/// Gives a directory or a file to the user who is to run the server, and returns how to become him: PostgreSQL refuses root.
fn owner(path: &Path) -> io::Result<Vec<String>> {
    let id = |arguments: &[&str]| -> io::Result<u32> {
        let output = Command::new("id").args(arguments).output()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)
    };
    if id(&["-u"])? != 0 {
        return Ok(Vec::new());
    }
    let user = if id(&["-u", "postgres"]).is_ok() { "postgres" } else { "nobody" };
    let (uid, gid) = (id(&["-u", user])?, id(&["-g", user])?);
    chown(path, Some(uid), Some(gid))?;
    Ok(vec![
        "setpriv".to_owned(),
        format!("--reuid={uid}"),
        format!("--regid={gid}"),
        "--clear-groups".to_owned(),
    ])
}

fn run(command: &[String], folder: &Path) -> io::Result<()> {
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("no command"))?;
    let output = Command::new(program).args(arguments).current_dir(folder).env_remove("PGUSER").output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{program}: {}", String::from_utf8_lossy(&output.stderr))))
}
