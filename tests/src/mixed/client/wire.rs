//! One connection, HTTP/1.1 kept alive or a share of one of HTTP/2, and ways to hang up in the middle.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::judge::Answer;
use crate::replay::Problem;

/// A server that has not answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body, or half of one, whose rest never comes.
#[derive(Debug)]
pub(super) struct Content {
    data: Option<Bytes>,
    length: u64,
    hangs: bool,
}

impl Content {
    pub(super) fn whole(text: &str) -> Self {
        let data = Bytes::copy_from_slice(text.as_bytes());
        Self { length: u64::try_from(data.len()).unwrap_or(u64::MAX), data: Some(data), hangs: false }
    }

    pub(super) fn half(text: &str) -> Self {
        let whole = Self::whole(text);
        Self { data: whole.data.map(|data| data.slice(..data.len() / 2)), hangs: true, ..whole }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.data.take().filter(|data| !data.is_empty()) {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None if self.hangs => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.hangs && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

/// A connection; it is closed when this, or the last share of it, is dropped.
#[derive(Debug)]
pub(super) enum Connection {
    Http1 { sender: http1::SendRequest<Content>, host: HeaderValue, task: JoinHandle<()> },
    Http2 { sender: http2::SendRequest<Content>, address: SocketAddr },
}

impl Connection {
    pub(super) async fn open(address: SocketAddr, http2: bool) -> Result<Self, Problem> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        // A connection that breaks fails its requests, which are counted.
        if http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(async { connection.await.unwrap_or_default() });
            return Ok(Self::Http2 { sender, address });
        }
        let (sender, connection) = http1::handshake(io).await?;
        let host = HeaderValue::try_from(address.to_string())?;
        let task = tokio::spawn(async { connection.await.unwrap_or_default() });
        Ok(Self::Http1 { sender, host, task })
    }

    /// Another stream of the same connection, where there can be one.
    pub(super) fn share(&self) -> Option<Self> {
        match self {
            Self::Http1 { .. } => None,
            Self::Http2 { sender, address } => {
                Some(Self::Http2 { sender: sender.clone(), address: *address })
            }
        }
    }

    /// Sends a request and reads the answer whole.
    pub(super) async fn send(&mut self, request: Request<Content>) -> Result<Answer, Problem> {
        timeout(PATIENCE, self.exchange(request))
            .await
            .map_err(|_| Problem::new("no answer for 30 seconds"))?
    }

    /// Sends a request, or as much as gets away in time, and lets go of it; of HTTP/1.1 nothing is left.
    pub(super) async fn abandon(mut self, request: Request<Content>, after: Duration) -> Option<Self> {
        // It may have been answered already: then the answer gets lost.
        let _ = timeout(after, self.exchange(request)).await;
        self.share()
    }

    async fn exchange(&mut self, mut request: Request<Content>) -> Result<Answer, Problem> {
        let answer = match self {
            Self::Http1 { sender, host, .. } => {
                request.headers_mut().insert(HOST, host.clone());
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2 { sender, address } => {
                *request.uri_mut() = Uri::try_from(format!("http://{address}{}", request.uri()))?;
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Dropping the sender would let a request that is under way go on.
        if let Self::Http1 { task, .. } = self {
            task.abort();
        }
    }
}
