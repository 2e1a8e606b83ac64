//! The client over a tower service: axum, hyper, tower.

use std::fmt::Debug;
use std::future::poll_fn;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tower_service::Service;

use super::Client;

impl Client {
    /// Takes a tower service of any body, such as an `axum::Router`; each request goes to a clone of it. For a service of
    /// one body alone there is [`Client::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{SessionConfig, Sessions, Users, store::MemoryStore};
    /// use portcullis_axum::{Auth, Router, post};
    /// use portcullis_testing::Client;
    ///
    /// async fn create(auth: Auth) -> String {
    ///     format!("a book of {}", auth.user().username)
    /// }
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let store = MemoryStore::new();
    /// let users = Users::new(store.clone());
    /// users.create("john", "correct horse battery").await?;
    /// let sessions = Sessions::new(store, SessionConfig::default());
    /// let guard = portcullis::Guard::builder(users).authenticate(sessions.authenticator()).build()?;
    /// let app = Router::new(guard).route("/books", post(create)).merge(sessions.endpoints("/session")).into_router(())?;
    ///
    /// let client = Client::tower(app).with_csrf("/session/csrf");
    /// assert_eq!(client.post("/books", "").await.status(), 403);
    /// client.log_in("/session/login", "john", "correct horse battery").await;
    /// assert_eq!(client.post("/books", "").await.text(), "a book of john");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// A request does when the service fails, or the body of its answer.
    #[expect(clippy::expect_used, reason = "a service that fails should stop the test")]
    #[must_use]
    pub fn tower<S, R>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<R>, Error: Debug, Future: 'static>
            + Clone
            + 'static,
        R: Body<Error: Debug> + 'static,
    {
        Self::over(move |request| {
            let mut service = service.clone();
            async move {
                poll_fn(|context| service.poll_ready(context)).await.expect("a service that is ready");
                let response = service.call(request.map(Full::new)).await.expect("an answer of the service");
                let (parts, body) = response.into_parts();
                let body = body.collect().await.expect("the body of an answer");
                Response::from_parts(parts, body.to_bytes())
            }
            .boxed_local()
        })
    }
}
