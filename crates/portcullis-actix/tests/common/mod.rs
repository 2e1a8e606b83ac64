//! Applications of actix-web's and requests to them.

#![expect(dead_code, reason = "each test uses a part of it")]

use std::rc::Rc;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use actix_web::{App, Error, body::MessageBody, test};
use futures_util::future::LocalBoxFuture;
use portcullis_actix::{Router, Seal};
pub(crate) use portcullis_testing::TwoUsers;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A whole application of actix-web's.
pub(crate) struct Served(Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Answer>>);

/// Adds the endpoints of the sessions, for [`log_in`].
pub(crate) fn with_login(world: &TwoUsers, router: Router) -> Router {
    router.service(world.sessions.endpoints("/session"))
}

/// Starts an application of these routes and a seal.
pub(crate) async fn serve(router: Router) -> Served {
    let routes = router.build().unwrap();
    let app = App::new().configure(|config| routes.configure(config)).wrap(Seal);
    served(test::init_service(app).await, TestRequest::to_request)
}

/// Hides the type of an application, with [`TestRequest::to_request`] for the request that has no public name.
pub(crate) fn served<R, S, B>(service: S, make: fn(TestRequest) -> R) -> Served
where
    R: 'static,
    S: Service<R, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    let service = Rc::new(service);
    Served(Box::new(move |request| {
        let service = Rc::clone(&service);
        Box::pin(async move {
            let response = match service.call(make(request)).await {
                Ok(response) => response.map_into_boxed_body().into_parts().1,
                Err(error) => error.error_response(),
            };
            let (status, headers) = (response.status(), response.headers().clone());
            let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
            Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
        })
    }))
}

/// Begins a request.
pub(crate) fn request(method: &str, uri: &str) -> TestRequest {
    TestRequest::with_uri(uri).method(Method::from_bytes(method.as_bytes()).unwrap())
}

/// Makes a request with a token.
pub(crate) fn with_token(method: &str, uri: &str, token: &str) -> TestRequest {
    request(method, uri).insert_header((AUTHORIZATION, format!("Token {token}")))
}

pub(crate) async fn send(app: &Served, request: TestRequest) -> Answer {
    (app.0)(request).await
}

/// Logs John in: the `Cookie` header and a CSRF token.
pub(crate) async fn log_in(world: &TwoUsers, app: &Served) -> (String, String) {
    let john = world.users.find_by_name("john").await.unwrap().unwrap();
    world.users.set_password(&john.id, "right").await.unwrap();
    let login =
        from_browser("POST", "/session/login", "").insert_header(("content-type", "application/json"));
    let answer = send(app, login.set_payload(r#"{"username":"john","password":"right"}"#)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let csrf = send(app, from_browser("GET", "/session/csrf", &cookie)).await;
    (cookie, csrf.body.split('"').nth(3).unwrap().to_owned())
}

/// Makes a request of a browser from our own site.
pub(crate) fn from_browser(method: &str, uri: &str, cookies: &str) -> TestRequest {
    request(method, uri)
        .insert_header((COOKIE, cookies))
        .insert_header(("host", "localhost"))
        .insert_header(("origin", "http://localhost"))
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
