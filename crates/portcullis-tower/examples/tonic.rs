//! gRPC with tonic: a service that is closed by default, and a client that asks it.
//!
//! ```console
//! $ cargo run -p portcullis-tower --example tonic
//! nobody lists: Unauthenticated, Authentication credentials were not provided.
//! john lists: Dune, Emma
//! john renames his own: Dune Messiah
//! john renames mary's: PermissionDenied, You do not have permission to perform this action.
//! john renames what is not there: NotFound, Not found.
//! ```
//!
//! The service is written by hand, so that nothing but this file is needed; generated code looks the same to the guard,
//! which knows calls by their paths.

#![expect(clippy::print_stdout, reason = "the example tells what it gets")]

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use portcullis_tower::portcullis::permission::IsAuthenticated;
use portcullis_tower::portcullis::store::MemoryStore;
use portcullis_tower::portcullis::{
    Auth, AuthRequest, Decision, Denial, Guard, NewToken, ObjectPermission, Rejection, Tokens, Users, Verdict,
};
use portcullis_tower::{GuardLayer, Matched, RouteError, Router, grpc_status, post};
use tonic::codegen::StdError;
use tonic::metadata::MetadataValue;
use tonic::server::NamedService;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// No field: a request for everything.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListRequest {}

/// What a list holds.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListReply {
    /// The titles.
    #[prost(string, repeated, tag = "1")]
    pub(crate) titles: Vec<String>,
}

/// Another title for a book.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RenameRequest {
    /// The place of the book in the list.
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    /// Its new title.
    #[prost(string, tag = "2")]
    pub(crate) title: String,
}

/// The title that a book has now.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RenameReply {
    /// The title.
    #[prost(string, tag = "1")]
    pub(crate) title: String,
}

/// The calls of the service: the tags of its routes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    /// `List`.
    List,
    /// `Rename`.
    Rename,
}

/// A book and who owns it.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    owner: String,
    title: String,
}

/// Every call of gRPC is a POST: who may read more than write says so at the route of each call.
struct IsOwner;

impl ObjectPermission for IsOwner {
    type Object = Book;

    fn check_object(&self, request: &AuthRequest<'_>, book: &Book) -> Verdict<'_> {
        Decision::allow_if(request.user().is_some_and(|user| user.username == book.owner)).into()
    }
}

/// The guard of the service: what is not in this table is UNIMPLEMENTED.
///
/// # Errors
///
/// [`RouteError`] when a route could never work.
pub(crate) fn layer(guard: Guard) -> Result<GuardLayer<Call>, RouteError> {
    let layer = Router::new(guard)
        .route("/bookshop.Books/List", post(Call::List))
        .route("/bookshop.Books/Rename", post(Call::Rename).require(IsAuthenticated & IsOwner))
        .into_layer()?;
    Ok(layer.for_grpc().with_peer(|head| {
        let connection: &TcpConnectInfo = head.extensions.get()?;
        Some(connection.remote_addr()?.ip())
    }))
}

/// The books behind the guard.
#[derive(Clone, Debug)]
pub(crate) struct Books(Arc<Mutex<Vec<Book>>>);

impl Default for Books {
    fn default() -> Self {
        let book = |owner: &str, title: &str| Book { owner: owner.to_owned(), title: title.to_owned() };
        Self(Arc::new(Mutex::new(vec![book("john", "Dune"), book("mary", "Emma")])))
    }
}

/// Turns a refusal into tonic's.
fn status<E: Into<Rejection>>(error: E) -> Status {
    let (code, message) = grpc_status(error.into());
    Status::new(code.into(), message)
}

impl Books {
    async fn list(self, _: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Response::new(ListReply { titles: books.iter().map(|book| book.title.clone()).collect() }))
    }

    async fn rename(self, request: Request<RenameRequest>) -> Result<Response<RenameReply>, Status> {
        let auth: Auth = Auth::of(request.extensions()).map_err(status::<Rejection>)?;
        let RenameRequest { id, title } = request.into_inner();
        let at = usize::try_from(id).unwrap_or(usize::MAX);
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(at).cloned();
        let book = found.ok_or_else(|| status(Denial::default().hide()))?;
        auth.check_object(&book).await.map_err(status)?;
        if let Some(book) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
            book.title.clone_from(&title);
        }
        Ok(Response::new(RenameReply { title }))
    }
}

