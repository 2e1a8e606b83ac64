//! Ways to send a request to a site: in this process, or over a socket to a node that may be killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;

use super::tally::Limits;
use crate::replay::Problem;

/// A site that has not answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a site is asked; cloning is cheap.
#[derive(Debug, Clone)]
pub enum Door {
    /// In this process.
    Here(axum::Router),
    /// Over a socket: each request on a connection of its own, so that a proxy can send it to any node.
    There(SocketAddr),
    /// Nowhere: nothing is answered.
    Closed,
}

/// The connection ended before the answer was whole: what was asked may have happened or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl Door {
    /// Sends a request and reads the answer whole.
    ///
    /// # Errors
    ///
    /// [`Broken`] when there is none.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
        timeout(PATIENCE, self.exchange(request)).await.unwrap_or(Err(Broken))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
        match self {
            Self::Here(app) => {
                let answer = app.clone().oneshot(request.map(axum::body::Body::from)).await;
                let (head, body) = answer.map_err(|_| Broken)?.into_parts();
                let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
                Ok(Response::from_parts(head, body))
            }
            Self::There(address) => over(*address, request).await,
            Self::Closed => Err(Broken),
        }
    }
}

async fn over(address: SocketAddr, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
    let stream = TcpStream::connect(address).await.map_err(|_| Broken)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Broken)?;
    let answer = async {
        let answer = sender.send_request(request.map(Full::new)).await.map_err(|_| Broken)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        Ok(Response::from_parts(head, body))
    };
    // Driven here and not in a task: when this is dropped nothing is left.
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

/// A node: a process that serves a site; it ends when this is dropped.
#[derive(Debug)]
pub struct Node {
    process: Child,
    address: SocketAddr,
}

impl Node {
    /// Starts `faults-node serve` at an address, port 0 for a free one, and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it ends before it says where it listens.
    pub fn start(program: &Path, address: &str, store: &str, beside: &str) -> Result<Self, Problem> {
        let timeout = Limits::default().store.as_millis().to_string();
        // A full disk is an error of the write, not the end of the process.
        let mut process = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(program)
            .args(["serve", address, store, beside, &timeout])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or_else(|| Problem::new("a node has no output"))?;
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        match read.map_err(Problem::from).and_then(|_| Ok(line.trim().parse()?)) {
            Ok(address) => Ok(Self { process, address }),
            Err(_) => {
                end(&mut process);
                Err(Problem::new("a node ended before it said where it listens"))
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        end(&mut self.process);
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Ends a process as `kill -9` does.
fn end(process: &mut Child) {
    // Both fail only when the process has ended already.
    let _ = process.kill();
    let _ = process.wait();
}
