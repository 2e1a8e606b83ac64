//! Opaque tokens for programs: obtain one, use it, list them, revoke it.
//!
//! ```console
//! $ cargo run -p portcullis-hyper --example token &
//! $ curl -d username=john -d password=horse-battery http://127.0.0.1:3000/api/login
//! {"token":"pct_0Jq..."}
//! $ curl -H "Authorization: Token $TOKEN" http://127.0.0.1:3000/books
//! john reads Dune
//! $ curl -H "Authorization: Token $TOKEN" http://127.0.0.1:3000/api/login
//! [{"created":"2026-11-21T05:15:50.058311Z","current":true,"expires":null,"id":"a611...",...}]
//! $ curl -i -X POST -H "Authorization: Token $TOKEN" http://127.0.0.1:3000/api/login/revoke
//! HTTP/1.1 204 No Content
//! $ curl -H "Authorization: Token $TOKEN" http://127.0.0.1:3000/books
//! {"detail":"Invalid token."}
//! ```

use std::error::Error;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis_hyper::portcullis::store::MemoryStore;
use portcullis_hyper::portcullis::{Guard, Tokens, Users};
use portcullis_hyper::{Auth, GuardService, Rejection, Request, Router, get};
use tokio::net::TcpListener;

/// The only page: a tag need not say anything.
async fn books((): (), request: Request) -> Result<Response<Full<Bytes>>, Rejection> {
    let auth: Auth = Auth::of(request.extensions())?;
    Ok(Response::new(Full::from(format!("{} reads Dune\n", auth.user().username))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let tokens = Tokens::new(store);
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users).authenticate(tokens.authenticator()).build()?;
    let router = Router::new(guard).route("/books", get(())).merge(tokens.endpoints("/api/login"));
    let service = GuardService::new(router, books)?;

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        let service = service.with_peer(peer);
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}
