//! The client over actix-web's test service.

use std::rc::Rc;

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::TestRequest;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};

use super::Client;

impl Client {
    /// Takes what `actix_web::test::init_service` makes.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::{App, HttpResponse, test, web};
    /// use portcullis_testing::Client;
    ///
    /// # actix_web::rt::System::new().block_on(async {
    /// let hello = web::get().to(async || HttpResponse::Ok().body("hello"));
    /// let client = Client::actix(test::init_service(App::new().route("/", hello)).await);
    /// assert_eq!(client.get("/").await.text(), "hello");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// A request does when the body of its answer fails.
    #[must_use]
    pub fn actix<S, B>(service: S) -> Self
    where
        S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
        B: MessageBody + 'static,
    {
        let service = Rc::new(service);
        Self::over(move |request| {
            let service = Rc::clone(&service);
            async move {
                // What a middleware fails with is an answer, as in actix-web's server.
                let response = match service.call(into_actix(request)).await {
                    Ok(response) => response.into_parts().1.map_into_boxed_body(),
                    Err(error) => error.error_response(),
                };
                from_actix(response).await
            }
            .boxed_local()
        })
    }
}

/// actix-web speaks `http` 0.2: names and values go over as text and bytes.
#[expect(clippy::expect_used, reason = "a test's own mistake should stop the test")]
fn into_actix(request: Request<Bytes>) -> actix_http::Request {
    let (parts, body) = request.into_parts();
    let method = actix_web::http::Method::from_bytes(parts.method.as_str().as_bytes()).expect("a method");
    let mut test = TestRequest::with_uri(&parts.uri.to_string()).method(method).set_payload(body);
    for (name, value) in &parts.headers {
        test = test.append_header((name.as_str(), value.as_bytes()));
    }
    test.to_request()
}

#[expect(clippy::expect_used, reason = "an answer that cannot be read should stop the test")]
async fn from_actix<B: MessageBody>(response: actix_web::HttpResponse<B>) -> Response<Bytes> {
    let mut builder = Response::builder().status(response.status().as_u16());
    for (name, value) in response.headers() {
        builder = builder.header(name.as_str(), value.as_bytes());
    }
    let body = to_bytes(response.into_body()).await.map_err(Into::into).expect("the body of an answer");
    builder.body(body).expect("an answer")
}
