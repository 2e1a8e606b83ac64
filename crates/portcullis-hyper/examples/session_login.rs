//! A login for browsers: a form, a session cookie, a CSRF token, a logout, and data in the session.
//!
//! ```console
//! $ cargo run -p portcullis-hyper --example session_login &
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

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis_hyper::portcullis::store::MemoryStore;
use portcullis_hyper::portcullis::{Guard, SessionConfig, Sessions, Users};
use portcullis_hyper::{Auth, GuardService, Rejection, Request, Router, collect, get, post};
use tokio::net::TcpListener;

#[derive(Clone)]
enum Page {
    Home,
    Greet,
}

async fn home(head: &Parts) -> Result<Response<Full<Bytes>>, Rejection> {
    let auth: Auth = Auth::of(&head.extensions)?;
    let session = auth.access().session(&head.headers).await?;
    let visits = session.get::<u32>("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", &visits).await?;
    let token = session.csrf_token().await?;
    let token = token.as_ref().map_or("", |token| token.expose_secret());
    let page = format!(
        r#"{} was here {visits} times. <form method="post" action="/greet">
<input type="hidden" name="csrfmiddlewaretoken" value="{token}"><input name="name"><button>Greet</button></form>
"#,
        auth.user().username
    );
    let mut response = Response::new(Full::from(page));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}

/// A form without a name is a mistake of the client's.
fn unprocessable() -> Rejection {
    let mut answer = Response::new(Bytes::from_static(b"a greeting has a name\n"));
    *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Rejection::answer(answer)
}

async fn handle(page: Page, request: Request) -> Result<Response<Full<Bytes>>, Rejection> {
    let (head, body) = request.into_parts();
    match page {
        Page::Home => home(&head).await,
        Page::Greet => {
            let auth: Auth = Auth::of(&head.extensions)?;
            // The guard has read the form to prove its origin: these are the same bytes.
            let form = collect(body, 1024).await?;
            let name =
                form_urlencoded::parse(&form).find(|(name, _)| name == "name").ok_or_else(unprocessable)?;
            Ok(Response::new(Full::from(format!("Hello {}, says {}\n", name.1, auth.user().username))))
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let sessions = Sessions::new(store, SessionConfig::default());
    users.create("john", "horse-battery").await?;

    let guard = Guard::builder(users).authenticate(sessions.authenticator()).build()?;
    let router = Router::new(guard)
        .route("/", get(Page::Home))
        .route("/greet", post(Page::Greet))
        .merge(sessions.endpoints("/session"));
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
