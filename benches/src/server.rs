//! What answers a request: the framework alone, ours, and a check written by hand.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing};
use futures_util::FutureExt;
use http::StatusCode;
use http::header::AUTHORIZATION;
use portcullis::{Account, Admission, AuthRequest, Guard, Permissions, Policy, Route};
use portcullis_axum::Auth;
use sha2::{Digest as _, Sha256};
use tower_service::Service;

use crate::world::Outcome;

/// A request as a framework takes it.
pub enum Sent {
    /// axum, hyper, and no framework.
    Http(Request),
    /// actix-web.
    Actix(actix_http::Request),
}

/// Answers a request at once; the answer is 500 for one that would wait.
pub type Serve = Box<dyn FnMut(Sent) -> StatusCode>;

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Http(_)) { "Http" } else { "Actix" })
    }
}

/// Serves what no other framework is asked.
pub(crate) fn direct(mut serve: impl FnMut(Request) -> StatusCode + 'static) -> Serve {
    Box::new(move |sent| match sent {
        Sent::Http(request) => serve(request),
        Sent::Actix(_) => StatusCode::INTERNAL_SERVER_ERROR,
    })
}

pub(crate) fn serve(mut router: Router) -> Serve {
    direct(move |request| {
        let answer: Option<Result<Response, Infallible>> =
            Service::<Request>::call(&mut router, request).now_or_never();
        answer.map_or(StatusCode::INTERNAL_SERVER_ERROR, |Ok(answer)| answer.status())
    })
}

/// axum and a handler.
pub(crate) fn bare() -> Serve {
    serve(Router::new().route("/books", routing::get(|| async { "ok" })))
}

/// axum, our router and a handler that is told who asks.
pub(crate) fn guarded(guard: Guard) -> Outcome<Serve> {
    async fn books(auth: Auth) -> &'static str {
        std::hint::black_box(auth.user());
        "ok"
    }
    let router = portcullis_axum::Router::new(guard).route("/books", portcullis_axum::get(books));
    Ok(serve(router.into_router(())?))
}

type Accounts = Arc<HashMap<[u8; 32], Arc<Account>>>;

/// axum and the middleware that people write: SHA-256 of the token, a map, an extension.
pub(crate) fn by_hand(token: &str) -> Serve {
    let accounts: HashMap<[u8; 32], _> =
        [(Sha256::digest(token.as_bytes()).into(), Arc::new(Account::new(1, "john")))].into();
    async fn books(Extension(user): Extension<Arc<Account>>) -> &'static str {
        std::hint::black_box(&user);
        "ok"
    }
    let route = routing::get(books);
    let layer = from_fn_with_state(Arc::new(accounts), check_by_hand);
    serve(Router::new().route("/books", route).layer(layer))
}

async fn check_by_hand(State(accounts): State<Accounts>, mut request: Request, next: Next) -> Response {
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = value.and_then(|value| value.strip_prefix("Token ")) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let Some(user) = accounts.get(&key).cloned() else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    request.extensions_mut().insert(user);
    next.run(request).await
}

/// No framework: the head is taken off and an answer made.
pub(crate) fn nothing() -> Serve {
    direct(|request| {
        let (parts, body) = request.into_parts();
        std::hint::black_box(&parts);
        drop(body);
        Response::new(Body::empty()).status()
    })
}

/// No framework: the guard's three calls.
pub(crate) fn core(guard: &Guard) -> Outcome<Serve> {
    let route = guard.route(&Policy::default())?;
    Ok(direct(move |request| {
        let answer = decide(&route, request).now_or_never();
        answer.map_or(StatusCode::INTERNAL_SERVER_ERROR, |answer| answer.status())
    }))
}

async fn decide(route: &Route, request: Request) -> Response {
    let (mut parts, _body) = request.into_parts();
    match route.admit(&mut parts, None).await {
        Ok(Admission::Ready(admitted)) => {
            std::hint::black_box(admitted.access().identity());
            admitted.finish(Response::new(Body::empty())).await
        }
        Ok(Admission::NeedsBody(_)) => StatusCode::BAD_REQUEST.into_response(),
        Err(refusal) => refusal.map(Body::from),
    }
}

/// A permission alone, asked about a user.
pub(crate) fn permission(permissions: Permissions, user: Account) -> Serve {
    let identity = portcullis::Identity::new(Arc::new(user), portcullis::Scheme::TOKEN);
    direct(move |request| {
        let (parts, _body) = request.into_parts();
        let asked = AuthRequest::new(&parts.method, &parts.uri, &parts.headers, Some(&identity), None);
        match std::hint::black_box(&permissions).check(&asked).now_or_never() {
            Some(Ok(portcullis::Decision::Allow)) => StatusCode::OK,
            _ => StatusCode::FORBIDDEN,
        }
    })
}