impl NamedService for Books {
    const NAME: &'static str = "bookshop.Books";
}

impl<B> tower::Service<http::Request<B>> for Books
where
    B: http_body::Body<Data = bytes::Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let books = self.clone();
        let call = Matched::<Call>::of(request.extensions()).map(|matched| *matched.tag());
        Box::pin(async move {
            Ok(match call {
                Some(Call::List) => {
                    let list = service_fn(move |request| books.clone().list(request));
                    tonic::server::Grpc::new(ProstCodec::default()).unary(list, request).await
                }
                Some(Call::Rename) => {
                    let rename = service_fn(move |request| books.clone().rename(request));
                    tonic::server::Grpc::new(ProstCodec::default()).unary(rename, request).await
                }
                None => Status::unimplemented("").into_http(),
            })
        })
    }
}

/// A client of the service, who may have a token.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    grpc: tonic::client::Grpc<Channel>,
    token: Option<String>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// What the transport fails with.
    pub(crate) async fn connect(address: &str, token: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let channel = Channel::from_shared(address.to_owned())?.connect().await?;
        Ok(Self { grpc: tonic::client::Grpc::new(channel), token: token.map(str::to_owned) })
    }

    /// Calls a method by its path.
    ///
    /// # Errors
    ///
    /// The status that the service refuses with.
    pub(crate) async fn call<M, N>(&mut self, path: &'static str, message: M) -> Result<N, Status>
    where
        M: prost::Message + 'static,
        N: prost::Message + Default + 'static,
    {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            let value = MetadataValue::try_from(format!("Token {token}"))
                .map_err(|_| Status::invalid_argument("no token"))?;
            request.metadata_mut().insert("authorization", value);
        }
        self.grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let path = http::uri::PathAndQuery::from_static(path);
        let codec: ProstCodec<M, N> = ProstCodec::default();
        Ok(self.grpc.unary(request, path, codec).await?.into_inner())
    }

    /// Renames a book.
    ///
    /// # Errors
    ///
    /// The status that the service refuses with.
    pub(crate) async fn rename(&mut self, id: u32, title: &str) -> Result<String, Status> {
        let message = RenameRequest { id, title: title.to_owned() };
        let reply: RenameReply = self.call("/bookshop.Books/Rename", message).await?;
        Ok(reply.title)
    }
}

/// Serves the books on a free port of loopback and returns its address.
///
/// # Errors
///
/// What the system or the routes fail with.
pub(crate) async fn serve(guard: Guard) -> Result<String, Box<dyn Error>> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let address = format!("http://{}", incoming.local_addr()?);
    let server = Server::builder().layer(layer(guard)?).add_service(Books::default());
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(address)
}

fn tell<T: std::fmt::Display>(what: &str, outcome: Result<T, Status>) {
    match outcome {
        Ok(answer) => println!("{what}: {answer}"),
        Err(status) => println!("{what}: {:?}, {}", status.code(), status.message()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let tokens = Tokens::new(store);
    let john = users.create("john", "horse-battery").await?;
    let token = tokens.issue(&john.id, NewToken::default()).await?;

    let guard = Guard::builder(users).authenticate(tokens.authenticator()).build()?;
    let address = serve(guard).await?;

    let mut nobody = Client::connect(&address, None).await?;
    let mut john = Client::connect(&address, Some(token.expose_secret())).await?;
    let list = |reply: ListReply| reply.titles.join(", ");
    tell("nobody lists", nobody.call("/bookshop.Books/List", ListRequest {}).await.map(list));
    tell("john lists", john.call("/bookshop.Books/List", ListRequest {}).await.map(list));
    tell("john renames his own", john.rename(0, "Dune Messiah").await);
    tell("john renames mary's", john.rename(1, "Emma Messiah").await);
    tell("john renames what is not there", john.rename(7, "Emma Messiah").await);
    Ok(())
}
