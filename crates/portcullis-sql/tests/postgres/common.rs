//! What the tests share: a database, and a second connection to it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis_servers::{Postgres, or_left_out};
use portcullis_sql::{SqlConfig, SqlStore};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) use crate::shared::*;

/// A new database on a server.
pub(crate) struct Database(String);

impl Database {
    /// Makes one on the server that the tests share; none where there is no server.
    pub(crate) fn new() -> Option<Self> {
        or_left_out(Postgres::shared()).map(Self::on)
    }

    pub(crate) fn on(server: &Postgres) -> Self {
        Self(server.database())
    }

    pub(crate) fn url(&self) -> &str {
        &self.0
    }

    /// Opens a store, whose tables are there.
    pub(crate) async fn store(&self) -> SqlStore {
        self.store_with(SqlConfig::default().with_timeout(Duration::from_secs(20))).await
    }

    pub(crate) async fn hasty_store(&self, timeout: Duration) -> SqlStore {
        self.store().await;
        self.store_with(SqlConfig::default().with_timeout(timeout)).await
    }

    pub(crate) async fn narrow_store(&self, connections: u32) -> SqlStore {
        let config = SqlConfig::default().with_timeout(Duration::from_secs(20));
        self.store_with(config.with_connections(NonZeroU32::new(connections).unwrap())).await
    }

    async fn store_with(&self, config: SqlConfig) -> SqlStore {
        let store = SqlStore::connect_with(&self.0, config).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    /// Another program's connection.
    pub(crate) async fn other(&self) -> PgConnection {
        PgConnection::connect(&format!("{}?application_name=other", self.0)).await.unwrap()
    }

    /// Counts the stores' connections to this database, of which the condition is true.
    pub(crate) async fn connections(&self, condition: &str) -> i64 {
        let count = format!(
            "select count(*) from pg_stat_activity
             where datname = current_database() and application_name = 'portcullis' and {condition}"
        );
        number(&mut self.other().await, &count).await
    }

    /// Waits until no connection is left of which the condition is true.
    pub(crate) async fn wait_for_none(&self, condition: &str) {
        let began = Instant::now();
        while self.connections(condition).await > 0 {
            assert!(began.elapsed() < Duration::from_secs(10), "a connection is left that is {condition}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) async fn run(database: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(database)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub(crate) async fn number(database: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query(AssertSqlSafe(sql)).fetch_one(database).await.unwrap().get(0)
}

/// Passes on what it gets, and watches.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    /// How often clients have sent something.
    pub(crate) sent: Arc<AtomicUsize>,
    /// How many connections there were.
    pub(crate) accepted: Arc<AtomicUsize>,
    /// The connections before this one lead nowhere, without a word.
    pub(crate) first: Arc<AtomicUsize>,
}

impl Wire {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counter = || Arc::new(AtomicUsize::new(0));
        let wire = Self { address, sent: counter(), accepted: counter(), first: counter() };
        let (sent, accepted, first) =
            (Arc::clone(&wire.sent), Arc::clone(&wire.accepted), Arc::clone(&wire.first));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = accepted.fetch_add(1, Ordering::Relaxed);
                let (sent, first) = (Arc::clone(&sent), Arc::clone(&first));
                let server = TcpStream::connect(server).await.unwrap();
                let ((mut from, mut back), (mut answers, mut to)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
                tokio::spawn(async move {
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(length @ 1..) = from.read(&mut buffer).await {
                        sent.fetch_add(1, Ordering::Relaxed);
                        if number >= first.load(Ordering::Relaxed) {
                            to.write_all(buffer.get(..length).unwrap()).await.unwrap();
                        }
                    }
                });
            }
        });
        wire
    }
}
