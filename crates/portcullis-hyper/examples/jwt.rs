//! JSON Web Tokens: a login, a request, a refresh, a replay, a logout; a route without the store, and the public key.
//!
//! ```console
//! $ openssl genpkey -algorithm ed25519 -out key.pem
//! $ JWT_KEY=key.pem cargo run -p portcullis-hyper --example jwt &
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

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis_hyper::portcullis::jwt::{Algorithm, Key};
use portcullis_hyper::portcullis::store::MemoryStore;
use portcullis_hyper::portcullis::{Account, Guard, Jwt, KeyRing, Unavailable, Users};
use portcullis_hyper::{Auth, GuardService, Rejection, Request, Router, get, post};
use tokio::net::TcpListener;

#[derive(Clone)]
enum Page {
    Books,
    Prices,
    Everywhere,
}

async fn handle(
    (users, jwt): (Users, Jwt),
    page: Page,
    request: Request,
) -> Result<Response<Full<Bytes>>, Rejection> {
    let auth: Auth = Auth::of(request.extensions())?;
    let name = &auth.user().username;
    let text = match page {
        Page::Books => format!("{name} reads Dune\n"),
        // Believes the token alone: no store is asked, and nothing but its end ends it.
        Page::Prices => {
            let plan = auth.identity().grant().claim::<String>("plan").unwrap_or_default();
            format!("{name} pays the price of the plan {plan}\n")
        }
        // Ends the refresh tokens, and by the epoch the access tokens whose user is loaded.
        Page::Everywhere => {
            let failed = |_| Unavailable::new("the user could not be logged out");
            users.log_out_everywhere(&auth.user().id).await.map_err(failed)?;
            let logins = jwt.revoke_all(&auth.user().id).await?;
            format!("{name} is logged out everywhere; logins by JWT that ended: {logins}\n")
        }
    };
    Ok(Response::new(Full::from(text)))
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
    let router = Router::new(guard)
        .route("/books", get(Page::Books))
        .route("/prices", get(Page::Prices).authenticate_with(jwt.stateless()))
        .route("/everywhere", post(Page::Everywhere))
        .merge(jwt.endpoints("/api/token"))
        .merge(jwt.jwks_endpoint("/.well-known/jwks.json"));
    let state = (users, jwt);
    let service = GuardService::new(router, move |page, request| handle(state.clone(), page, request))?;

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
