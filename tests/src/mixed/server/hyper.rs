//! The site on bare hyper.

use std::net::TcpListener;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use portcullis_hyper::{Auth, GuardService, MaybeAuth, Rejection, Request, Router, collect, get};
use tokio::runtime::Runtime;

use super::announce;
use super::site::{Site, whoami};
use crate::mixed::ServerOptions;
use crate::replay::Problem;

const LONGEST_BODY: usize = 1024 * 1024;

/// The one page of our own.
#[derive(Debug, Clone)]
struct Whoami;

pub(super) fn serve(listener: TcpListener, options: &ServerOptions) -> Result<(), Problem> {
    Runtime::new()?.block_on(async {
        let site = Site::open(options.store, options.people).await?;
        tokio::spawn(site.clone().purge_for_ever());
        let service = GuardService::new(router(&site), answer)?;
        announce(&listener)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, peer) = listener.accept().await?;
            let service = service.with_peer(peer);
            tokio::spawn(async move {
                // A client that hangs up is what this is about.
                let _ =
                    Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

fn router(site: &Site) -> Router<Whoami> {
    Router::new(site.guard.clone())
        .route("/whoami", get(Whoami).post(Whoami))
        .merge(site.sessions.endpoints("/session"))
        .merge(site.tokens.endpoints("/token"))
        .merge(site.jwt.endpoints("/jwt"))
}

async fn answer(_: Whoami, request: Request) -> Result<Response<Full<Bytes>>, Rejection> {
    let auth: Auth = Auth::of(request.extensions())?;
    let again: MaybeAuth = MaybeAuth::of(request.extensions())?;
    let body = collect(request.into_body(), LONGEST_BODY).await?;
    let text = whoami(&auth, &again, &String::from_utf8_lossy(&body)).await;
    Ok(Response::new(text.into()))
}
