//! Running verbs: in time, at the right server, and on as many replicas as was asked for.
//!
//! 1. Each verb as a whole answers within the time-out.
//! 2. A look-up that lost its connection is sent once more; a change never is, unless it is certain that nothing was sent.
//! 3. A change that must be durable is followed by WAIT on the same connection, the only one that knows what to wait for.

use std::sync::Arc;
use std::time::Duration;

use portcullis::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{
    Client, Cmd, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, ServerErrorKind, Value, cmd,
};
use tokio::time::{sleep, timeout};

use crate::config::{RedisConfig, Replicas};
use crate::error::{RedisError, refused};
use crate::key::slot;
use crate::node::{Failure, Lane, Node, lines, replication};
use crate::script::Script;
use crate::topology::Topology;
use crate::url::{Address, Target};

/// How often a verb follows a key, or tries once more.
const ATTEMPTS: usize = 8;
/// How long to wait while a key is on its way from one server to another.
const PAUSE: Duration = Duration::from_millis(10);
/// How many commands are sent in one go.
const BATCH: usize = 200;

/// All servers, and how to talk to them.
pub(crate) struct Connections {
    topology: Topology,
    timeout: Duration,
    replicas: Replicas,
}

/// Who answered, over which connection, and what.
struct Answer {
    node: Arc<Node>,
    connection: MultiplexedConnection,
    values: Vec<Value>,
}

enum Redirect {
    To(Address),
    Once(Address),
    Later,
}

impl Connections {
    pub(crate) async fn connect(target: Target, config: &RedisConfig) -> Result<Self, RedisError> {
        let connections = Self {
            topology: Topology::new(target, config.clone()),
            timeout: config.timeout(),
            replicas: config.replicas(),
        };
        connections.within(async { Ok(connections.topology.connect().await) }).await??;
        connections.within(connections.greet()).await?;
        Ok(connections)
    }

    /// Insists that a master answers; of a cluster any one, since another may be in the middle of a fail-over. Of those
    /// that answer none may evict keys.
    async fn greet(&self) -> Result<(), StoreError> {
        let mut greeting = Err(StoreError::unavailable("there is no master"));
        let masters = self.topology.masters().await?;
        // One that hangs leaves the others their time.
        let patience = match u32::try_from(masters.len()) {
            Ok(0 | 1) | Err(_) => self.timeout,
            Ok(several) => self.timeout / several.saturating_add(1),
        };
        for node in masters {
            let questions = ["memory", "cluster"].map(|section| cmd("INFO").arg(section).clone());
            let late = || Err(Failure::NotSent(format!("{} did not answer in time", node.address)));
            match timeout(patience, node.send(Lane::Quick, &questions)).await.unwrap_or_else(|_| late()) {
                Ok((_, answers)) => {
                    let [memory, cluster] = <[Value; 2]>::try_from(answers).or_else(|_| nothing())?;
                    keeps_keys(&answer_of(memory)?)
                        .and_then(|()| self.is_alone(&answer_of(cluster).unwrap_or(Value::Nil)))
                        .map_err(|why| StoreError::unavailable(format!("{} {why}", node.address)))?;
                    greeting = Ok(());
                }
                Err(failure) if greeting.is_err() => greeting = Err(failed(failure)),
                Err(_) => {}
            }
        }
        greeting
    }

