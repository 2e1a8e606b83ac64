//! The bookshop on bare hyper: a handler is one `match` on the tag of its route.

use std::convert::Infallible;
use std::sync::Arc;

use ::hyper::body::Incoming;
use ::hyper::service::{Service, service_fn};
use bytes::Bytes;
use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use http_body_util::Full;
use portcullis::endpoint::Endpoint;
use portcullis_hyper::{
    GuardService, LoadObject, Matched, MaybeAuth, MethodRouter, Rejection, Reply, Request, Router,
    authorized, collect,
};
use tokio::net::TcpListener;

use crate::answer::Answer;
use crate::app::{Failure, Paths, Place, Shop, Site};
use crate::domain::Book;
use crate::input::MAX_BODY;
use crate::negotiation::negotiate;
use crate::server;
use crate::views::hooks::Hooks;
use crate::views::{Call, View, books};

/// Serves over HTTP/1 and HTTP/2.
pub(super) async fn serve(listener: TcpListener, site: Site, hooks: Option<Hooks>) -> Result<(), Failure> {
    let outside = Outside { paths: site.paths(), hooks };
    let shop = site.shop.clone();
    let router = router(site);
    let guarded = GuardService::new(router, move |view, request: Request| {
        let shop = shop.clone();
        async move { handle(&shop, &view, request).await.map(|response| response.map(Full::new)) }
    })?;
    let for_connection = |peer| {
        let (guarded, outside) = (guarded.with_peer(peer), outside.clone());
        service_fn(move |request| {
            let (guarded, outside) = (guarded.clone(), outside.clone());
            async move {
                match outside.answer(request).await {
                    Ok(answer) => Ok::<_, Infallible>(answer.map(|body| Reply::Left(Full::new(body)))),
                    Err(request) => guarded.call(request).await,
                }
            }
        })
    };
    Ok(server::serve(listener, for_connection).await?)
}

fn router(site: Site) -> Router<Arc<View>> {
    site.places.into_iter().fold(Router::new(site.guard), |router, Place { path, policy, view }| {
        let view = Arc::new(view);
        let on = |methods: MethodRouter<_>, method| methods.on(method, Arc::clone(&view));
        router.route(&path, view.methods().into_iter().fold(MethodRouter::default(), on).policy(policy))
    })
}

/// Extracts what a view needs.
async fn handle(shop: &Shop, view: &View, request: Request) -> Answer {
    let (head, body) = request.into_parts();
    let auth = MaybeAuth::of(&head.extensions)?;
    let call = |body| Call { shop, auth: &auth, head: &head, body };
    match view {
        View::Endpoint(endpoint) if *endpoint.method() == head.method => {
            let body = collect(body, Endpoint::<portcullis::Account>::LIMIT).await?;
            Ok(endpoint.call(http::Request::from_parts(head, body)).await)
        }
        View::Book(permission) => {
            let book: Book = authorized(&head, shop).await?;
            books::on_book(permission, &call(&collect(body, MAX_BODY).await?), book).await
        }
        View::Page(_) | View::ChangePassword => {
            let session = auth.access().session(&head.headers).await?;
            view.answer_with(&call(&collect(body, MAX_BODY).await?), &session).await
        }
        View::Books(_) | View::WhoAmI | View::Throttled | View::Endpoint(_) => {
            view.answer(&call(&collect(body, MAX_BODY).await?)).await
        }
    }
}

impl LoadObject<Shop> for Book {
    async fn load(head: &Parts, shop: &Shop) -> Result<Option<Self>, Rejection> {
        let id = Matched::<Arc<View>>::of(&head.extensions).and_then(|matched| matched.param("id"));
        books::load(shop, id.as_deref()).await
    }
}

/// What is answered before the guard: content negotiation, and the hooks of tests.
#[derive(Clone)]
struct Outside {
    paths: Paths,
    hooks: Option<Hooks>,
}

impl Outside {
    async fn answer(
        &self,
        request: http::Request<Incoming>,
    ) -> Result<Response<Bytes>, http::Request<Incoming>> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let accept = request.headers().get_all(ACCEPT).iter().map(HeaderValue::as_bytes);
        if self.paths.has(path)
            && let Some(refusal) = negotiate(path, query, accept)
        {
            return Ok(refusal);
        }
        match &self.hooks {
            Some(hooks) if request.method() == Method::POST && Hooks::PATHS.contains(&path) => {
                let path = path.to_owned();
                let body = collect(request.into_body(), MAX_BODY).await.unwrap_or_default();
                Ok(hooks.answer(&path, &body).await)
            }
            _ => Err(request),
        }
    }
}
