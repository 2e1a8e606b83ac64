//! A Redis Cluster of three masters, each with a replica.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::OnceLock;

use crate::certificates::Certificates;
use crate::missing::Missing;
use crate::process::{loopback, wait_until};
use crate::redis::Redis;

const SETTINGS: [&str; 10] = [
    "--cluster-enabled",
    "yes",
    "--cluster-config-file",
    "nodes.conf",
    // A master that is silent so long is replaced.
    "--cluster-node-timeout",
    "2000",
    "--repl-diskless-sync-delay",
    "0",
    "--appendfsync",
    "everysec",
];

/// A Redis Cluster on loopback that ends with the test's process.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Redis>,
    addresses: Vec<SocketAddr>,
    scheme: &'static str,
}

impl Cluster {
    /// Starts six servers and joins them.
    ///
    /// # Errors
    ///
    /// [`Missing`] where Redis is not installed, or does not start.
    pub fn start() -> Result<Self, Missing> {
        let nodes = (0..6).map(|_| Redis::start(&SETTINGS)).collect::<Result<Vec<_>, _>>()?;
        let addresses = nodes.iter().map(Redis::address).collect();
        let cluster = Self { nodes, addresses, scheme: "redis+cluster" };
        cluster.join(&[])
    }

    /// Starts six servers that talk by TLS, also among themselves, and joins them. Of each node the port without TLS is
    /// open, too.
    ///
    /// # Errors
    ///
    /// [`Missing`] where Redis is not installed, or does not start.
    pub fn start_tls(certificates: &Certificates) -> Result<Self, Missing> {
        let mut settings = SETTINGS.to_vec();
        settings.extend(["--tls-cluster", "yes", "--tls-replication", "yes"]);
        let (mut nodes, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..6 {
            let (node, port) = Redis::start_tls(&settings, certificates)?;
            nodes.push(node);
            addresses.push(loopback(port));
        }
        let cluster = Self { nodes, addresses, scheme: "rediss+cluster" };
        cluster.join(&["--tls", "--cacert", &certificates.authority().display().to_string()])
    }

    /// Lends the one cluster that the tests of a process share.
    ///
    /// # Errors
    ///
    /// [`Missing`] where Redis is not installed, or does not start.
    pub fn shared() -> Result<&'static Self, Missing> {
        static SHARED: OnceLock<Result<Cluster, Missing>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref().map_err(Clone::clone)
    }

    fn join(self, options: &[&str]) -> Result<Self, Missing> {
        let broken = |error: io::Error| Missing::broken(format!("the cluster does not form: {error}"));
        let mut create = Command::new("redis-cli");
        create.args(options).args(["--cluster", "create"]);
        create.args(self.addresses.iter().map(ToString::to_string));
        let output = create.args(["--cluster-replicas", "1", "--cluster-yes"]).output().map_err(broken)?;
        if !output.status.success() {
            return Err(broken(io::Error::other(String::from_utf8_lossy(&output.stdout).into_owned())));
        }
        self.wait_until_healthy().map_err(broken)?;
        Ok(self)
    }

    /// Returns `redis+cluster://`, or `rediss+cluster://`, and the addresses of all nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        format!("{}://{}", self.scheme, addresses.join(","))
    }

    /// Lends the six nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Finds the node that serves the slot of a key now.
    #[must_use]
    pub fn master_of(&self, key: &str) -> Option<&Redis> {
        self.nodes.iter().find_map(|node| {
            let slot = node.cli(&["cluster", "keyslot", key]).trim().parse().ok()?;
            let table = node.cli(&["cluster", "nodes"]);
            let port = table.lines().find_map(|line| serves(line, slot))?;
            self.nodes.iter().find(|node| node.port() == port)
        })
    }

    /// Waits until every slot is served and every node is linked, six of them or those that live.
    ///
    /// # Errors
    ///
    /// When that takes more than a minute.
    pub fn wait_until_healthy(&self) -> io::Result<()> {
        wait_until("the cluster", || {
            let info: Vec<_> = self.nodes.iter().map(|node| node.cli(&["info", "replication"])).collect();
            let living = info.iter().filter(|info| info.contains("role:")).count();
            let masters = info.iter().filter(|info| info.contains("role:master")).count();
            let linked = info.iter().filter(|info| info.contains("master_link_status:up")).count();
            let heard = info
                .iter()
                .all(|info| info.lines().filter(|line| line.starts_with("slave")).all(has_answered));
            masters == 3 && linked + masters == living && heard && self.nodes.iter().all(is_ready)
        })
    }
}

/// Tells whether a replica has said what it has: WAIT counts none before.
fn has_answered(line: &str) -> bool {
    !line.contains("state=") || (line.contains("state=online") && !line.contains(",offset=0,"))
}

/// A node that is dead does not hinder.
fn is_ready(node: &Redis) -> bool {
    let info = node.cli(&["cluster", "info"]);
    info.is_empty() || (info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384"))
}

/// Reads a line of `CLUSTER NODES`: the port of a living master that has the slot.
fn serves(line: &str, slot: u16) -> Option<u16> {
    let mut words = line.split_whitespace();
    let address = words.nth(1)?;
    let flags = words.next()?;
    if !flags.contains("master") || flags.contains("fail") {
        return None;
    }
    let has_it = words.skip(5).any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        matches!((first.parse::<u16>(), last.parse::<u16>()), (Ok(first), Ok(last)) if (first..=last).contains(&slot))
    });
    let port = address.split('@').next()?.rsplit(':').next()?.parse().ok()?;
    has_it.then_some(port)
}

#[cfg(test)]
mod tests {
    use super::serves;

    #[test]
    fn a_slot_is_served_by_the_living_master_that_has_it() {
        for (line, slot, port) in [
            ("07c3 127.0.0.1:3001@13001 master - 0 1426 1 connected 0-5460", 7, Some(3001)),
            ("07c3 127.0.0.1:3001@13001,host myself,master - 0 1426 1 connected 0-6 7 9-11", 7, Some(3001)),
            ("07c3 127.0.0.1:3001@13001 master - 0 1426 1 connected 0-5460", 5461, None),
            ("07c3 127.0.0.1:3001@13001 master,fail - 0 1426 1 connected 0-5460", 7, None),
            ("07c3 127.0.0.1:3001@13001 slave e7d1 0 1426 1 connected", 7, None),
            ("07c3 127.0.0.1:3001@13001 master - 0 1426 1 connected", 7, None),
            ("", 7, None),
        ] {
            assert_eq!(serves(line, slot), port, "{line}");
        }
    }
}