    /// Insists that a single server is no member of a cluster, which has but some of the keys.
    fn is_alone(&self, info: &Value) -> Result<(), String> {
        if !self.is_cluster() && lines(info).any(|line| line == "cluster_enabled:1") {
            return Err("is a member of a cluster: write `redis+cluster://`".to_owned());
        }
        Ok(())
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        self.topology.is_cluster()
    }

    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Runs a verb in time.
    pub(crate) async fn within<T>(
        &self,
        verb: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.timeout, verb)
            .await
            .unwrap_or_else(|_| Err(StoreError::unavailable("Redis did not answer in time")))
    }

    /// Looks something up.
    pub(crate) async fn read(&self, key: &str, command: Cmd) -> Result<Value, StoreError> {
        let answer = self.dispatch(slot(key), Lane::Quick, &[command], true).await?;
        answer.values.into_iter().next().map_or_else(nothing, answer_of)
    }

    /// Looks something up by a script that changes nothing.
    pub(crate) async fn read_by(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&str],
    ) -> Result<Value, StoreError> {
        let answer = self.call(Lane::Quick, true, script, keys, arguments).await?;
        answer.values.into_iter().next().map_or_else(nothing, answer_of)
    }

    /// Changes something that may be lost with its master.
    pub(crate) async fn write(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&str],
    ) -> Result<Value, StoreError> {
        let answer = self.call(Lane::Quick, false, script, keys, arguments).await?;
        answer.values.into_iter().next().map_or_else(nothing, answer_of)
    }

    /// Changes something that must survive its master.
    pub(crate) async fn durable(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&str],
    ) -> Result<Value, StoreError> {
        let mut answer = self.call(Lane::Durable, false, script, keys, arguments).await?;
        self.replicate(&mut answer).await?;
        answer.values.into_iter().next().map_or_else(nothing, answer_of)
    }

    /// Looks many things up, each where it is, or changes what may be changed twice; the answers are in the order of the
    /// commands.
    pub(crate) async fn read_all(&self, commands: Vec<(String, Cmd)>) -> Result<Vec<Value>, StoreError> {
        self.answers(commands).await?.into_iter().map(answer_of).collect()
    }

    /// Looks many things up like `read_all`; what a server refuses is an answer like any other.
    pub(crate) async fn answers(&self, commands: Vec<(String, Cmd)>) -> Result<Vec<Value>, StoreError> {
        let mut values = Vec::with_capacity(commands.len());
        values.resize_with(commands.len(), || None);
        for (node, positions) in self.by_master(&commands).await? {
            for positions in positions.chunks(BATCH) {
                let batch: Vec<Cmd> =
                    positions.iter().filter_map(|at| commands.get(*at)).map(|(_, it)| it.clone()).collect();
                let Ok((_, answers)) = self.send(&node, Lane::Quick, &batch).await else { continue };
                for (at, answer) in positions.iter().zip(answers) {
                    if let (Some(value), None) = (values.get_mut(*at), redirect(&answer, &node.address)) {
                        *value = Some(answer);
                    }
                }
            }
        }
        let mut answers = Vec::with_capacity(values.len());
        for (value, (key, command)) in values.into_iter().zip(commands) {
            answers.push(match value {
                Some(value) => value,
                None => self.read(&key, command).await?,
            });
        }
        Ok(answers)
    }

    /// Changes many things durably, each in one step of its own, by one script with one key. All are tried, also when
    /// one fails; what went wrong is told in the end.
    pub(crate) async fn durable_all(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[&str],
    ) -> Result<Vec<Value>, StoreError> {
        let commands: Vec<(String, Cmd)> =
            keys.iter().map(|key| (key.clone(), script.by_text(&[key], arguments))).collect();
        let mut results = Vec::with_capacity(keys.len());
        results.resize_with(keys.len(), || None);
        let mut outage = None;
        for (node, positions) in self.by_master(&commands).await? {
            for positions in positions.chunks(BATCH) {
                let batch: Vec<Cmd> =
                    positions.iter().filter_map(|at| commands.get(*at)).map(|(_, it)| it.clone()).collect();
                let answers = self.durable_batch(&node, batch).await;
                let answers = answers.unwrap_or_else(|error| {
                    outage = Some(error);
                    Vec::new()
                });
                for (at, answer) in positions.iter().zip(answers) {
                    if let (Some(result), None) = (results.get_mut(*at), redirect(&answer, &node.address)) {
                        *result = Some(answer_of(answer));
                    }
                }
            }
        }
        if let Some(outage) = outage {
            // They may have been changed: a second try would count them as not there.
            return Err(outage);
        }
        let mut all = Vec::with_capacity(keys.len());
        for (result, key) in results.into_iter().zip(keys) {
            all.push(match result {
                Some(result) => result,
                None => self.durable(script, &[key], arguments).await,
            });
        }
        all.into_iter().collect()
    }

    async fn durable_batch(&self, node: &Arc<Node>, mut batch: Vec<Cmd>) -> Result<Vec<Value>, StoreError> {
        let size = batch.len();
        batch.extend(self.question());
        let (connection, values) = self.send(node, Lane::Durable, &batch).await.map_err(failed)?;
        let mut answer = Answer { node: Arc::clone(node), connection, values };
        self.replicate(&mut answer).await?;
        answer.values.truncate(size);
        Ok(answer.values)
    }

    /// Lists the masters.
    pub(crate) async fn masters(&self) -> Result<Vec<Arc<Node>>, StoreError> {
        self.topology.masters().await
    }

    async fn by_master(
        &self,
        commands: &[(String, Cmd)],
    ) -> Result<Vec<(Arc<Node>, Vec<usize>)>, StoreError> {
        let mut groups: Vec<(Arc<Node>, Vec<usize>)> = Vec::new();
        for (at, (key, _)) in commands.iter().enumerate() {
            let node = self.topology.master_of(slot(key)).await?;
            match groups.iter_mut().find(|(other, _)| other.address == node.address) {
                Some((_, positions)) => positions.push(at),
                None => groups.push((node, vec![at])),
            }
        }
        Ok(groups)
    }

    /// Calls a script by its digest, or by its text where the server does not know it (any more).
    async fn call(
        &self,
        lane: Lane,
        is_repeatable: bool,
        script: &Script,
        keys: &[&str],
        arguments: &[&str],
    ) -> Result<Answer, StoreError> {
        let slot = slot(keys.first().copied().unwrap_or_default());
        let question = (lane == Lane::Durable).then(|| self.question()).flatten();
        let mut commands = vec![script.by_digest(keys, arguments)];
        commands.extend(question.clone());
        let answer = self.dispatch(slot, lane, &commands, is_repeatable).await?;
        match answer.values.first() {
            Some(Value::ServerError(error)) if error.kind() == Some(ServerErrorKind::NoScript) => {}
            _ => return Ok(answer),
        }
        let mut commands = vec![script.by_text(keys, arguments)];
        commands.extend(question);
        self.dispatch(slot, lane, &commands, is_repeatable).await
    }

    /// Sends commands of one slot to its master, wherever it is by now. The first command tells.
    async fn dispatch(
        &self,
        slot: u16,
        lane: Lane,
        commands: &[Cmd],
        is_repeatable: bool,
    ) -> Result<Answer, StoreError> {
        let mut elsewhere: Option<Address> = None;
        let mut last = StoreError::unavailable("the key is moving");
        let mut may_repeat = true;
        for _ in 0..ATTEMPTS {
            let is_asking = elsewhere.is_some();
            let node = match elsewhere.take() {
                Some(address) => self.topology.node(&address)?,
                None => self.topology.master_of(slot).await?,
            };
            let sent = if is_asking {
                self.ask(&node, lane, commands).await
            } else {
                self.send(&node, lane, commands).await
            };
            match sent {
                Ok((connection, values)) => match values.first().and_then(|it| redirect(it, &node.address)) {
                    None => return Ok(Answer { node, connection, values }),
                    // Whoever was told of one server tells no other its password.
                    Some(_) if !self.is_cluster() => {
                        return Err(StoreError::unavailable(
                            "the server is of a cluster: write `redis+cluster://`",
                        ));
                    }
                    Some(Redirect::To(address)) => self.topology.moved(slot, address).await,
                    Some(Redirect::Once(address)) => elsewhere = Some(address),
                    Some(Redirect::Later) => sleep(PAUSE).await,
                },
                Err(failure) => {
                    let is_safe = is_repeatable || matches!(failure, Failure::NotSent(_));
                    last = failed(failure);
                    if !is_safe || !std::mem::take(&mut may_repeat) {
                        return Err(last);
                    }
                }
            }
        }
        Err(last)
    }

    async fn send(
        &self,
        node: &Node,
        lane: Lane,
        commands: &[Cmd],
    ) -> Result<(MultiplexedConnection, Vec<Value>), Failure> {
        let suspicion = Suspicion(&self.topology, Some(&node.address));
        let sent = node.send(lane, commands).await?;
        suspicion.dispel();
        Ok(sent)
    }

    /// Sends commands to the server that is about to have their key, which must be announced.
    async fn ask(
        &self,
        node: &Node,
        lane: Lane,
        commands: &[Cmd],
    ) -> Result<(MultiplexedConnection, Vec<Value>), Failure> {
        let mut announced = vec![cmd("ASKING")];
        announced.extend_from_slice(commands);
        let (connection, mut values) = self.send(node, lane, &announced).await?;
        values.drain(..values.len().min(1));
        Ok((connection, values))
    }

    /// What is asked along with a durable change.
    fn question(&self) -> Option<Cmd> {
        (self.replicas == Replicas::IfAny).then(replication)
    }

    /// Waits until enough replicas have what the connection wrote.
    async fn replicate(&self, answer: &mut Answer) -> Result<(), StoreError> {
        let wanted = match self.replicas {
            Replicas::None => 0,
            Replicas::AtLeast(wanted) => wanted.get(),
            Replicas::IfAny => match answer.values.pop() {
                Some(Value::ServerError(error)) => return Err(refused(&error)),
                Some(info) => u32::from(has_replica(&info)),
                None => return nothing(),
            },
        };
        if wanted == 0 {
            return Ok(());
        }
        let patience = (self.timeout / 2).as_millis().max(1);
        let mut wait = cmd("WAIT");
        wait.arg(wanted).arg(u64::try_from(patience).unwrap_or(u64::MAX));
        let answers = answer.node.send_over(&mut answer.connection, Lane::Durable, &[wait]).await;
        match answers.map_err(failed)?.into_iter().next() {
            Some(Value::Int(reached)) if reached >= i64::from(wanted) => Ok(()),
            Some(Value::Int(_)) => Err(StoreError::unavailable("too few replicas have the change")),
            Some(Value::ServerError(error)) => Err(refused(&error)),
            _ => nothing(),
        }
    }
}

