//! The HTTP server: hyper, told what `axum::serve` does not let us say.
//!
//! 1. A request's head may be 64 KiB: long tokens and cookies must reach the guard, not die with a 431 before it.
//! 2. Every request carries the address it came from ([`ConnectInfo`]); what trusts a proxy trusts by that address.
//! 3. A head must be complete within hyper's 30 seconds.
//! 4. SIGINT and SIGTERM end it: running requests get ten seconds.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tower::{ServiceExt, service_fn};

const MAX_HEAD: usize = 64 * 1024;
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

/// Serves until the process is told to stop.
///
/// # Errors
///
/// What the operating system says when signals cannot be received.
pub async fn serve(listener: TcpListener, app: Router) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => accept(&connections, stream, peer, app.clone()),
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

fn accept(connections: &GracefulShutdown, stream: TcpStream, peer: SocketAddr, app: Router) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(MAX_HEAD)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    });
}
