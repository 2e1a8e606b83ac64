//! A body that breaks off.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::{Router, TwoUsers, request};
use http_body::Frame;
use portcullis_tower::collect;

/// A body that breaks off.
struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into())))
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let rejection = collect(Broken, 10).await.unwrap_err();
    assert_eq!(rejection.into_response().status(), 400);
    let world = TwoUsers::new().await;
    let layer = Router::new(world.guard()).merge(world.tokens.obtain_endpoint("/api/login")).into_layer();
    let request = request("POST", "/api/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Broken)
        .unwrap();
    let unreached = |_, _| async { Ok::<_, Infallible>(http::Response::new(common::empty())) };
    assert_eq!(layer.unwrap().answer(request, unreached).await.unwrap().status(), 400);
}
