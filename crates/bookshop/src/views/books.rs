//! Books: list, create, retrieve, update, delete, as DRF's `ModelViewSet` answers them.
//!
//! 1. The order on one book is DRF's: 404, then 403, then the body and its 400.
//! 2. An id that cannot be one answers `Not found.`; one that names no book, `No Book matches the given query.`
//! 3. A book that nobody creates is John's.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use portcullis::store::StoreError;
use portcullis::{AuthRequest, Decision, Permissions, Unavailable};
use portcullis_axum::{Authorized, LoadObject, MaybeAuth, MethodRouter, Rejection, get};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, answer, detail};
use crate::app::Shop;
use crate::domain::Book;
use crate::input::parse;
use crate::views::metadata::describe_books;
use crate::views::title::read_title;

/// The methods on all books.
pub fn list_routes(permission: &Permissions) -> MethodRouter<Shop> {
    let metadata = Metadata { name: "Book List", action: Method::POST, permission: permission.clone() };
    get(list)
        .post(create)
        .options(async move |auth: MaybeAuth, parts: Parts| metadata.answer(&auth, &parts, None).await)
}

/// The methods on one book.
pub fn detail_routes(permission: &Permissions) -> MethodRouter<Shop> {
    let metadata = Metadata { name: "Book Instance", action: Method::PUT, permission: permission.clone() };
    get(retrieve).put(replace).patch(change).delete(remove).options(
        async move |Authorized(book): Authorized<Book>, auth: MaybeAuth, parts: Parts| {
            metadata.answer(&auth, &parts, Some(&book)).await
        },
    )
}

impl LoadObject<Shop> for Book {
    async fn load(parts: &mut Parts, shop: &Shop) -> Result<Option<Self>, Rejection> {
        let id: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, shop).await;
        let Some(id) = id.ok().and_then(|Path(id)| read_id(&id)) else { return Ok(None) };
        let book = match id {
            Id::Possible(id) => shop.books.book(id).await.map_err(outage)?,
            Id::TooLarge => None,
        };
        book.map(Some).ok_or_else(|| Rejection::answer(missing()))
    }
}

/// A number that names a book, or that no book can have.
#[derive(Debug, PartialEq, Eq)]
enum Id {
    Possible(i64),
    TooLarge,
}

/// Reads a number of any size; what is none names nothing.
fn read_id(text: &str) -> Option<Id> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().map_or(Id::TooLarge, Id::Possible))
}

async fn list(State(shop): State<Shop>) -> Result<Answer, Rejection> {
    let books = shop.books.list().await.map_err(outage)?;
    Ok(answer(StatusCode::OK, &books))
}

async fn create(
    State(shop): State<Shop>,
    auth: MaybeAuth,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Rejection> {
    let title = title(&headers, &body, false)?.unwrap_or_default();
    let (owner, name) = match auth.user() {
        Some(user) => (user.id.clone(), user.username.clone()),
        None => (1.into(), "john".to_owned()),
    };
    let book = shop.books.create(&title, &owner, &name).await.map_err(outage)?;
    Ok(answer(StatusCode::CREATED, &book))
}

async fn retrieve(Authorized(book): Authorized<Book>) -> Answer {
    answer(StatusCode::OK, &book)
}

async fn replace(
    shop: State<Shop>,
    Authorized(book): Authorized<Book>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Rejection> {
    rename(shop, book, title(&headers, &body, false)?).await
}

async fn change(
    shop: State<Shop>,
    Authorized(book): Authorized<Book>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Rejection> {
    rename(shop, book, title(&headers, &body, true)?).await
}

async fn rename(
    State(shop): State<Shop>,
    mut book: Book,
    title: Option<String>,
) -> Result<Answer, Rejection> {
    if let Some(title) = title {
        if !shop.books.rename(book.id, &title).await.map_err(outage)? {
            return Ok(missing());
        }
        book.title = title;
    }
    Ok(answer(StatusCode::OK, &book))
}

async fn remove(
    State(shop): State<Shop>,
    Authorized(book): Authorized<Book>,
) -> Result<StatusCode, Rejection> {
    let removed = shop.books.delete(book.id).await.map_err(outage)?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(Rejection::answer(missing())) }
}

fn title(headers: &HeaderMap, body: &[u8], partial: bool) -> Result<Option<String>, Rejection> {
    let fields: Map<String, Value> = parse(headers, body).map_err(Rejection::answer)?;
    read_title(fields.get("title"), partial)
        .map_err(|messages| Rejection::answer(answer(StatusCode::BAD_REQUEST, &json!({ "title": messages }))))
}

fn missing() -> Answer {
    detail(StatusCode::NOT_FOUND, "No Book matches the given query.")
}

fn outage(error: StoreError) -> Rejection {
    Unavailable::from(error).into()
}

/// What OPTIONS tells: the writing action is named only to those who may take it (DRF `SimpleMetadata`).
#[derive(Debug, Clone)]
struct Metadata {
    name: &'static str,
    action: Method,
    permission: Permissions,
}

impl Metadata {
    async fn answer(
        &self,
        auth: &MaybeAuth,
        parts: &Parts,
        book: Option<&Book>,
    ) -> Result<Answer, Rejection> {
        let (method, client) = (&self.action, auth.access().client());
        let request = AuthRequest::new(method, &parts.uri, &parts.headers, auth.identity(), client);
        let decision = match book {
            Some(book) => self.permission.check_object(&request, book).await?,
            None => self.permission.check(&request).await?,
        };
        let refused =
            matches!(decision, Decision::Deny(_)) || (book.is_some() && decision != Decision::Allow);
        let action = (!refused).then_some(self.action.as_str());
        Ok(answer(StatusCode::OK, &describe_books(self.name, action)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number_of_any_size() {
        for (text, id) in [
            ("1", Some(Id::Possible(1))),
            ("-1", Some(Id::Possible(-1))),
            ("9223372036854775807", Some(Id::Possible(i64::MAX))),
            ("9223372036854775808", Some(Id::TooLarge)),
            ("99999999999999999999", Some(Id::TooLarge)),
            ("abc", None),
            ("1.0", None),
            ("", None),
            ("-", None),
            ("+-1", None),
        ] {
            assert_eq!(read_id(text), id, "{text}");
        }
    }
}
