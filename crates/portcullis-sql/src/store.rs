//! The store: opening, bringing up to date, and running verbs in time.

use std::fs::OpenOptions;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

use portcullis::store::StoreError;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};
use tokio::time::{Instant, sleep, timeout};

use crate::config::SqlConfig;
use crate::error::{SqlError, store_error};
use crate::pool::Pool;
use crate::sqlite;
use crate::sqlite::migration::{self, MIGRATIONS, Migration};
use crate::url::{self, Kind};

/// A statement with its values.
pub(crate) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// How long to wait before trying once more to open a database that others are opening.
const PAUSE: Duration = Duration::from_millis(10);
/// How many rows one statement of a purge deletes: few enough that no verb waits long behind it.
const BATCH: u32 = 500;

/// Keeps users, groups, tokens, refresh tokens, sessions and counters in an SQL database; cloning shares the connections.
///
/// It implements every trait of [`portcullis::store`] for [`Account`](portcullis::Account). An application with its own
/// user table puts its own [`UserStore`](portcullis::store::UserStore) beside it with
/// [`Mixed`](portcullis::store::Mixed).
///
/// # Examples
///
/// ```
/// use portcullis::store::{NewUser, UserStore};
/// use portcullis_sql::SqlStore;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let store = SqlStore::connect("sqlite::memory:").await?; // or "sqlite:app.db"
/// let john = store.create_user(NewUser::new("john")).await?;
/// assert_eq!(store.user(&john.id).await?, Some(john));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// The file holds password hashes and the digests of tokens and sessions; where it is made here, only its owner may
/// read it (on Unix). Who can write it can let anybody in.
#[derive(Clone)]
pub struct SqlStore(Arc<Connections>);

struct Connections {
    readers: Arc<Pool>,
    /// One connection, since SQLite has one writer: waiting here is fair, waiting for its lock is not.
    writer: Arc<Pool>,
    timeout: Duration,
    is_read_only: bool,
    /// How many new keys of counters there were.
    new_keys: AtomicU64,
    /// Keeps a database in memory alive while no other connection is open.
    _anchor: Option<Mutex<SqliteConnection>>,
}

impl SqlStore {
    /// Opens a database and makes its tables, or brings them up to date.
    ///
    /// `sqlite:app.db` is a file, made if it is missing; `?mode=rw` asks that it exists, and with `?mode=ro` every
    /// change is an outage. `sqlite::memory:` lives as long as the store.
    ///
    /// # Errors
    ///
    /// [`SqlError`] when the URL is not understood, the database cannot be opened, or its tables are of a later version.
    pub async fn connect(url: &str) -> Result<Self, SqlError> {
        Self::connect_with(url, SqlConfig::default()).await
    }

