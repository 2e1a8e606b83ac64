//! The bookshop on actix-web.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::ACCEPT;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, Payload, PayloadConfig, ServiceConfig};
use actix_web::{App, Error, FromRequest, Handler, HttpRequest, HttpResponse, HttpServer};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use portcullis::Permissions;
use portcullis_actix::{
    Authorized, Head, LoadObject, MaybeAuth, Rejection, Resource, Router, Session, call, on, resource,
    response,
};
use tokio::net::TcpListener;

use crate::answer::Answer;
use crate::app::{Failure, Paths, Place, Shop, Site};
use crate::domain::Book;
use crate::input::MAX_BODY;
use crate::negotiation::negotiate;
use crate::views::hooks::Hooks;
use crate::views::{Call, View, books};

type Answering = LocalBoxFuture<'static, Result<HttpResponse, Rejection>>;

/// Serves over HTTP/1 and HTTP/2.
pub(super) async fn serve(listener: TcpListener, site: Site, hooks: Option<Hooks>) -> Result<(), Failure> {
    let (shop, paths) = (Data::new(site.shop.clone()), Data::new(site.paths()));
    let routes =
        site.places.into_iter().fold(Router::new(site.guard), |router, place| router.service(at(place)));
    let routes = routes.build()?;
    let app = move || {
        App::new()
            .app_data(shop.clone())
            .app_data(paths.clone())
            .app_data(PayloadConfig::new(MAX_BODY))
            .configure(|config| add_hooks(config, hooks.clone()))
            .configure(|config| routes.configure(config))
            .wrap(from_fn(negotiated))
    };
    Ok(HttpServer::new(app).tcp_nodelay(true).listen_auto_h2c(listener.into_std()?)?.run().await?)
}

/// Extracts what a view needs.
fn at(Place { path, policy, view }: Place) -> Resource {
    let resource = resource(&path);
    let resource = match &view {
        View::Endpoint(endpoint) => {
            let (method, endpoint) = (endpoint.method().clone(), endpoint.clone());
            let ready = move |request: HttpRequest, payload: Payload| {
                let endpoint = endpoint.clone();
                async move { call(&endpoint, &request, payload).await }
            };
            resource.route(on(method).to(ready)).route(on(http::Method::OPTIONS).to(plain(view)))
        }
        View::Book(permission) => each(resource, &view, &on_book(permission.clone())),
        View::Page(_) | View::ChangePassword => each(resource, &view, &with_session(view.clone())),
        View::Books(_) | View::WhoAmI | View::Throttled => each(resource, &view, &plain(view.clone())),
    };
    resource.policy(policy)
}

/// One handler for several methods.
fn each<H, Args>(resource: Resource, view: &View, handler: &H) -> Resource
where
    H: Handler<Args, Output = Result<HttpResponse, Rejection>> + Send + Sync,
    Args: FromRequest + 'static,
{
    view.methods()
        .into_iter()
        .fold(resource, |resource, method| resource.route(on(method).to(handler.clone())))
}

fn plain(view: View) -> impl Fn(Data<Shop>, MaybeAuth, Head, Bytes) -> Answering + Clone + Send + Sync {
    move |shop, auth, head, body| {
        let view = view.clone();
        Box::pin(async move {
            reply(view.answer(&Call { shop: &shop, auth: &auth, head: &head, body: &body }).await)
        })
    }
}

fn with_session(
    view: View,
) -> impl Fn(Data<Shop>, MaybeAuth, Session, Head, Bytes) -> Answering + Clone + Send + Sync {
    move |shop, auth, session, head, body| {
        let view = view.clone();
        Box::pin(async move {
            let call = Call { shop: &shop, auth: &auth, head: &head, body: &body };
            reply(view.answer_with(&call, &session).await)
        })
    }
}

fn on_book(
    permission: Permissions,
) -> impl Fn(Data<Shop>, Authorized<Book>, MaybeAuth, Head, Bytes) -> Answering + Clone + Send + Sync {
    move |shop, Authorized(book), auth, head, body| {
        let permission = permission.clone();
        Box::pin(async move {
            let call = Call { shop: &shop, auth: &auth, head: &head, body: &body };
            reply(books::on_book(&permission, &call, book).await)
        })
    }
}

impl LoadObject for Book {
    async fn load(request: &HttpRequest) -> Result<Option<Self>, Rejection> {
        let Some(shop) = request.app_data::<Data<Shop>>() else { return Ok(None) };
        let id = web::Path::<String>::extract(request).await.ok();
        Ok(books::load(shop, id.as_ref().map(|id| id.as_str())).await?)
    }
}

fn reply(answer: Answer) -> Result<HttpResponse, Rejection> {
    Ok(answer.map(response)?)
}

async fn negotiated(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let is_ours = request.app_data::<Data<Paths>>().is_some_and(|paths| paths.has(request.path()));
    let accept = request.headers().get_all(ACCEPT).map(|value| value.as_bytes());
    match negotiate(request.path(), request.query_string(), accept).filter(|_| is_ours) {
        Some(refusal) => Ok(request.into_response(response(refusal)).map_into_right_body()),
        None => Ok(next.call(request).await?.map_into_left_body()),
    }
}

fn add_hooks(config: &mut ServiceConfig, hooks: Option<Hooks>) {
    let Some(hooks) = hooks.map(Data::new) else { return };
    for path in Hooks::PATHS {
        config.service(web::resource(path).app_data(hooks.clone()).route(web::post().to(hook)));
    }
}

async fn hook(hooks: Data<Hooks>, request: HttpRequest, body: Bytes) -> HttpResponse {
    response(hooks.answer(request.path(), &body).await)
}
