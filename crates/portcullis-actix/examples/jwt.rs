//! JSON Web Tokens: a login, a request, a refresh, a replay, a logout; a route without the store, and the public key.
//!
//! ```console
//! $ openssl genpkey -algorithm ed25519 -out key.pem
//! $ JWT_KEY=key.pem cargo run -p portcullis-actix --example jwt &
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

use actix_web::{App, HttpServer, web};
use portcullis_actix::portcullis::jwt::{Algorithm, Key};
use portcullis_actix::portcullis::store::MemoryStore;
use portcullis_actix::portcullis::{Account, Guard, Jwt, KeyRing, Unavailable, Users};
use portcullis_actix::{Auth, Rejection, Router, Seal, get, post, resource};

async fn books(auth: Auth) -> String {
    format!("{} reads Dune\n", auth.user().username)
}

/// Believes the token alone: no store is asked, and nothing but its end ends it.
async fn prices(auth: Auth) -> String {
    let plan = auth.identity().grant().claim::<String>("plan").unwrap_or_default();
    format!("{} pays the price of the plan {plan}\n", auth.user().username)
}

/// Ends the refresh tokens, and by the epoch the access tokens whose user is loaded.
async fn everywhere(auth: Auth, users: web::Data<Users>, jwt: web::Data<Jwt>) -> Result<String, Rejection> {
    let user = auth.user();
    let failed = |_| Unavailable::new("the user could not be logged out");
    users.log_out_everywhere(&user.id).await.map_err(failed)?;
    let logins = jwt.revoke_all(&user.id).await?;
    Ok(format!("{} is logged out everywhere; logins by JWT that ended: {logins}\n", user.username))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pem = std::fs::read_to_string(std::env::var("JWT_KEY")?)?;
    let ring = KeyRing::new([Key::from_pem(Algorithm::EdDSA, &pem)?.with_id("2026-11")])?;

    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let jwt = Jwt::new(ring, store)?
        .with_claims(|user: &Account| [("username", user.username.clone().into()), ("plan", "gold".into())]);
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users.clone()).authenticate(jwt.authenticator()).build()?;
    let routes = Router::new(guard)
        .service(resource("/books").route(get().to(books)))
        .service(resource("/prices").route(get().to(prices)).authenticate_with(jwt.stateless()))
        .service(resource("/everywhere").route(post().to(everywhere)))
        .service(jwt.endpoints("/api/token"))
        .service(jwt.jwks_endpoint("/.well-known/jwks.json"))
        .build()?;

    let (users, jwt) = (web::Data::new(users), web::Data::new(jwt));
    let app = move || {
        let app = App::new().app_data(users.clone()).app_data(jwt.clone());
        app.configure(|config| routes.configure(config)).wrap(Seal)
    };
    HttpServer::new(app).bind("127.0.0.1:3000")?.run().await?;
    Ok(())
}
