//! Who may do what: ready-made permissions, one of your own, compositions, and objects that are checked before they
//! are touched. The table of routes is printed at the start.
//!
//! ```console
//! $ cargo run -p portcullis-actix --example permissions &
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
use std::sync::{PoisonError, RwLock};

use actix_web::web::{Data, Json, Path};
use actix_web::{App, FromRequest, HttpRequest, HttpServer};
use portcullis_actix::portcullis::permission::{InGroup, IsAdminUser, IsAuthenticated};
use portcullis_actix::portcullis::store::{MemoryStore, NewUser};
use portcullis_actix::portcullis::{AuthRequest, Decision, Guard, ObjectPermission, Users, Verdict};
use portcullis_actix::{Auth, Authorized, LoadObject, Rejection, Router, Seal, delete, get, post, resource};

#[derive(Clone)]
struct Book {
    owner: String,
    title: String,
}

type Library = Data<RwLock<Vec<Book>>>;

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

impl LoadObject for Book {
    async fn load(request: &HttpRequest) -> Result<Option<Self>, Rejection> {
        let id = Path::<usize>::extract(request).await.map_err(Rejection::answer)?.into_inner();
        let library = Library::extract(request).await.map_err(Rejection::answer)?;
        Ok(library.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned())
    }
}

async fn list(library: Library) -> Json<Vec<String>> {
    let books = library.read().unwrap_or_else(PoisonError::into_inner);
    Json(books.iter().map(|book| book.title.clone()).collect())
}

async fn create(auth: Auth, library: Library, Json(title): Json<String>) -> &'static str {
    let book = Book { owner: auth.user().username.clone(), title };
    library.write().unwrap_or_else(PoisonError::into_inner).push(book);
    ""
}

async fn read(Authorized(book): Authorized<Book>) -> String {
    format!("{}, {}'s\n", book.title, book.owner)
}

async fn remove(Authorized(book): Authorized<Book>, library: Library) -> String {
    library.write().unwrap_or_else(PoisonError::into_inner).retain(|other| other.title != book.title);
    format!("{} is gone\n", book.title)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::new(MemoryStore::new());
    users.create("john", "john-pw").await?;
    users.create_user(NewUser::new("mary").with_staff(), Some("mary-pw")).await?;
    let book = |owner: &str, title: &str| Book { owner: owner.to_owned(), title: title.to_owned() };
    let library = Data::new(RwLock::new(vec![book("john", "Dune"), book("mary", "Emma")]));

    let guard = Guard::builder(users.clone()).authenticate(users.basic()).build()?;
    let is_owner = IsAuthenticated & (IsAdminUser | IsOwnerOrReadOnly);
    let book = resource("/books/{id}").route(get().to(read)).route(delete().to(remove)).require(is_owner);
    let is_no_reader = IsAuthenticated & !InGroup::new("Readers");
    let routes = Router::new(guard)
        .service(resource("/books").route(get().to(list)).public())
        .service(resource("/books").route(post().to(create)).require(is_no_reader))
        .service(book)
        .service(resource("/reports").route(get().to(|| async { "sales: 1\n" })).require(IsAdminUser))
        .build()?;
    print!("{}", routes.table());

    let app =
        move || App::new().app_data(library.clone()).configure(|config| routes.configure(config)).wrap(Seal);
    HttpServer::new(app).bind("127.0.0.1:3000")?.run().await?;
    Ok(())
}
