//! JSON Web Tokens: a login, a request, a refresh, a replay, a logout; a route without the store, and the public key.
//!
//! ```console
//! $ openssl genpkey -algorithm ed25519 -out key.pem
//! $ JWT_KEY=key.pem cargo run -p portcullis-axum --example jwt &
//! $ curl -d username=john -d password=horse-battery http://127.0.0.1:3000/api/token
//! {"refresh":"eyJ0...","access":"eyJ0..."}
//! $ curl -H "Authorization: Bearer $ACCESS" http://127.0.0.1:3000/books
//! john reads Dune
//! $ curl -H "Authorization: Bearer $ACCESS" http://127.0.0.1:3000/prices
//! john pays the price of the plan gold
//! $ curl -d refresh=$REFRESH http://127.0.0.1:3000/api/token/refresh
//! {"access":"eyJ0...","refresh":"eyJ0..."}
//! $ curl -d refresh=$REFRESH http://127.0.0.1:3000/api/token/refresh
//! {"detail":"Token is blacklisted","code":"token_not_valid"}
//! $ curl -d refresh=$NEXT http://127.0.0.1:3000/api/token/refresh
//! {"detail":"Token is blacklisted","code":"token_not_valid"}
//! $ curl -X POST -H "Authorization: Bearer $ACCESS" http://127.0.0.1:3000/everywhere
//! john is logged out everywhere; logins by JWT that ended: 0
//! $ curl -H "Authorization: Bearer $ACCESS" http://127.0.0.1:3000/books
//! {"detail":"The user's password has been changed.","code":"password_changed"}
//! $ curl -H "Authorization: Bearer $ACCESS" http://127.0.0.1:3000/prices
//! john pays the price of the plan gold
//! $ curl http://127.0.0.1:3000/.well-known/jwks.json
//! {"keys":[{"alg":"EdDSA","crv":"Ed25519","kid":"2026-11","kty":"OKP","use":"sig","x":"..."}]}
//! ```

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::State;
use portcullis_axum::portcullis::jwt::{Algorithm, Key};
use portcullis_axum::portcullis::store::MemoryStore;
use portcullis_axum::portcullis::{Account, Guard, Jwt, KeyRing, Unavailable, Users};
use portcullis_axum::{Auth, Rejection, Router, get, post};
use tokio::net::TcpListener;

async fn books(auth: Auth) -> String {
    format!("{} reads Dune\n", auth.user().username)
}

/// Believes the token alone: no store is asked, and nothing but its end ends it.
async fn prices(auth: Auth) -> String {
    let plan = auth.identity().grant().claim::<String>("plan").unwrap_or_default();
    format!("{} pays the price of the plan {plan}\n", auth.user().username)
}

/// Ends the refresh tokens, and by the epoch the access tokens whose user is loaded.
async fn everywhere(auth: Auth, State((users, jwt)): State<(Users, Jwt)>) -> Result<String, Rejection> {
    let user = auth.user();
    let failed = |_| Unavailable::new("the user could not be logged out");
    users.log_out_everywhere(&user.id).await.map_err(failed)?;
    let logins = jwt.revoke_all(&user.id).await?;
    Ok(format!("{} is logged out everywhere; logins by JWT that ended: {logins}\n", user.username))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pem = std::fs::read_to_string(std::env::var("JWT_KEY")?)?;
    let ring = KeyRing::new([Key::from_pem(Algorithm::EdDSA, &pem)?.with_id("2026-11")])?;

    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let jwt = Jwt::new(ring, store)?
        .with_claims(|user: &Account| [("username", user.username.clone().into()), ("plan", "gold".into())]);
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users.clone()).authenticate(jwt.authenticator()).build()?;
    let app = Router::new(guard)
        .route("/books", get(books))
        .route("/prices", get(prices).authenticate_with(jwt.stateless()))
        .route("/everywhere", post(everywhere))
        .merge(jwt.endpoints("/api/token"))
        .merge(jwt.jwks_endpoint("/.well-known/jwks.json"))
        .into_router((users, jwt))?;

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
