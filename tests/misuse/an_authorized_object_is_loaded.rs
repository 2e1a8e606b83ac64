//! A handler that asks for a checked object says how it is found.
//~ `Book` is not an object that `Authorized` can load

use portcullis_tests::crates::axum::extract::FromRequestParts;
use portcullis_tests::crates::http::request::Parts;
use portcullis_tests::crates::portcullis_axum::{Authorized, LoadObject, Rejection};

pub struct Book;

pub async fn read(parts: &mut Parts) -> Result<Authorized<Book>, Rejection> {
    Authorized::from_request_parts(parts, &()).await
}

#[cfg(wrong)]
pub struct Shelf;

#[cfg(right)]
impl<S: Send + Sync> LoadObject<S> for Book {
    async fn load(_: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Ok(Some(Self))
    }
}
