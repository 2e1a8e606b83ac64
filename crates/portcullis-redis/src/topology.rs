//! Which server has which key: one server, or the masters of a cluster.
//!
//! 1. Only masters are asked: a replica may not have heard of a logout.
//! 2. The map is read when a server says that a key moved, or after a server failed; never more often than each tenth of
//!    a second, and by one verb at a time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis::store::StoreError;
use redis::{Client, Value, cmd};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::config::RedisConfig;
use crate::error::RedisError;
use crate::node::{self, Node};
use crate::url::{Address, Target};

/// How long a map is not read anew.
const PAUSE: Duration = Duration::from_millis(100);

/// The servers, and who has what.
pub(crate) struct Topology {
    target: Target,
    config: RedisConfig,
    known: StdMutex<Known>,
    /// When the map was read last; held while it is read.
    read_at: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Known {
    nodes: HashMap<Address, Arc<Node>>,
    map: Map,
    /// What a server said of a slot since the map was read.
    moved: HashMap<u16, Address>,
    suspects: HashSet<Address>,
}

/// What a server says of its cluster.
#[derive(Default)]
struct Map {
    /// The first and last slot of each range, and its master.
    ranges: Vec<(u16, u16, Address)>,
    replicas: Vec<Address>,
}

impl Topology {
    pub(crate) fn new(target: Target, config: RedisConfig) -> Self {
        Self { target, config, known: StdMutex::default(), read_at: Mutex::default() }
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        self.target.is_cluster
    }

    /// Finds the master of a slot.
    pub(crate) async fn master_of(&self, slot: u16) -> Result<Arc<Node>, StoreError> {
        if !self.target.is_cluster {
            return self.first();
        }
        let (found, is_suspect) = {
            let known = self.known();
            let found = known.master_of(slot).cloned();
            let is_suspect = found.as_ref().is_none_or(|address| known.suspects.contains(address));
            (found, is_suspect)
        };
        let found = if is_suspect {
            self.read_map(None).await;
            self.known().master_of(slot).cloned()
        } else {
            found
        };
        let address = found.ok_or_else(|| StoreError::unavailable("no server of the cluster has the key"))?;
        self.node(&address)
    }

    /// Lists all masters.
    pub(crate) async fn masters(&self) -> Result<Vec<Arc<Node>>, StoreError> {
        if !self.target.is_cluster {
            return Ok(vec![self.first()?]);
        }
        self.read_map(None).await;
        let mut addresses: Vec<Address> =
            self.known().map.ranges.iter().map(|(_, _, address)| address.clone()).collect();
        addresses.sort_by_key(ToString::to_string);
        addresses.dedup();
        addresses.iter().map(|address| self.node(address)).collect()
    }

    /// Returns the server at an address, without connecting.
    pub(crate) fn node(&self, address: &Address) -> Result<Arc<Node>, StoreError> {
        if let Some(node) = self.known().nodes.get(address) {
            return Ok(Arc::clone(node));
        }
        let client = self.client(address).map_err(StoreError::unavailable)?;
        let node = Arc::new(Node::new(address.clone(), client, self.config.timeout()));
        Ok(Arc::clone(self.known().nodes.entry(address.clone()).or_insert(node)))
    }

    /// Notes that a server did not answer: the map is read before it is asked again.
    pub(crate) fn suspect(&self, address: &Address) {
        if self.target.is_cluster {
            self.known().suspects.insert(address.clone());
        }
    }

    /// Notes that a server answered.
    pub(crate) fn trust(&self, address: &Address) {
        if self.target.is_cluster {
            self.known().suspects.remove(address);
        }
    }

    /// Notes what a server said of a slot.
    pub(crate) async fn moved(&self, slot: u16, to: Address) {
        self.read_map(Some(&to)).await;
        let mut known = self.known();
        if known.master_of(slot) != Some(&to) {
            known.moved.insert(slot, to);
        }
    }

    fn first(&self) -> Result<Arc<Node>, StoreError> {
        let address = self.target.addresses.first();
        self.node(address.ok_or_else(|| StoreError::unavailable("there is no address"))?)
    }

    /// Reads the map of the cluster from whoever tells it first.
    async fn read_map(&self, first: Option<&Address>) {
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|at| at.elapsed() < PAUSE) && !self.known().map.ranges.is_empty() {
            return;
        }
        for address in self.informants(first) {
            if let Ok(Some(map)) = timeout(self.patience(), self.ask(&address)).await {
                let mut known = self.known();
                known.moved.clear();
                let listed: HashSet<&Address> = map.ranges.iter().map(|(_, _, address)| address).collect();
                known.nodes.retain(|address, _| listed.contains(address));
                known.suspects.retain(|address| listed.contains(address));
                known.map = map;
                break;
            }
        }
        *read_at = Some(Instant::now());
    }

