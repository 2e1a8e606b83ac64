//! The contract that every adapter keeps.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

#[path = "../../portcullis-tower/tests/routes/mod.rs"]
mod routes;

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Response;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use portcullis_hyper::{GuardService, LoadObject, Rejection, RouteTable, authorized};
use portcullis_testing::suite::Broken;
use portcullis_testing::suite::adapter::{self, Adapter, Pieces, World};
use routes::{Body, Name, Note};

type Request = portcullis_hyper::Request<Body>;
type Answer = Result<Response<Full<Bytes>>, Rejection>;
type Handler = fn(Name, Request) -> BoxFuture<'static, Answer>;

#[tokio::test]
async fn hyper_keeps_the_contract() -> Result<(), Broken> {
    adapter::run(mount).await
}

struct Hyper {
    table: RouteTable,
    service: GuardService<Handler, Name>,
}

async fn mount(world: &World) -> Hyper {
    let router = routes::router(world);
    let table = router.table().unwrap();
    let handler: Handler = |name, request| Box::pin(handle(name, request));
    Hyper { table, service: GuardService::new(router, handler).unwrap() }
}

async fn handle(name: Name, request: Request) -> Answer {
    routes::handle(name, request, async |head: &Parts| authorized(head, &()).await).await
}

impl LoadObject<()> for Note {
    async fn load(head: &Parts, (): &()) -> Result<Option<Self>, Rejection> {
        Self::find(&head.extensions)
    }
}

impl Adapter for Hyper {
    fn table(&self) -> RouteTable {
        self.table.clone()
    }

    async fn send(&self, request: http::Request<Pieces>, peer: Option<IpAddr>) -> Response<Bytes> {
        let authorize = async |head: &Parts| authorized(head, &()).await;
        let request = match routes::unguarded(request.map(Body), authorize).await {
            Ok(request) => request,
            Err(refused) => return refused,
        };
        let service = match peer {
            Some(peer) => self.service.with_peer(SocketAddr::from((peer, 50_000))),
            None => self.service.clone(),
        };
        let (parts, body) = service.call(request).await.unwrap().into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }
}