/// Suspects a server unless it answers, also when the verb is dropped or runs out of time.
struct Suspicion<'a>(&'a Topology, Option<&'a Address>);

impl Suspicion<'_> {
    fn dispel(mut self) {
        if let Some(address) = self.1.take() {
            self.0.trust(address);
        }
    }
}

impl Drop for Suspicion<'_> {
    fn drop(&mut self) {
        if let Some(address) = self.1 {
            self.0.suspect(address);
        }
    }
}

fn redirect(value: &Value, asked: &Address) -> Option<Redirect> {
    let Value::ServerError(error) = value else { return None };
    let address = || {
        let announced = error.details()?.split_ascii_whitespace().nth(1)?;
        Address::announced(announced, &asked.host)
    };
    match error.kind()? {
        ServerErrorKind::Moved => address().map(Redirect::To),
        ServerErrorKind::Ask => address().map(Redirect::Once),
        ServerErrorKind::TryAgain => Some(Redirect::Later),
        _ => None,
    }
}

/// Tells whether a master has a replica that is in step.
fn has_replica(info: &Value) -> bool {
    lines(info).any(|line| line.starts_with("slave") && line.contains("state=online"))
}

/// Insists that a server never evicts keys: with the row of a used or revoked refresh token goes what tells a replay. All
/// keys have a time to live, so that the policies that spare the others spare none.
fn keeps_keys(info: &Value) -> Result<(), String> {
    let value = |name| lines(info).find_map(|line| line.strip_prefix(name));
    match (value("maxmemory:"), value("maxmemory_policy:")) {
        (Some("0"), _) | (_, Some("noeviction")) => Ok(()),
        (_, policy) => Err(format!(
            "evicts keys when its memory is full (maxmemory-policy {}), and revocations with them: set \
             `maxmemory-policy noeviction`",
            policy.unwrap_or("unknown")
        )),
    }
}

