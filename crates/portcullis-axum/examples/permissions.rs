//! Who may do what: ready-made permissions, one of your own, compositions, and objects that are checked before they
//! are touched. The table of routes is printed at the start.
//!
//! ```console
//! $ cargo run -p portcullis-axum --example permissions &
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
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use portcullis_axum::portcullis::permission::{InGroup, IsAdminUser, IsAuthenticated};
use portcullis_axum::portcullis::store::{MemoryStore, NewUser};
use portcullis_axum::portcullis::{AuthRequest, Decision, Guard, ObjectPermission, Users, Verdict};
use portcullis_axum::{Auth, Authorized, LoadObject, Rejection, Router, get, post};
use tokio::net::TcpListener;

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
    async fn load(parts: &mut Parts, library: &Library) -> Result<Option<Self>, Rejection> {
        let Path(id) = Path::<usize>::from_request_parts(parts, library).await.map_err(Rejection::answer)?;
        Ok(library.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned())
    }
}

async fn list(State(library): State<Library>) -> Json<Vec<String>> {
    let books = library.read().unwrap_or_else(PoisonError::into_inner);
    Json(books.iter().map(|book| book.title.clone()).collect())
}

async fn create(auth: Auth, State(library): State<Library>, Json(title): Json<String>) {
    let book = Book { owner: auth.user().username.clone(), title };
    library.write().unwrap_or_else(PoisonError::into_inner).push(book);
}

async fn read(Authorized(book): Authorized<Book>) -> String {
    format!("{}, {}'s\n", book.title, book.owner)
}

async fn delete(Authorized(book): Authorized<Book>, State(library): State<Library>) -> String {
    library.write().unwrap_or_else(PoisonError::into_inner).retain(|other| other.title != book.title);
    format!("{} is gone\n", book.title)
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
        .route("/books", get(list).public())
        .route("/books", post(create).require(IsAuthenticated & !InGroup::new("Readers")))
        .route(
            "/books/{id}",
            get(read).delete(delete).require(IsAuthenticated & (IsAdminUser | IsOwnerOrReadOnly)),
        )
        .route("/reports", get(|| async { "sales: 1\n" }).require(IsAdminUser));
    print!("{}", router.table()?);
    let app = router.into_router(library)?;

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
