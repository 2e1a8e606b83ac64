//! A login for browsers: a form, a session cookie, a CSRF token, a logout, and data in the session.
//!
//! ```console
//! $ cargo run -p portcullis-actix --example session_login &
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

use actix_web::web::Html;
use actix_web::{App, HttpServer, web};
use portcullis_actix::portcullis::store::MemoryStore;
use portcullis_actix::portcullis::{Guard, SessionConfig, Sessions, Users};
use portcullis_actix::{Auth, Rejection, Router, Seal, Session, get, post, resource};
use serde::Deserialize;

#[derive(Deserialize)]
struct Greeting {
    name: String,
}

async fn home(auth: Auth, session: Session) -> Result<Html, Rejection> {
    let visits = session.get::<u32>("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", &visits).await?;
    let token = session.csrf_token().await?;
    let token = token.as_ref().map_or("", |token| token.expose_secret());
    Ok(Html::new(format!(
        r#"{} was here {visits} times. <form method="post" action="/greet">
<input type="hidden" name="csrfmiddlewaretoken" value="{token}"><input name="name"><button>Greet</button></form>
"#,
        auth.user().username
    )))
}

async fn greet(auth: Auth, greeting: web::Form<Greeting>) -> String {
    format!("Hello {}, says {}\n", greeting.name, auth.user().username)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let sessions = Sessions::new(store, SessionConfig::default());
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users).authenticate(sessions.authenticator()).build()?;
    let routes = Router::new(guard)
        .service(resource("/").route(get().to(home)))
        .service(resource("/greet").route(post().to(greet)))
        .service(sessions.endpoints("/session"))
        .build()?;

    let app = move || App::new().configure(|config| routes.configure(config)).wrap(Seal);
    HttpServer::new(app).bind("127.0.0.1:3000")?.run().await?;
    Ok(())
}