fn failed(failure: Failure) -> StoreError {
    match failure {
        Failure::NotSent(why) => StoreError::unavailable(why),
        Failure::Lost(error) => StoreError::unavailable(error),
    }
}

/// What a server refused is an outage.
pub(crate) fn answer_of(value: Value) -> Result<Value, StoreError> {
    match value {
        Value::ServerError(error) => Err(refused(&error)),
        value => Ok(value),
    }
}

fn nothing<T>() -> Result<T, StoreError> {
    Err(StoreError::unavailable("Redis answered nothing"))
}

/// Prepares connecting to one server.
pub(crate) fn client(
    target: &Target,
    config: &RedisConfig,
    address: &Address,
) -> Result<Client, redis::RedisError> {
    let (host, port) = (address.host.clone(), address.port);
    let server = if target.has_tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut login = RedisConnectionInfo::default().set_skip_set_lib_name().set_db(i64::from(target.database));
    if let Some(user) = &target.user {
        login = login.set_username(user);
    }
    if let Some(password) = &target.password {
        login = login.set_password(password.expose_secret());
    }
    let info = server.into_connection_info()?.set_redis_settings(login);
    // rustls panics where a program has no provider or two; who came first has chosen.
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    #[cfg(feature = "tls")]
    if let Some(roots) = config.roots().filter(|_| target.has_tls) {
        let root_cert = Some(roots.to_vec());
        return Client::build_with_tls(info, redis::TlsCertificates { client_tls: None, root_cert });
    }
    let _ = config;
    Client::open(info)
}
