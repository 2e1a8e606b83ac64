//! A username and a password with every request (HTTP Basic).
//!
//! ```console
//! $ cargo run -p portcullis-actix --example basic &
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

use actix_web::{App, HttpServer};
use portcullis_actix::portcullis::store::MemoryStore;
use portcullis_actix::portcullis::{Guard, Users};
use portcullis_actix::{Auth, Router, Seal, get, resource};

async fn whoami(auth: Auth) -> String {
    format!("{}\n", auth.user().username)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::new(MemoryStore::new());
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users.clone()).authenticate(users.basic()).build()?;
    let routes = Router::new(guard)
        .service(resource("/whoami").route(get().to(whoami)))
        .service(resource("/health").route(get().to(|| async { "ok\n" })).public())
        .build()?;

    let app = move || App::new().configure(|config| routes.configure(config)).wrap(Seal);
    HttpServer::new(app).bind("127.0.0.1:3000")?.run().await?;
    Ok(())
}
