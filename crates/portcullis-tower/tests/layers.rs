//! Whatever stands around the guard, in whatever order, opens nothing.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use common::{Body, TwoUsers, anonymous, full, send, with_token};
use http::Response;
use http_body_util::BodyExt;
use portcullis_tower::portcullis::{Access, Account, Auth, Identity, Rejection, Scheme};
use portcullis_tower::{GuardLayer, Replay, Reply, any};
use tower::util::BoxCloneService;
use tower::{Layer, ServiceExt};

type Request = http::Request<Body>;
/// A service like any other in a stack, whatever is inside.
type Stack = BoxCloneService<Request, Response<Body>, Infallible>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Guard,
    /// Puts in what is not believed.
    Forge,
    /// Sends everything twice, the second time with what the first has left.
    Twice,
    /// Takes the credentials off, as a proxy may.
    Strip,
}

fn pass<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
{
    body.map_err(|error| panic!("{error:?}")).boxed_unsync()
}

/// What a careless or hostile layer could put into the extensions.
fn forge(mut request: Request) -> Request {
    let account = Arc::new(Account::new(2, "mary"));
    let identity = Identity::new(Arc::clone(&account), Scheme::TOKEN);
    let extensions = request.extensions_mut();
    if let Ok(access) = Access::<Account>::of(extensions) {
        extensions.insert(access);
    }
    extensions.insert(Some(identity.clone()));
    extensions.insert(identity);
    extensions.insert((*account).clone());
    extensions.insert(account);
    request
}

async fn twice(inner: Stack, request: Request) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let first = Request::from_parts(parts.clone(), body);
    let _ = inner.clone().oneshot(first).await?;
    inner.oneshot(Request::from_parts(parts, full(""))).await
}

/// The service at the bottom, which believes the guard alone.
async fn secret(request: Request) -> Result<Response<Body>, Infallible> {
    let auth: Result<Auth, Rejection> = Auth::of(request.extensions());
    Ok(match auth {
        Ok(auth) => Response::new(full(format!("secret of {}", auth.user().username))),
        Err(rejection) => rejection.into_response().map(full),
    })
}

fn wrap(kind: Kind, guard: &GuardLayer, inner: Stack) -> Stack {
    match kind {
        Kind::Guard => {
            let inner = inner.map_request(|request: http::Request<Replay<Body>>| request.map(pass));
            guard
                .layer(inner)
                .map_response(|response: Response<Reply<Body>>| response.map(pass))
                .boxed_clone()
        }
        Kind::Forge => inner.map_request(forge).boxed_clone(),
        Kind::Twice => tower::service_fn(move |request| twice(inner.clone(), request)).boxed_clone(),
        Kind::Strip => inner
            .map_request(|mut request: Request| {
                request.headers_mut().remove("authorization");
                request
            })
            .boxed_clone(),
    }
}

/// All orders of some kinds.
fn orders(kinds: &[Kind]) -> Vec<Vec<Kind>> {
    if kinds.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in kinds.iter().enumerate() {
        let mut rest = kinds.to_vec();
        rest.remove(index);
        all.extend(orders(&rest).into_iter().map(|rest| [vec![*first], rest].concat()));
    }
    all
}

#[tokio::test]
async fn no_order_of_layers_opens_anything() {
    use Kind::{Forge, Guard, Strip, Twice};
    let world = TwoUsers::new().await;
    let guard = portcullis_tower::Router::new(world.guard()).route("/secret", any(())).into_layer().unwrap();
    let mut seen = 0;
    for kinds in
        [&[Guard, Forge, Twice, Strip][..], &[Guard, Guard, Forge, Twice], &[Guard, Forge], &[Forge, Twice]]
    {
        for order in orders(kinds) {
            let bottom = tower::service_fn(secret).boxed_clone();
            // The first is the outermost.
            let app = order.iter().rev().fold(bottom, |app, kind| wrap(*kind, &guard, app));
            let at = |kind| order.iter().position(|other| *other == kind);
            let is_guarded = order.contains(&Guard);
            let last = order.iter().rposition(|other| *other == Guard);
            let is_stripped = at(Strip) < last && order.contains(&Strip);
            let status = if !is_guarded {
                500
            } else if is_stripped {
                401
            } else {
                200
            };

            let stranger = send(&app, anonymous("GET", "/secret")).await;
            assert_eq!(stranger.status, if is_guarded { 401 } else { 500 }, "{order:?}");
            let john = send(&app, with_token("GET", "/secret", &world.john)).await;
            assert_eq!(john.status, status, "{order:?}");
            assert_eq!(john.body == "secret of john", status == 200, "{order:?}");
            let bad = send(&app, with_token("GET", "/secret", "pct_bad")).await;
            assert!(!bad.body.contains("secret of"), "{order:?}");
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}
