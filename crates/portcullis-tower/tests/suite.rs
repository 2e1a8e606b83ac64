//! The contract that every adapter keeps.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod routes;

use std::convert::Infallible;
use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use portcullis_testing::suite::Broken;
use portcullis_testing::suite::adapter::{self, Adapter, Pieces, World};
use portcullis_tower::portcullis::{AnyAccess, Rejection};
use portcullis_tower::{GuardLayer, Matched, Replay, RouteTable};
use routes::{Body, Name, Note};
use tower::{Layer, ServiceExt};

#[tokio::test]
async fn tower_keeps_the_contract() -> Result<(), Broken> {
    adapter::run(mount).await
}

struct Tower {
    table: RouteTable,
    layer: GuardLayer<Name>,
}

async fn mount(world: &World) -> Tower {
    let router = routes::router(world);
    Tower { table: router.table().unwrap(), layer: router.into_layer().unwrap() }
}

impl Adapter for Tower {
    fn table(&self) -> RouteTable {
        self.table.clone()
    }

    async fn send(&self, request: Request<Pieces>, peer: Option<IpAddr>) -> Response<Bytes> {
        let request = match routes::unguarded(request.map(Body), authorize).await {
            Ok(request) => request,
            Err(refused) => return refused,
        };
        let layer = match peer {
            Some(peer) => self.layer.clone().with_peer(move |_| Some(peer)),
            None => self.layer.clone(),
        };
        let service = layer.layer(tower::service_fn(async |request: Request<Replay<Body>>| {
            let name = *Matched::<Name>::of(request.extensions()).unwrap().tag();
            let answer = routes::handle(name, request, authorize).await;
            Ok::<_, Infallible>(answer.unwrap_or_else(|rejection| rejection.into_response().map(Full::new)))
        }));
        let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }
}

async fn authorize(head: &Parts) -> Result<Note, Rejection> {
    let access = AnyAccess::of(&head.extensions)?;
    Ok(access.authorize(Note::find(&head.extensions)?).await?)
}
