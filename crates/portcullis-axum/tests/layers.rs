//! Whatever layers stand around the routes, in whatever order, open nothing.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{ALLOW, AUTHORIZATION};
use axum::middleware::{Next, from_fn, map_request, map_response};
use axum::response::Response;
use common::{TwoUsers, anonymous, send, with_token};
use portcullis_axum::portcullis::permission::IsAdminUser;
use portcullis_axum::portcullis::{Account, Identity, Scheme};
use portcullis_axum::{Auth, Router, get};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Puts in what is not believed.
    Forge,
    /// Asks everything twice.
    Twice,
    /// Takes credentials off, as a proxy may.
    Strip,
    /// Says more than it should.
    Allow,
}

const KINDS: [Kind; 4] = [Kind::Forge, Kind::Twice, Kind::Strip, Kind::Allow];

async fn forge(mut request: Request) -> Request {
    let mary = Arc::new(Account::new(2, "mary"));
    let identity = Identity::new(Arc::clone(&mary), Scheme::TOKEN);
    request.extensions_mut().insert(Some(identity.clone()));
    request.extensions_mut().insert(identity);
    request.extensions_mut().insert(mary);
    request
}

async fn twice(request: Request, next: Next) -> Response {
    let (parts, _) = request.into_parts();
    let mut next = next;
    let _ = tower::Service::call(&mut next, Request::from_parts(parts.clone(), Body::empty())).await;
    next.run(Request::from_parts(parts, Body::empty())).await
}

async fn strip(mut request: Request) -> Request {
    request.headers_mut().remove(AUTHORIZATION);
    request
}

async fn allow(mut response: Response) -> Response {
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    response
}

fn around(router: axum::Router, kind: Kind) -> axum::Router {
    match kind {
        Kind::Forge => router.layer(map_request(forge)),
        Kind::Twice => router.layer(from_fn(twice)),
        Kind::Strip => router.layer(map_request(strip)),
        Kind::Allow => router.layer(map_response(allow)),
    }
}

/// Every order of every set of the kinds.
fn orders() -> Vec<Vec<Kind>> {
    let mut orders = vec![Vec::new()];
    let mut longest = orders.clone();
    for _ in KINDS {
        let longer = |order: &Vec<Kind>| {
            let order = order.clone();
            let others = KINDS.into_iter().filter(move |kind| !order.contains(kind));
            others.collect::<Vec<_>>()
        };
        longest = longest
            .iter()
            .flat_map(|order| longer(order).into_iter().map(|kind| [&order[..], &[kind]].concat()))
            .collect();
        orders.extend(longest.clone());
    }
    orders
}

async fn secret(auth: Auth) -> String {
    format!("secret of {}", auth.user().username)
}

#[tokio::test]
async fn no_order_of_layers_opens_anything() {
    let world = TwoUsers::new().await;
    let orders = orders();
    assert_eq!(orders.len(), 65);
    for order in orders {
        let staff = Router::new(world.guard()).require(IsAdminUser).route("/staff", get(secret));
        let routes = Router::new(world.guard())
            .route("/secret", get(secret))
            .nest("/inner", staff)
            .into_router(())
            .unwrap();
        // Once around what comes out, once around an outer router as well, once with the routes merged into another's.
        let plain = order.iter().fold(routes.clone(), |router, kind| around(router, *kind));
        let nested = order
            .iter()
            .fold(axum::Router::new().nest("/api", plain.clone()), |router, kind| around(router, *kind));
        let merged =
            order.iter().fold(axum::Router::new().merge(routes), |router, kind| around(router, *kind));
        for (app, prefix) in [(plain, ""), (nested, "/api"), (merged, "")] {
            let is_stripped = order.contains(&Kind::Strip);
            for (path, who, status, says) in [
                ("/secret", None, 401, None),
                ("/secret", Some(&world.john), 200, Some("secret of john")),
                ("/inner/staff", None, 401, None),
                ("/inner/staff", Some(&world.john), 403, None),
                ("/inner/staff", Some(&world.mary), 200, Some("secret of mary")),
            ] {
                let uri = format!("{prefix}{path}");
                let request =
                    who.map_or_else(|| anonymous("GET", &uri), |token| with_token("GET", &uri, token));
                let answer = send(&app, request).await;
                let row = format!("{uri} with {order:?}");
                assert_eq!(answer.status, if is_stripped { 401 } else { status }, "{row}");
                match says.filter(|_| !is_stripped) {
                    Some(says) => assert_eq!(answer.body, says, "{row}"),
                    None => assert!(!answer.body.contains("secret"), "{row}"),
                }
            }
        }
    }
}
