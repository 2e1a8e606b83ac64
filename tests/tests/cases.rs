//! The bookshop answers as Django REST framework does: every recorded case, over real sockets, on each framework, from
//! each store, by each protocol.

use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis_servers::{Cluster, Missing, Postgres, Redis, or_left_out};
use portcullis_tests::replay::{Differences, Problem, Protocol, read_areas, replay};
use portcullis_tests::server::Bookshop;
use tempfile::TempDir;

/// So many areas and cases were recorded; one that is lost must not pass unseen.
const RECORDED: (usize, usize) = (16, 898);

/// So many cases HTTP/2 cannot ask: DRF's server answers them itself (`server-layer`).
const NOT_IN_HTTP2: usize = 8;

/// Where a bookshop keeps what it knows.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Memory,
    Sqlite,
    Postgres,
    /// Users, tokens and books in SQLite; sessions, refresh tokens and counters in Redis.
    SqliteAndRedis,
    /// Users, tokens and books on PostgreSQL; sessions, refresh tokens and counters in Redis Cluster.
    PostgresAndCluster,
}

/// Stores that nobody else uses while this lives.
struct Stores {
    store: String,
    sessions: Option<String>,
    _directory: Option<TempDir>,
    _redis: Option<Redis>,
    _turn: Option<MutexGuard<'static, ()>>,
}

macro_rules! cases {
    ($($name:ident $framework:literal $kept:ident $protocol:ident;)*) => {
        $(
            #[test]
            fn $name() {
                assert_answers_as_recorded($framework, Kept::$kept, Protocol::$protocol);
            }
        )*
    };
}

cases! {
    axum_answers_as_recorded_from_memory "axum" Memory Http1;
    axum_answers_as_recorded_from_sqlite "axum" Sqlite Http1;
    axum_answers_as_recorded_from_postgres "axum" Postgres Http1;
    axum_answers_as_recorded_from_sqlite_and_redis "axum" SqliteAndRedis Http1;
    axum_answers_as_recorded_from_postgres_and_redis_cluster "axum" PostgresAndCluster Http1;
    axum_answers_as_recorded_from_memory_over_http2 "axum" Memory Http2;
    axum_answers_as_recorded_from_sqlite_over_http2 "axum" Sqlite Http2;
    actix_answers_as_recorded_from_memory "actix" Memory Http1;
    actix_answers_as_recorded_from_sqlite "actix" Sqlite Http1;
    actix_answers_as_recorded_from_postgres "actix" Postgres Http1;
    actix_answers_as_recorded_from_sqlite_and_redis "actix" SqliteAndRedis Http1;
    actix_answers_as_recorded_from_postgres_and_redis_cluster "actix" PostgresAndCluster Http1;
    actix_answers_as_recorded_from_memory_over_http2 "actix" Memory Http2;
    actix_answers_as_recorded_from_sqlite_over_http2 "actix" Sqlite Http2;
    hyper_answers_as_recorded_from_memory "hyper" Memory Http1;
    hyper_answers_as_recorded_from_sqlite "hyper" Sqlite Http1;
    hyper_answers_as_recorded_from_postgres "hyper" Postgres Http1;
    hyper_answers_as_recorded_from_sqlite_and_redis "hyper" SqliteAndRedis Http1;
    hyper_answers_as_recorded_from_postgres_and_redis_cluster "hyper" PostgresAndCluster Http1;
    hyper_answers_as_recorded_from_memory_over_http2 "hyper" Memory Http2;
    hyper_answers_as_recorded_from_sqlite_over_http2 "hyper" Sqlite Http2;
}

#[expect(clippy::panic, reason = "called by tests alone")]
#[expect(clippy::print_stdout, reason = "the totals belong to the test's output")]
fn assert_answers_as_recorded(framework: &str, kept: Kept, protocol: Protocol) {
    let Some(stores) = or_left_out(kept.stores()) else { return };
    let report = stores
        .serve(framework)
        .and_then(|bookshop| replay(bookshop.base_url(), protocol, &Differences::read()?, |_| true));
    match report {
        Ok(report) => {
            println!("{framework}, {kept:?}, {protocol:?}\n{report}");
            let aside = if protocol == Protocol::Http2 { NOT_IN_HTTP2 } else { 0 };
            assert_eq!(report.totals.len(), RECORDED.0, "an area is missing");
            assert_eq!(report.failed(), 0, "cases failed on {framework} with {kept:?}, {protocol:?}");
            assert_eq!((report.passed(), report.aside()), (RECORDED.1 - aside, aside));
        }
        Err(problem) => panic!("{framework} with {kept:?}, {protocol:?}: {problem}"),
    }
}

impl Kept {
    fn stores(self) -> Result<Stores, Missing> {
        Ok(match self {
            Self::Memory => Stores::new("memory"),
            Self::Sqlite => Stores::on_sqlite(),
            Self::Postgres => Stores::new(Postgres::shared()?.database()),
            Self::SqliteAndRedis => {
                let redis = Redis::start(&[])?;
                Stores { sessions: Some(redis.url()), _redis: Some(redis), ..Stores::on_sqlite() }
            }
            Self::PostgresAndCluster => {
                let store = Stores::new(Postgres::shared()?.database());
                // A reset empties the whole cluster, and another one is dear to start: one row after the other.
                static TURN: Mutex<()> = Mutex::new(());
                let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
                Stores { sessions: Some(Cluster::shared()?.url()), _turn: Some(turn), ..store }
            }
        })
    }
}

impl Stores {
    fn new(store: impl Into<String>) -> Self {
        Self { store: store.into(), sessions: None, _directory: None, _redis: None, _turn: None }
    }

    #[expect(clippy::expect_used, reason = "called by tests alone")]
    fn on_sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("bookshop.sqlite");
        Self { _directory: Some(directory), ..Self::new(format!("sqlite:{}", file.display())) }
    }

    fn serve(&self, framework: &str) -> Result<Bookshop, Problem> {
        match &self.sessions {
            None => Bookshop::start(framework, &self.store),
            Some(sessions) => Bookshop::start_with_sessions(framework, &self.store, sessions),
        }
    }
}

#[test]
fn every_recorded_case_is_read() {
    let areas = read_areas().unwrap();
    let cases = areas.iter().map(|area| area.cases.len()).sum::<usize>();
    assert_eq!((areas.len(), cases), RECORDED);
}