    /// Opens a database like [`connect`](Self::connect), with another configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_sql::{SqlConfig, SqlStore};
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let config = SqlConfig::default().with_timeout(Duration::from_millis(500));
    /// let store = SqlStore::connect_with("sqlite::memory:", config).await?;
    /// # let _ = store;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub async fn connect_with(url: &str, config: SqlConfig) -> Result<Self, SqlError> {
        let target = url::parse(url)?;
        let options = target
            .options
            .foreign_keys(true)
            // A logout that was acknowledged must survive a loss of power.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(config.timeout())
            .disable_statement_logging();
        let connections = match target.kind {
            Kind::Memory => Connections::in_memory(options, config.timeout()).await?,
            Kind::ReadOnlyFile => {
                Connections::in_file(options.clone().read_only(true), options.read_only(true), &config, true)
            }
            Kind::File | Kind::NewFile => {
                if target.kind == Kind::NewFile {
                    make_private(options.get_filename()).map_err(SqlError::unavailable)?;
                }
                let writer = options.clone().journal_mode(SqliteJournalMode::Wal);
                wait_for(&writer, config.timeout()).await?;
                Connections::in_file(options.pragma("query_only", "on"), writer, &config, false)
            }
        };
        let store = Self(Arc::new(connections));
        store.migrate().await?;
        Ok(store)
    }

    /// Brings the tables up to date; [`connect`](Self::connect) has done it already.
    ///
    /// Each step is one transaction, and programs that start together take turns. The tables' names begin with
    /// `portcullis_`, that of their versions too: other programs' tables and migrations may live in the same database.
    ///
    /// # Errors
    ///
    /// [`SqlError::NewerSchema`] when the tables are of a later major version, else what the database said.
    pub async fn migrate(&self) -> Result<(), SqlError> {
        let is_read_only = self.0.is_read_only;
        let lease = self.0.writer.lease().await?;
        let verb = async |database: &mut SqliteConnection| match migrate(database, is_read_only).await {
            Err(SqlError::Unavailable(outage)) => Err(StoreError::unavailable(outage)),
            answer => Ok(answer),
        };
        lease.run(verb).await?
    }

    pub(crate) async fn fetch_optional(&self, query: Query<'_>) -> Result<Option<SqliteRow>, StoreError> {
        self.run(&self.0.readers, async |database| query.fetch_optional(database).await.map_err(store_error))
            .await
    }

    pub(crate) async fn fetch_all(&self, query: Query<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        self.run(&self.0.readers, async |database| query.fetch_all(database).await.map_err(store_error)).await
    }

    /// Runs one statement that changes rows, and tells how many.
    pub(crate) async fn execute(&self, query: Query<'_>) -> Result<u64, StoreError> {
        self.write(async |database| {
            query.execute(database).await.map(|done| done.rows_affected()).map_err(store_error)
        })
        .await
    }

    /// Runs a transaction, which must commit itself: one that is dropped is rolled back.
    pub(crate) async fn write<T>(
        &self,
        verb: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.run(&self.0.writer, verb).await
    }

    /// Deletes up to `limit` rows in small steps, between which other verbs have their turn.
    ///
    /// It stops early rather than late: what is left is for the next time.
    pub(crate) async fn purge(
        &self,
        limit: u32,
        batch: impl Fn(i64) -> Query<'static>,
    ) -> Result<u64, StoreError> {
        let began = Instant::now();
        let (mut left, mut deleted) = (limit, 0);
        while left > 0 && began.elapsed() < self.0.timeout / 2 {
            let size = left.min(BATCH);
            let count = self.execute(batch(size.into())).await?;
            deleted += count;
            left -= size;
            if count < size.into() {
                break;
            }
        }
        Ok(deleted)
    }

    /// Counts a new key of a counter, and tells the how-many-th it is.
    pub(crate) fn count_new_key(&self) -> u64 {
        self.0.new_keys.fetch_add(1, Ordering::Relaxed)
    }

    async fn run<T>(
        &self,
        pool: &Pool,
        verb: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let answer = async { pool.lease().await.map_err(store_error)?.run(verb).await };
        timeout(self.0.timeout, answer)
            .await
            .unwrap_or_else(|_| Err(StoreError::unavailable("the database did not answer in time")))
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").finish_non_exhaustive()
    }
}

impl Connections {
    /// A database in memory belongs to its one connection; a second one only keeps it alive.
    async fn in_memory(options: SqliteConnectOptions, timeout: Duration) -> Result<Self, SqlError> {
        let anchor = Mutex::new(options.connect().await?);
        let pool = Arc::new(Pool::new(options, NonZeroU32::MIN));
        Ok(Self {
            readers: Arc::clone(&pool),
            writer: pool,
            timeout,
            is_read_only: false,
            new_keys: AtomicU64::new(0),
            _anchor: Some(anchor),
        })
    }

    fn in_file(
        readers: SqliteConnectOptions,
        writer: SqliteConnectOptions,
        config: &SqlConfig,
        is_read_only: bool,
    ) -> Self {
        Self {
            readers: Arc::new(Pool::new(readers, config.connections())),
            writer: Arc::new(Pool::new(writer, NonZeroU32::MIN)),
            timeout: config.timeout(),
            is_read_only,
            new_keys: AtomicU64::new(0),
            _anchor: None,
        }
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

async fn migrate(database: &mut SqliteConnection, is_read_only: bool) -> Result<(), SqlError> {
    let version = match database.fetch_optional(migration::HAS_VERSIONS).await? {
        Some(_) => version(database).await?,
        None => 0,
    };
    for migration in MIGRATIONS.iter().filter(|migration| migration.number > version) {
        if is_read_only {
            return Err(SqlError::ReadOnly);
        }
        apply(database, migration).await?;
    }
    Ok(())
}

/// Applies one step, unless another program did while this one waited.
async fn apply(database: &mut SqliteConnection, step: &Migration) -> Result<(), SqlError> {
    let mut transaction = database.begin_with(sqlite::BEGIN).await?;
    transaction.execute(migration::CREATE_VERSIONS).await?;
    if version(&mut transaction).await? < step.number {
        sqlx::raw_sql(step.sql).execute(&mut *transaction).await?;
        let note = sqlx::query(migration::NOTE_VERSION).bind(step.number).bind(step.major).bind(step.name);
        note.execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Reads the number of the last step that was applied.
async fn version(database: &mut SqliteConnection) -> Result<i64, SqlError> {
    let row = database.fetch_one(migration::VERSION).await?;
    let (number, found) = (row.try_get(0)?, row.try_get(1)?);
    let known = MIGRATIONS.iter().map(|migration| migration.major).max().unwrap_or(0);
    if found > known { Err(SqlError::NewerSchema { found, known }) } else { Ok(number) }
}
