//! A username and a password with every request (HTTP Basic).
//!
//! ```console
//! $ cargo run -p portcullis-hyper --example basic &
//! $ curl -i http://127.0.0.1:3000/whoami
//! HTTP/1.1 401 Unauthorized
//! www-authenticate: Basic realm="api"
//!
//! {"detail":"Authentication credentials were not provided."}
//! $ curl -u john:wrong http://127.0.0.1:3000/whoami
//! {"detail":"Invalid username/password."}
//! $ curl -u john:horse-battery http://127.0.0.1:3000/whoami
//! john
//! $ curl http://127.0.0.1:3000/health
//! ok
//! ```

use std::error::Error;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis_hyper::portcullis::store::MemoryStore;
use portcullis_hyper::portcullis::{Guard, Users};
use portcullis_hyper::{Auth, GuardService, Rejection, Request, Router, get};
use tokio::net::TcpListener;

#[derive(Clone)]
enum Page {
    Whoami,
    Health,
}

async fn handle(page: Page, request: Request) -> Result<Response<Full<Bytes>>, Rejection> {
    let text = match page {
        Page::Whoami => {
            let auth: Auth = Auth::of(request.extensions())?;
            format!("{}\n", auth.user().username)
        }
        Page::Health => "ok\n".to_owned(),
    };
    Ok(Response::new(Full::from(text)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::new(MemoryStore::new());
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users.clone()).authenticate(users.basic()).build()?;
    let router =
        Router::new(guard).route("/whoami", get(Page::Whoami)).route("/health", get(Page::Health).public());
    let service = GuardService::new(router, handle)?;

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
