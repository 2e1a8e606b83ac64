//! Who may do what: ready-made permissions, one of your own, compositions, and objects that are checked before they
//! are touched. The table of routes is printed at the start.
//!
//! ```console
//! $ cargo run -p portcullis-hyper --example permissions &
//! GET     /books       basic  AllowAny
//! POST    /books       basic  IsAuthenticated & !InGroup("Readers")
//! GET     /books/{id}  basic  IsAuthenticated & (IsAdminUser | IsOwnerOrReadOnly)
//! DELETE  /books/{id}  basic  IsAuthenticated & (IsAdminUser | IsOwnerOrReadOnly)
//! GET     /reports     basic  IsAdminUser
//! $ curl http://127.0.0.1:3000/books
//! ["Dune","Emma"]
//! $ curl -u john:john-pw -X DELETE http://127.0.0.1:3000/books/1
//! {"detail":"You do not have permission to perform this action."}
//! $ curl -u john:john-pw -X DELETE http://127.0.0.1:3000/books/7
//! {"detail":"Not found."}
//! $ curl -u mary:mary-pw -X DELETE http://127.0.0.1:3000/books/1
//! Emma is gone
//! $ curl -u john:john-pw http://127.0.0.1:3000/reports
//! {"detail":"You do not have permission to perform this action."}
//! ```

#![expect(clippy::print_stdout, reason = "the table of routes is for the screen")]

use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis_hyper::portcullis::permission::{InGroup, IsAdminUser, IsAuthenticated};
use portcullis_hyper::portcullis::store::{MemoryStore, NewUser};
use portcullis_hyper::portcullis::{AuthRequest, Decision, Guard, ObjectPermission, Users, Verdict};
use portcullis_hyper::{
    Auth, GuardService, LoadObject, Matched, Rejection, Request, Router, authorized, collect, get, post,
};
use tokio::net::TcpListener;

#[derive(Clone)]
enum Page {
    List,
    Create,
    Read,
    Delete,
    Reports,
}

#[derive(Clone)]
struct Book {
    owner: String,
    title: String,
}

type Library = Arc<RwLock<Vec<Book>>>;

struct IsOwnerOrReadOnly;

impl ObjectPermission for IsOwnerOrReadOnly {
    type Object = Book;

    fn check_object(&self, request: &AuthRequest<'_>, book: &Book) -> Verdict<'_> {
        Decision::allow_if(
            request.is_safe() || request.user().is_some_and(|user| user.username == book.owner),
        )
        .into()
    }
}

impl LoadObject<Library> for Book {
    async fn load(head: &Parts, library: &Library) -> Result<Option<Self>, Rejection> {
        let id = Matched::<Page>::of(&head.extensions).and_then(|page| page.param("id")?.parse().ok());
        let books = library.read().unwrap_or_else(PoisonError::into_inner);
        Ok(id.and_then(|id: usize| books.get(id).cloned()))
    }
}

/// A body that is no title is a mistake of the client's.
fn bad_request(_: serde_json::Error) -> Rejection {
    let mut answer = Response::new(Bytes::from_static(b"a title is a string\n"));
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    Rejection::answer(answer)
}

async fn handle(library: Library, page: Page, request: Request) -> Result<Response<Full<Bytes>>, Rejection> {
    let (head, body) = request.into_parts();
    let text = match page {
        Page::List => {
            let books = library.read().unwrap_or_else(PoisonError::into_inner);
            let titles: Vec<_> = books.iter().map(|book| book.title.as_str()).collect();
            serde_json::json!(titles).to_string()
        }
        Page::Create => {
            let auth: Auth = Auth::of(&head.extensions)?;
            let title = serde_json::from_slice(&collect(body, 1024).await?).map_err(bad_request)?;
            let book = Book { owner: auth.user().username.clone(), title };
            library.write().unwrap_or_else(PoisonError::into_inner).push(book);
            String::new()
        }
        Page::Read => {
            let book: Book = authorized(&head, &library).await?;
            format!("{}, {}'s\n", book.title, book.owner)
        }
        Page::Delete => {
            let book: Book = authorized(&head, &library).await?;
            library.write().unwrap_or_else(PoisonError::into_inner).retain(|other| other.title != book.title);
            format!("{} is gone\n", book.title)
        }
        Page::Reports => "sales: 1\n".to_owned(),
    };
    Ok(Response::new(Full::from(text)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::new(MemoryStore::new());
    users.create("john", "john-pw").await?;
    users.create_user(NewUser::new("mary").with_staff(), Some("mary-pw")).await?;
    let book = |owner: &str, title: &str| Book { owner: owner.to_owned(), title: title.to_owned() };
    let library: Library = Arc::new(RwLock::new(vec![book("john", "Dune"), book("mary", "Emma")]));

    let guard = Guard::builder(users.clone()).authenticate(users.basic()).build()?;
    let router = Router::new(guard)
        .route("/books", get(Page::List).public())
        .route("/books", post(Page::Create).require(IsAuthenticated & !InGroup::new("Readers")))
        .route(
            "/books/{id}",
            get(Page::Read).delete(Page::Delete).require(IsAuthenticated & (IsAdminUser | IsOwnerOrReadOnly)),
        )
        .route("/reports", get(Page::Reports).require(IsAdminUser));
    print!("{}", router.table()?);
    let service = GuardService::new(router, move |page, request| handle(library.clone(), page, request))?;

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        let service = service.with_peer(peer);
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}
