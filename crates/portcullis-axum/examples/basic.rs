//! A username and a password with every request (HTTP Basic).
//!
//! ```console
//! $ cargo run -p portcullis-axum --example basic &
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
use std::net::SocketAddr;

use portcullis_axum::portcullis::store::MemoryStore;
use portcullis_axum::portcullis::{Guard, Users};
use portcullis_axum::{Auth, Router, get};
use tokio::net::TcpListener;

async fn whoami(auth: Auth) -> String {
    format!("{}\n", auth.user().username)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::new(MemoryStore::new());
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users.clone()).authenticate(users.basic()).build()?;
    let app = Router::new(guard)
        .route("/whoami", get(whoami))
        .route("/health", get(|| async { "ok\n" }).public())
        .into_router(())?;

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
