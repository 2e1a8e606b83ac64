//! The connections to one server.
//!
//! 1. Two connections, each shared by all verbs: one for what answers at once, and one for what waits for replicas, so
//!    that no look-up stands behind a WAIT.
//! 2. Nothing reconnects in secret: WAIT counts what its own connection wrote, and on a new one it would wait for nothing.
//! 3. A server that is not a master is not talked to: a replica may not have heard of a logout.
//! 4. Every few seconds, and where a verb was dropped or ran out of time, or the server refused a change as a replica does,
//!    a connection is asked first whether it still leads to a master. However busy it is: look-ups do not notice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, ServerErrorKind, Value, cmd};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::url::Address;

/// How long a connection is believed without being asked whether it still leads to a master.
const REST: Duration = Duration::from_secs(5);

/// Which connection a verb goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What answers at once.
    Quick,
    /// What waits for replicas.
    Durable,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was sent.
    NotSent(String),
    /// What was sent may have happened.
    Lost(RedisError),
}

/// One server.
pub(crate) struct Node {
    pub(crate) address: Address,
    client: Client,
    patience: Duration,
    quick: Link,
    durable: Link,
}

#[derive(Default)]
struct Link {
    held: Mutex<Option<MultiplexedConnection>>,
    is_doubtful: AtomicBool,
    asked: StdMutex<Option<Instant>>,
}

impl Node {
    pub(crate) fn new(address: Address, client: Client, patience: Duration) -> Self {
        Self { address, client, patience, quick: Link::default(), durable: Link::default() }
    }

    /// Sends commands in one go, and returns an answer to each and the connection that they went over.
    pub(crate) async fn send(
        &self,
        lane: Lane,
        commands: &[Cmd],
    ) -> Result<(MultiplexedConnection, Vec<Value>), Failure> {
        let link = match lane {
            Lane::Quick => &self.quick,
            Lane::Durable => &self.durable,
        };
        let mut connection = self.connection(link).await?;
        let values = self.send_over(&mut connection, lane, commands).await?;
        Ok((connection, values))
    }

    /// Sends more over the connection of an answer.
    pub(crate) async fn send_over(
        &self,
        connection: &mut MultiplexedConnection,
        lane: Lane,
        commands: &[Cmd],
    ) -> Result<Vec<Value>, Failure> {
        let link = match lane {
            Lane::Quick => &self.quick,
            Lane::Durable => &self.durable,
        };
        let doubt = Doubt(&link.is_doubtful);
        let values = send(connection, commands).await.map_err(Failure::Lost)?;
        doubt.dispel();
        if values.iter().any(is_demoted) {
            self.doubt_all();
        }
        Ok(values)
    }

    async fn connection(&self, link: &Link) -> Result<MultiplexedConnection, Failure> {
        let mut held = link.held.lock().await;
        if let Some(connection) = &mut *held {
            if !link.is_doubtful.load(Ordering::SeqCst) && !link.is_due() {
                return Ok(connection.clone());
            }
            if self.is_good(connection).await {
                link.is_doubtful.store(false, Ordering::SeqCst);
                link.note_asked();
                return Ok(connection.clone());
            }
            *held = None;
        }
        let connection = self.connect().await?;
        link.is_doubtful.store(false, Ordering::SeqCst);
        link.note_asked();
        Ok(held.insert(connection).clone())
    }

    async fn is_good(&self, connection: &mut MultiplexedConnection) -> bool {
        matches!(timeout(self.patience / 4, self.insist_on_master(connection)).await, Ok(Ok(())))
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Failure> {
        let mut connection = self.open().await.map_err(|error| self.not_sent(&error))?;
        self.insist_on_master(&mut connection).await?;
        Ok(connection)
    }

    async fn insist_on_master(&self, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
        let answers = send(connection, &[replication()]).await.map_err(|error| self.not_sent(&error))?;
        match answers.first() {
            Some(Value::ServerError(error)) => {
                Err(Failure::NotSent(format!("{} answered {}", self.address, error.code())))
            }
            Some(answer) if lines(answer).any(|line| line == "role:master") => Ok(()),
            _ => {
                self.doubt_all();
                Err(Failure::NotSent(format!("{} is not a master", self.address)))
            }
        }
    }

    fn doubt_all(&self) {
        self.quick.is_doubtful.store(true, Ordering::SeqCst);
        self.durable.is_doubtful.store(true, Ordering::SeqCst);
    }

    /// Opens a connection of its own, to whatever the server is.
    pub(crate) async fn open(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Says no more of a refused login than its code: some servers repeat what they were sent.
    fn not_sent(&self, error: &RedisError) -> Failure {
        let why = if error.is_io_error() {
            error.to_string()
        } else {
            error.code().unwrap_or(error.category()).to_owned()
        };
        Failure::NotSent(format!("no connection to {}: {why}", self.address))
    }
}

impl Link {
    fn note_asked(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_due(&self) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.is_none_or(|asked| asked.elapsed() > REST)
    }
}

/// Leaves a connection in doubt unless an answer came.
struct Doubt<'a>(&'a AtomicBool);

impl Doubt<'_> {
    fn dispel(self) {
        std::mem::forget(self);
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Sends commands as one pipeline; what the server refuses is an answer like any other.
pub(crate) async fn send(
    connection: &mut MultiplexedConnection,
    commands: &[Cmd],
) -> Result<Vec<Value>, RedisError> {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command(command.clone());
    }
    connection.send_packed_commands(&pipeline, 0, commands.len()).await
}

/// Asks a server what it is, and who follows it.
pub(crate) fn replication() -> Cmd {
    let mut info = cmd("INFO");
    info.arg("replication");
    info
}

/// Tells whether a server refused a change because it is a replica by now: look-ups would not notice.
fn is_demoted(value: &Value) -> bool {
    // Redis 6 wraps what a script was refused.
    let is_wrapped = |details: Option<&str>| details.is_some_and(|details| details.contains("-READONLY"));
    matches!(value, Value::ServerError(error)
        if error.kind() == Some(ServerErrorKind::ReadOnly) || is_wrapped(error.details()))
}

/// Reads an answer to INFO line by line.
pub(crate) fn lines(info: &Value) -> impl Iterator<Item = &str> {
    let text = match info {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text,
        _ => "",
    };
    text.lines().map(str::trim)
}