    /// Lists whom to ask for the map, those that failed last.
    fn informants(&self, first: Option<&Address>) -> Vec<Address> {
        let known = self.known();
        let masters = known.map.ranges.iter().map(|(_, _, address)| address);
        let all = first.into_iter().chain(masters).chain(&known.map.replicas).chain(&self.target.addresses);
        let mut addresses: Vec<Address> = Vec::new();
        for address in all {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        addresses.sort_by_key(|address| known.suspects.contains(address));
        addresses
    }

    async fn ask(&self, address: &Address) -> Option<Map> {
        let client = self.client(address).ok()?;
        let node = Node::new(address.clone(), client, self.patience());
        let mut connection = node.open().await.ok()?;
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let answers = node::send(&mut connection, &[slots]).await.ok()?;
        read_slots(answers.first()?, &address.host).filter(|map| !map.ranges.is_empty())
    }

    /// Leaves time for others where one hangs, also in a verb that has little.
    fn patience(&self) -> Duration {
        self.config.timeout() / 4
    }

    fn client(&self, address: &Address) -> Result<Client, redis::RedisError> {
        crate::connection::client(&self.target, &self.config, address)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Insists that there is a server.
    pub(crate) async fn connect(&self) -> Result<(), RedisError> {
        if self.target.is_cluster {
            self.read_map(None).await;
            if self.known().map.ranges.is_empty() {
                return Err(RedisError::Unavailable("no server of the cluster told the map".into()));
            }
        }
        Ok(())
    }
}

impl Known {
    fn master_of(&self, slot: u16) -> Option<&Address> {
        let by_range = || {
            let range = self.map.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
            range.map(|(_, _, address)| address)
        };
        self.moved.get(&slot).or_else(by_range)
    }
}

/// Reads an answer to CLUSTER SLOTS; `None` for what is none.
fn read_slots(answer: &Value, asked: &str) -> Option<Map> {
    let Value::Array(entries) = answer else { return None };
    let mut map = Map::default();
    for entry in entries {
        let Value::Array(entry) = entry else { return None };
        let [Value::Int(first), Value::Int(last), master, others @ ..] = entry.as_slice() else {
            return None;
        };
        let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
        map.ranges.push((first, last, read_node(master, asked)?));
        map.replicas.extend(others.iter().filter_map(|node| read_node(node, asked)));
    }
    Some(map)
}

/// Reads one server; one that does not know its own name has that by which it was asked.
fn read_node(node: &Value, asked: &str) -> Option<Address> {
    let Value::Array(node) = node else { return None };
    let [host, Value::Int(port), ..] = node.as_slice() else { return None };
    let host = match host {
        Value::Nil => asked,
        // `?` is a name that is preferred and not set.
        Value::BulkString(bytes) if bytes.is_empty() || bytes == b"?" => asked,
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?,
        _ => return None,
    };
    Some(Address { host: host.to_owned(), port: u16::try_from(*port).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: i64) -> Value {
        Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), Value::BulkString("id".into())])
    }

    fn range(first: i64, last: i64, nodes: Vec<Value>) -> Value {
        Value::Array([vec![Value::Int(first), Value::Int(last)], nodes].concat())
    }

    #[test]
    fn a_slot_is_where_the_map_says_or_where_a_server_said_since() {
        let answer = Value::Array(vec![
            range(0, 99, vec![node("a", 1), node("b", 2)]),
            range(100, 199, vec![node("", 3)]),
            range(200, 16_383, vec![node("?", 4)]),
        ]);
        let map = read_slots(&answer, "asked").unwrap();
        assert_eq!(map.replicas, [Address { host: "b".to_owned(), port: 2 }]);
        let mut known = Known { map, ..Known::default() };
        for (slot, master) in [(0, "a:1"), (99, "a:1"), (100, "asked:3"), (16_383, "asked:4")] {
            assert_eq!(known.master_of(slot).unwrap().to_string(), master, "{slot}");
        }
        known.moved.insert(7, Address { host: "c".to_owned(), port: 4 });
        assert_eq!(known.master_of(7).unwrap().to_string(), "c:4");
        assert_eq!(Known::default().master_of(7), None);
    }

    #[test]
    fn an_answer_that_is_no_map_is_refused() {
        for (case, answer) in [
            ("nothing", Value::Nil),
            ("a range without a master", Value::Array(vec![range(0, 99, vec![])])),
            ("a slot that is none", Value::Array(vec![range(-1, 99, vec![node("a", 1)])])),
            ("a slot beyond all", Value::Array(vec![range(0, 70_000, vec![node("a", 1)])])),
            ("a port that is none", Value::Array(vec![range(0, 99, vec![node("a", 70_000)])])),
            ("a name that is no text", Value::Array(vec![range(0, 99, vec![Value::Int(1)])])),
        ] {
            assert!(read_slots(&answer, "asked").is_none(), "{case}");
        }
    }
}
