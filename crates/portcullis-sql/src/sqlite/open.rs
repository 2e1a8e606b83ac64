//! Opening a database of SQLite.
//!
//! 1. What is not understood in a URL is refused: a parameter that is silently dropped may have been the one that
//!    mattered.
//! 2. A name that SQLite would read as "a temporary database of this connection alone" is refused: each connection
//!    would see other users.

use std::fs::OpenOptions;
use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::{Instant, sleep};

use crate::config::SqlConfig;
use crate::database::Database;
use crate::error::SqlError;
use crate::pool::Pool;

/// How long to wait before trying once more to open a database that others are opening.
const PAUSE: Duration = Duration::from_millis(10);
/// How many look-ups may be under way at once, unless the application says.
const CONNECTIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// What a URL asks for.
#[derive(Debug)]
struct Target {
    options: SqliteConnectOptions,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    File,
    /// A file that may be missing, and is made.
    NewFile,
    ReadOnlyFile,
}

/// Opens a database, and brings it up to date.
pub(crate) async fn open(url: &str, config: &SqlConfig) -> Result<Database<Sqlite>, SqlError> {
    let target = parse(url)?;
    let options = target
        .options
        .foreign_keys(true)
        // A logout that was acknowledged must survive a loss of power.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(config.timeout())
        .disable_statement_logging();
    let database = match target.kind {
        Kind::Memory => in_memory(options, config.timeout()).await?,
        Kind::ReadOnlyFile => in_file(options.clone().read_only(true), options.read_only(true), config, true),
        Kind::File | Kind::NewFile => {
            if target.kind == Kind::NewFile {
                make_private(options.get_filename()).map_err(SqlError::unavailable)?;
            }
            let writer = options.clone().journal_mode(SqliteJournalMode::Wal);
            wait_for(&writer, config.timeout()).await?;
            in_file(options.pragma("query_only", "on"), writer, config, false)
        }
    };
    database.migrate().await?;
    Ok(database)
}

/// A database in memory belongs to its one connection; a second one only keeps it alive.
async fn in_memory(options: SqliteConnectOptions, timeout: Duration) -> Result<Database<Sqlite>, SqlError> {
    let anchor = Some(Mutex::new(options.connect().await?));
    Ok(Database { _anchor: anchor, ..Database::new(options, timeout, NonZeroU32::MIN) })
}

/// One connection writes, since SQLite has one writer: waiting for it is fair, waiting for its lock is not.
fn in_file(
    readers: SqliteConnectOptions,
    writer: SqliteConnectOptions,
    config: &SqlConfig,
    is_read_only: bool,
) -> Database<Sqlite> {
    let timeout = config.timeout();
    Database {
        readers: Arc::new(Pool::new(readers, timeout, config.connections().unwrap_or(CONNECTIONS))),
        writer: Arc::new(Pool::new(writer, timeout, NonZeroU32::MIN)),
        timeout,
        is_read_only,
        new_keys: AtomicU64::new(0),
        _anchor: None,
    }
}

/// Makes the file for its owner alone; SQLite gives its companions the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Turns on the write-ahead log, which stays on. SQLite does not wait where two switch at one moment, so this does.
async fn wait_for(options: &SqliteConnectOptions, patience: Duration) -> Result<(), SqlError> {
    let began = Instant::now();
    loop {
        match options.connect().await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error) if is_busy(&error) && began.elapsed() < patience => {
                sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tells whether another connection is in the way (SQLITE_BUSY and its extended codes).
fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

fn parse(url: &str) -> Result<Target, SqlError> {
    let rest = url.split_once(':').map_or("", |(_, rest)| rest);
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    let kind = match (path, parameters) {
        (":memory:", "") => Kind::Memory,
        (":memory:", _) => return malformed("a database in memory takes no parameters"),
        ("", _) => return malformed("the name of the file is missing"),
        (path, _) if path.starts_with(':') || path.starts_with("file:") => {
            return malformed("this is a name with a meaning of its own to SQLite; write `./` before it");
        }
        (_, "") | (_, "mode=rwc") => Kind::NewFile,
        (_, "mode=rw") => Kind::File,
        (_, "mode=ro") => Kind::ReadOnlyFile,
        _ => return malformed("the only parameter is `mode`: `rwc` (make the file), `rw` or `ro`"),
    };
    let options =
        SqliteConnectOptions::from_str(url).map_err(|error| SqlError::Malformed(error.to_string()))?;
    Ok(Target { options: options.create_if_missing(kind == Kind::NewFile), kind })
}

fn malformed(why: &str) -> Result<Target, SqlError> {
    Err(SqlError::Malformed(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_understood() {
        for (url, kind, name) in [
            ("sqlite::memory:", Kind::Memory, None),
            ("sqlite:app.db", Kind::NewFile, Some("app.db")),
            ("sqlite://app.db", Kind::NewFile, Some("app.db")),
            ("sqlite:///var/app.db", Kind::NewFile, Some("/var/app.db")),
            ("sqlite:/var/app.db?mode=rwc", Kind::NewFile, Some("/var/app.db")),
            ("sqlite:app.db?mode=rw", Kind::File, Some("app.db")),
            ("sqlite:app.db?mode=ro", Kind::ReadOnlyFile, Some("app.db")),
            ("sqlite:a%3Fb.db", Kind::NewFile, Some("a?b.db")),
        ] {
            let target = parse(url).unwrap();
            assert_eq!(target.kind, kind, "{url}");
            if let Some(name) = name {
                assert_eq!(target.options.get_filename(), Path::new(name), "{url}");
            }
        }
    }

    #[test]
    fn a_url_that_is_refused() {
        for (url, message) in [
            ("sqlite", "the name of the file is missing"),
            ("sqlite:", "the name of the file is missing"),
            ("sqlite://", "the name of the file is missing"),
            ("sqlite:?mode=rw", "the name of the file is missing"),
            ("sqlite::memory:?cache=private", "takes no parameters"),
            ("sqlite::other:", "a meaning of its own"),
            ("sqlite:file:x?mode=memory", "a meaning of its own"),
            ("sqlite:app.db?mode=memory", "the only parameter is `mode`"),
            ("sqlite:app.db?cache=private", "the only parameter is `mode`"),
            ("sqlite:app.db?mode=ro&immutable=1", "the only parameter is `mode`"),
            ("sqlite:%ff.db", "cannot be used"),
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains(message), "{url}: {error}");
        }
    }
}
