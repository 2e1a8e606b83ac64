//! Sites on every store, with a proxy before the server where there is one, and ways to hurt both.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_servers::{Cluster, Fault, Postgres, Proxy, Redis, or_left_out};
use portcullis_sql::{SqlConfig, SqlStore};
use portcullis_tests::faults::{Door, Limits, Load, Outcome, World, open};
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How long the site is used before a fault, and how long one lasts.
const BEFORE: Duration = Duration::from_millis(500);
pub(crate) const LASTS: Duration = Duration::from_millis(1500);

/// An SQLite file in a directory of its own.
pub(crate) struct File {
    directory: TempDir,
}

impl File {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("site.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    pub(crate) async fn store(&self) -> SqlStore {
        let config = SqlConfig::default().with_timeout(Limits::default().store);
        SqlStore::connect_with(&self.url(), config).await.unwrap()
    }

    pub(crate) async fn site(&self) -> World {
        open(&self.url(), "", Limits::default().store).await.unwrap()
    }
}

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Redis,
    Cluster,
}

/// A server that belongs to one test.
#[derive(Clone)]
pub(crate) enum Server {
    Postgres(Arc<Postgres>),
    Redis(Arc<Redis>),
    /// A cluster, and the master that is hurt.
    Cluster(Arc<Cluster>, usize),
}

impl Kind {
    pub(crate) async fn start(self) -> Option<Server> {
        self.start_with(&[]).await
    }

    /// Starts it, Redis with these arguments.
    pub(crate) async fn start_with(self, arguments: &'static [&'static str]) -> Option<Server> {
        let start = move || {
            Some(match self {
                Self::Postgres => Server::Postgres(Arc::new(or_left_out(Postgres::start())?)),
                Self::Redis => Server::Redis(Arc::new(or_left_out(Redis::start(arguments))?)),
                Self::Cluster => {
                    let cluster = or_left_out(Cluster::start())?;
                    let master = cluster.master_of("any").unwrap().port();
                    let place = cluster.nodes().iter().position(|node| node.port() == master).unwrap();
                    Server::Cluster(Arc::new(cluster), place)
                }
            })
        };
        spawn_blocking(start).await.unwrap()
    }
}

