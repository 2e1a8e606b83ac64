//! The bookshop on axum.

use std::net::SocketAddr;

use ::axum::Extension;
use ::axum::body::Body;
use ::axum::extract::{ConnectInfo, FromRequestParts, Path, Request, State};
use ::axum::handler::Handler;
use ::axum::middleware::{Next, from_fn};
use ::axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderValue, Uri};
use hyper::body::Incoming;
use hyper_util::service::TowerToHyperService;
use portcullis::Permissions;
use portcullis_axum::{
    Authorized, LoadObject, MaybeAuth, MethodRouter, Rejection, Router, Session, call, on,
};
use tokio::net::TcpListener;
use tower::{ServiceExt, service_fn};

use crate::answer::Answer;
use crate::app::{Failure, Place, Shop, Site};
use crate::domain::Book;
use crate::negotiation::negotiate;
use crate::server;
use crate::views::hooks::Hooks;
use crate::views::{Call, View, books};

type Answering = BoxFuture<'static, Response>;

/// Serves over HTTP/1 and HTTP/2.
pub(super) async fn serve(listener: TcpListener, site: Site, hooks: Option<Hooks>) -> Result<(), Failure> {
    let app = app(site, hooks)?;
    let service = |peer: SocketAddr| {
        let app = app.clone();
        TowerToHyperService::new(service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().oneshot(request)
        }))
    };
    Ok(server::serve(listener, service).await?)
}

fn app(Site { guard, shop, places }: Site, hooks: Option<Hooks>) -> Result<::axum::Router, Failure> {
    let router = places.into_iter().fold(Router::new(guard), |router, Place { path, policy, view }| {
        router.route(&path, methods(view).policy(policy))
    });
    let app = router.into_router(shop)?.route_layer(from_fn(negotiated));
    Ok(match hooks {
        Some(hooks) => Hooks::PATHS.into_iter().fold(app, |app, path| {
            app.route(path, ::axum::routing::post(hook).layer(Extension(hooks.clone())))
        }),
        None => app,
    })
}

/// Extracts what a view needs.
fn methods(view: View) -> MethodRouter<Shop> {
    match &view {
        View::Endpoint(endpoint) => {
            let (method, endpoint) = (endpoint.method().clone(), endpoint.clone());
            let ready = async move |request: Request| call(&endpoint, request).await;
            on(method, ready).options(plain(view))
        }
        View::Book(permission) => each(&view, &on_book(permission.clone())),
        View::Page(_) | View::ChangePassword => each(&view, &with_session(view.clone())),
        View::Books(_) | View::WhoAmI | View::Throttled => each(&view, &plain(view.clone())),
    }
}

/// One handler for several methods.
fn each<H, T>(view: &View, handler: &H) -> MethodRouter<Shop>
where
    H: Handler<T, Shop>,
    T: 'static,
{
    let none = MethodRouter::default();
    view.methods().into_iter().fold(none, |router, method| router.on(method, handler.clone()))
}

fn plain(view: View) -> impl Fn(State<Shop>, MaybeAuth, Parts, Bytes) -> Answering + Clone + Send + Sync {
    move |State(shop), auth, head, body| {
        let view = view.clone();
        Box::pin(async move {
            reply(view.answer(&Call { shop: &shop, auth: &auth, head: &head, body: &body }).await)
        })
    }
}

fn with_session(
    view: View,
) -> impl Fn(State<Shop>, MaybeAuth, Session, Parts, Bytes) -> Answering + Clone + Send + Sync {
    move |State(shop), auth, session, head, body| {
        let view = view.clone();
        Box::pin(async move {
            let call = Call { shop: &shop, auth: &auth, head: &head, body: &body };
            reply(view.answer_with(&call, &session).await)
        })
    }
}

fn on_book(
    permission: Permissions,
) -> impl Fn(State<Shop>, Authorized<Book>, MaybeAuth, Parts, Bytes) -> Answering + Clone + Send + Sync {
    move |State(shop), Authorized(book), auth, head, body| {
        let permission = permission.clone();
        Box::pin(async move {
            let call = Call { shop: &shop, auth: &auth, head: &head, body: &body };
            reply(books::on_book(&permission, &call, book).await)
        })
    }
}

impl LoadObject<Shop> for Book {
    async fn load(parts: &mut Parts, shop: &Shop) -> Result<Option<Self>, Rejection> {
        let id: Result<Path<String>, _> = Path::from_request_parts(parts, shop).await;
        let id = id.ok().map(|Path(id)| id);
        books::load(shop, id.as_deref()).await.map_err(|rejection| Rejection::answer(reply(Err(rejection))))
    }
}

fn reply(answer: Answer) -> Response {
    answer.unwrap_or_else(portcullis::Rejection::into_response).map(Body::from)
}

async fn negotiated(request: Request, next: Next) -> Response {
    let accept = request.headers().get_all(ACCEPT).iter().map(HeaderValue::as_bytes);
    match negotiate(request.uri().path(), request.uri().query().unwrap_or_default(), accept) {
        None => next.run(request).await,
        Some(refusal) => refusal.map(Body::from),
    }
}

async fn hook(Extension(hooks): Extension<Hooks>, uri: Uri, body: Bytes) -> Response {
    hooks.answer(uri.path(), &body).await.map(Body::from)
}
