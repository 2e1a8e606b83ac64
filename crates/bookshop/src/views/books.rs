//! Books: list, create, retrieve, update, delete, as DRF's `ModelViewSet` answers them.
//!
//! 1. The order on one book is DRF's: 404, then 403, then the body and its 400.
//! 2. An id that cannot be one answers `Not found.`; one that names no book, `No Book matches the given query.`
//! 3. A book that nobody creates is John's.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use portcullis::store::StoreError;
use portcullis::{AuthRequest, Decision, Permissions, Rejection, Unavailable};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, answer, detail, empty};
use crate::app::Shop;
use crate::domain::Book;
use crate::input::parse;
use crate::views::Call;
use crate::views::metadata::describe_books;
use crate::views::title::read_title;

/// Answers for all books.
///
/// # Errors
///
/// A [`Rejection`]: a title that cannot be one, or a store that cannot answer.
pub async fn list_or_create(permission: &Permissions, call: &Call<'_>) -> Answer {
    let Call { shop, auth, head, .. } = call;
    match head.method {
        Method::OPTIONS => describe(call, permission, None).await,
        Method::POST => {
            let title = title(call, false)?.unwrap_or_default();
            let (owner, name) = match auth.user() {
                Some(user) => (user.id.clone(), user.username.clone()),
                None => (1.into(), "john".to_owned()),
            };
            let book = shop.books.create(&title, &owner, &name).await.map_err(outage)?;
            Ok(answer(StatusCode::CREATED, &book))
        }
        _ => Ok(answer(StatusCode::OK, &shop.books.list().await.map_err(outage)?)),
    }
}

/// Answers for one book, which the route's permission allows.
///
/// # Errors
///
/// As [`list_or_create`].
pub async fn on_book(permission: &Permissions, call: &Call<'_>, book: Book) -> Answer {
    match call.head.method {
        Method::OPTIONS => describe(call, permission, Some(&book)).await,
        Method::PUT => rename(call, book, false).await,
        Method::PATCH => rename(call, book, true).await,
        Method::DELETE => {
            let removed = call.shop.books.delete(book.id).await.map_err(outage)?;
            Ok(if removed { empty(StatusCode::NO_CONTENT) } else { missing() })
        }
        _ => Ok(answer(StatusCode::OK, &book)),
    }
}

/// Finds the book that a path names; `None` where the path names none.
///
/// # Errors
///
/// A [`Rejection`]: 404 for a number without a book, or a store that cannot answer.
pub async fn load(shop: &Shop, id: Option<&str>) -> Result<Option<Book>, Rejection> {
    let Some(id) = id.and_then(read_id) else { return Ok(None) };
    let book = match id {
        Id::Possible(id) => shop.books.book(id).await.map_err(outage)?,
        Id::TooLarge => None,
    };
    book.map(Some).ok_or_else(|| Rejection::answer(missing()))
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

async fn rename(call: &Call<'_>, mut book: Book, partial: bool) -> Answer {
    if let Some(title) = title(call, partial)? {
        if !call.shop.books.rename(book.id, &title).await.map_err(outage)? {
            return Ok(missing());
        }
        book.title = title;
    }
    Ok(answer(StatusCode::OK, &book))
}

fn title(call: &Call<'_>, partial: bool) -> Result<Option<String>, Rejection> {
    let fields: Map<String, Value> = parse(&call.head.headers, call.body)?;
    read_title(fields.get("title"), partial)
        .map_err(|messages| Rejection::answer(answer(StatusCode::BAD_REQUEST, &json!({ "title": messages }))))
}

fn missing() -> Response<Bytes> {
    detail(StatusCode::NOT_FOUND, "No Book matches the given query.")
}

fn outage(error: StoreError) -> Rejection {
    Unavailable::from(error).into()
}

/// What OPTIONS tells: the writing action is named only to those who may take it (DRF `SimpleMetadata`).
async fn describe(call: &Call<'_>, permission: &Permissions, book: Option<&Book>) -> Answer {
    let (name, action) = match book {
        Some(_) => ("Book Instance", Method::PUT),
        None => ("Book List", Method::POST),
    };
    let Call { auth, head, .. } = call;
    let client = auth.access().client();
    let request = AuthRequest::new(&action, &head.uri, &head.headers, auth.identity(), client);
    let decision = match book {
        Some(book) => permission.check_object(&request, book).await?,
        None => permission.check(&request).await?,
    };
    let refused = matches!(decision, Decision::Deny(_)) || (book.is_some() && decision != Decision::Allow);
    let action = (!refused).then_some(action.as_str());
    Ok(answer(StatusCode::OK, &describe_books(name, action)))
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