impl Server {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "PostgreSQL",
            Self::Redis(_) => "Redis",
            Self::Cluster(..) => "Redis Cluster",
        }
    }

    /// The URL of an empty store on it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.database(),
            Self::Redis(server) => server.url(),
            Self::Cluster(server, _) => server.url(),
        }
    }

    /// Where a proxy goes; a cluster tells its own addresses, and cannot stand behind one.
    fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Postgres(server) => Some(server.address()),
            Self::Redis(server) => Some(server.address()),
            Self::Cluster(..) => None,
        }
    }

    /// How many connections a site may keep.
    const fn most_connections(&self) -> usize {
        match self {
            Self::Postgres(_) => 10,
            Self::Redis(_) | Self::Cluster(..) => 2,
        }
    }

    async fn does<T: Send + 'static>(&self, act: impl FnOnce(Self) -> T + Send + 'static) -> T {
        let server = self.clone();
        spawn_blocking(move || act(server)).await.unwrap()
    }

    pub(crate) async fn kill(&self) {
        self.does(|server| match server {
            Self::Postgres(server) => server.kill(),
            Self::Redis(server) => server.kill(),
            Self::Cluster(server, place) => server.nodes()[place].kill(),
        })
        .await;
    }

    /// Starts it again, and waits until it answers.
    pub(crate) async fn restart(&self) {
        self.does(|server| match server {
            Self::Postgres(server) => server.restart(),
            Self::Redis(server) => server.restart(),
            Self::Cluster(server, place) => server.nodes()[place].restart(),
        })
        .await
        .unwrap();
    }

    pub(crate) async fn pause(&self) {
        self.does(|server| match server {
            Self::Postgres(server) => server.pause(),
            Self::Redis(server) => server.pause(),
            Self::Cluster(server, place) => server.nodes()[place].pause(),
        })
        .await;
    }

    pub(crate) async fn resume(&self) {
        self.does(|server| match server {
            Self::Postgres(server) => server.resume(),
            Self::Redis(server) => server.resume(),
            Self::Cluster(server, place) => server.nodes()[place].resume(),
        })
        .await;
    }

    /// Waits until a replica has taken the place of the master that is gone; the master itself is not asked.
    pub(crate) async fn fail_over(&self) {
        let Self::Cluster(cluster, place) = self else { return };
        let (cluster, place) = (Arc::clone(cluster), *place);
        let wait = move || {
            let began = Instant::now();
            while !has_failed_over(&cluster, place) {
                assert!(began.elapsed() < Duration::from_secs(60), "no replica took over");
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        spawn_blocking(wait).await.unwrap();
    }

    /// Waits until all six are well again.
    pub(crate) async fn heal(&self) {
        let Self::Cluster(cluster, _) = self.clone() else { return };
        spawn_blocking(move || cluster.wait_until_healthy()).await.unwrap().unwrap();
    }

    /// Within what an answer has to come, and what may be left.
    pub(crate) fn limits(&self) -> Limits {
        // Two connections to each of six nodes, and a task for each.
        let keeps = if let Self::Cluster(..) = self { 12 } else { 0 };
        Limits { keeps, ..Limits::default() }
    }
}

/// Whether every living node knows that the master has failed, and that all slots are served by others.
fn has_failed_over(cluster: &Cluster, place: usize) -> bool {
    let gone = format!(":{}@", cluster.nodes()[place].port());
    let others = cluster.nodes().iter().enumerate().filter(|(other, _)| *other != place);
    others.into_iter().all(|(_, node)| {
        let table = node.cli(&["cluster", "nodes"]);
        let masters = table.lines().filter(|line| line.contains("master") && !line.contains("fail")).count();
        let is_known = table.lines().any(|line| line.contains(&gone) && line.contains(",fail"));
        masters == 3 && is_known && node.cli(&["cluster", "info"]).contains("cluster_state:ok")
    })
}

/// A proxy on threads of its own, so that its tasks are not counted as the site's.
pub(crate) struct OwnProxy {
    proxy: Proxy,
    runtime: Option<Runtime>,
}

impl OwnProxy {
    pub(crate) async fn start(upstreams: Vec<SocketAddr>) -> Self {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let proxy = runtime.spawn(async move { Proxy::start(&upstreams).await }).await.unwrap().unwrap();
        Self { proxy, runtime: Some(runtime) }
    }
}

impl Deref for OwnProxy {
    type Target = Proxy;

    fn deref(&self) -> &Proxy {
        &self.proxy
    }
}

impl Drop for OwnProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A site, its server and the proxy between them, where there can be one.
pub(crate) struct Stand {
    pub(crate) server: Server,
    pub(crate) world: World,
    proxy: Option<OwnProxy>,
    _beside: File,
}

impl Stand {
    pub(crate) async fn new(server: Server) -> Self {
        let (beside, mut url) = (File::new(), server.does(|server| server.url()).await);
        let mut proxy = None;
        if let Some(address) = server.address() {
            let own = OwnProxy::start(vec![address]).await;
            url = url.replace(&address.to_string(), &own.address().to_string());
            proxy = Some(own);
        }
        let world = open(&url, &beside.url(), Limits::default().store).await.unwrap();
        Self { server, world, proxy, _beside: beside }
    }

    pub(crate) fn door(&self) -> Door {
        Door::Here(self.world.app.clone())
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.proxy.as_ref().unwrap().set(fault);
    }

    /// Uses the site before, during and after a fault; then everything has to succeed once.
    pub(crate) async fn during(&self, fault: impl AsyncFnOnce(), end: impl AsyncFnOnce()) -> Outcome {
        self.during_until(fault, end, &Load::KINDS).await
    }

    /// Uses the site before, during and after a fault; then everything in a list has to succeed once.
    pub(crate) async fn during_until(
        &self,
        fault: impl AsyncFnOnce(),
        end: impl AsyncFnOnce(),
        kinds: &[&str],
    ) -> Outcome {
        let door = self.door();
        let load = Load::start(&self.world, std::slice::from_ref(&door)).await.unwrap();
        sleep(BEFORE).await;
        assert_eq!(load.tally().outages(), 0, "before the fault");
        fault().await;
        sleep(LASTS).await;
        assert!(load.tally().outages() > 0, "nobody noticed");
        end().await;
        let back = load.wait_until_back(kinds).await;
        assert!(back.is_some(), "not back: {:?}", load.tally().missing(kinds));
        let outcome = load.stop(back, &door).await.unwrap();
        self.assert_no_connection_is_left().await;
        outcome
    }

    /// What a proxy does for a while.
    pub(crate) async fn through(&self, fault: Fault) -> Outcome {
        self.during(async || self.set(fault), async || self.set(Fault::None)).await
    }

    async fn assert_no_connection_is_left(&self) {
        let Some(proxy) = &self.proxy else { return };
        let (most, began) = (self.server.most_connections(), Instant::now());
        while proxy.connections() > most && began.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(20)).await;
        }
        let open = proxy.connections();
        assert!(open <= most, "{open} connections to {}, at most {most}", self.server.name());
    }
}

/// Prints the row of a fault, and insists on what no fault excuses.
#[track_caller]
pub(crate) fn conclude(fault: &str, store: &str, outcome: &Outcome) {
    conclude_within(fault, store, outcome, &Limits::default());
}

/// As [`conclude`], within other limits.
#[track_caller]
pub(crate) fn conclude_within(fault: &str, store: &str, outcome: &Outcome, limits: &Limits) {
    outcome.row(fault, store, limits).print();
    let wrongs = outcome.wrongs(limits);
    assert!(wrongs.is_empty(), "{fault} on {store}: {wrongs:#?}");
}
