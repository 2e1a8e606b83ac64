//! A login for browsers: a form, a session cookie, a CSRF token, a logout, and data in the session.
//!
//! ```console
//! $ cargo run -p portcullis-axum --example session_login &
//! $ curl -c jar -b jar -H 'Origin: http://localhost:3000' \
//!     -d username=john -d password=horse-battery http://localhost:3000/session/login
//! {"user":"john"}
//! $ curl -c jar -b jar http://localhost:3000/
//! john was here 1 times. <form method="post" action="/greet">...
//! $ curl -c jar -b jar -X POST http://localhost:3000/greet
//! {"detail":"CSRF Failed: CSRF token missing."}
//! $ CSRF=$(curl -s -c jar -b jar http://localhost:3000/session/csrf | cut -d'"' -f4)
//! $ curl -c jar -b jar -H 'Origin: http://localhost:3000' \
//!     --data-urlencode "csrfmiddlewaretoken=$CSRF" -d name=Mary http://localhost:3000/greet
//! Hello Mary, says john
//! $ curl -i -c jar -b jar -X POST -H 'Origin: http://localhost:3000' -H "X-CSRFToken: $CSRF" \
//!     http://localhost:3000/session/logout
//! HTTP/1.1 204 No Content
//! ```

use std::error::Error;
use std::net::SocketAddr;

use axum::Form;
use axum::response::Html;
use portcullis_axum::portcullis::store::MemoryStore;
use portcullis_axum::portcullis::{Guard, SessionConfig, Sessions, Users};
use portcullis_axum::{Auth, Rejection, Router, Session, get, post};
use serde::Deserialize;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Greeting {
    name: String,
}

async fn home(auth: Auth, session: Session) -> Result<Html<String>, Rejection> {
    let visits = session.get::<u32>("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", &visits).await?;
    let token = session.csrf_token().await?;
    let token = token.as_ref().map_or("", |token| token.expose_secret());
    Ok(Html(format!(
        r#"{} was here {visits} times. <form method="post" action="/greet">
<input type="hidden" name="csrfmiddlewaretoken" value="{token}"><input name="name"><button>Greet</button></form>
"#,
        auth.user().username
    )))
}

async fn greet(auth: Auth, Form(greeting): Form<Greeting>) -> String {
    format!("Hello {}, says {}\n", greeting.name, auth.user().username)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let sessions = Sessions::new(store, SessionConfig::default());
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users).authenticate(sessions.authenticator()).build()?;
    let app = Router::new(guard)
        .route("/", get(home))
        .route("/greet", post(greet))
        .merge(sessions.endpoints("/session"))
        .into_router(())?;

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
