//! The HTTP server under axum and under bare hyper: HTTP/1 and HTTP/2 on one port.
//!
//! 1. A request's head may be 64 KiB: long tokens and cookies must reach the guard, not die with a 431 before it.
//! 2. Every connection's service knows the address it came from; what trusts a proxy trusts by that address.
//! 3. A head that has begun must be complete within hyper's 30 seconds.
//! 4. SIGINT and SIGTERM end it: running requests get ten seconds.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const MAX_HEAD: usize = 64 * 1024;
/// HTTP/2 counts names and values uncompressed, and 32 bytes a field (RFC 9113 section 6.5.2).
const MAX_HEAD_LIST: u32 = 64 * 1024;
const GRACE: Duration = Duration::from_secs(10);

/// Binds an address, or says in a sentence why not.
///
/// # Errors
///
/// A sentence for the terminal.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{address} is taken by another program; choose another with --listen 127.0.0.1:PORT")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// Serves until the process is told to stop; `service` makes one for each connection.
///
/// # Errors
///
/// What the operating system says when signals cannot be received.
pub async fn serve<S, B>(listener: TcpListener, service: impl Fn(SocketAddr) -> S) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send> + Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => accept(&connections, stream, peer, service(peer)),
                // Out of file descriptors, or the client has gone: one connection is lost, not the server.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were still running after {} seconds", GRACE.as_secs());
    }
    Ok(())
}

fn accept<S, B>(connections: &GracefulShutdown, stream: TcpStream, peer: SocketAddr, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send> + Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    // HTTP/2 answers in several small frames; Nagle's algorithm would keep the last of them for 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a connection keeps small packets back");
    }
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).max_buf_size(MAX_HEAD);
    server.http2().timer(TokioTimer::new()).max_header_list_size(MAX_HEAD_LIST);
    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    });
}
