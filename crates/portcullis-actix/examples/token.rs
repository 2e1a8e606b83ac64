//! Opaque tokens for programs: obtain one, use it, list them, revoke it.
//!
//! ```console
//! $ cargo run -p portcullis-actix --example token &
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

use actix_web::{App, HttpServer};
use portcullis_actix::portcullis::store::MemoryStore;
use portcullis_actix::portcullis::{Guard, Tokens, Users};
use portcullis_actix::{Auth, Router, Seal, get, resource};

async fn books(auth: Auth) -> String {
    format!("{} reads Dune\n", auth.user().username)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let tokens = Tokens::new(store);
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users).authenticate(tokens.authenticator()).build()?;
    let routes = Router::new(guard)
        .service(resource("/books").route(get().to(books)))
        .service(tokens.endpoints("/api/login"))
        .build()?;

    let app = move || App::new().configure(|config| routes.configure(config)).wrap(Seal);
    HttpServer::new(app).bind("127.0.0.1:3000")?.run().await?;
    Ok(())
}
