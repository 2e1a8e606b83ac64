//! `authorized` checks what it has loaded itself; an object from elsewhere goes to `check_object`.
//~ `Book` is not an object that `authorized` can load

use portcullis_tests::crates::http::request::Parts;
use portcullis_tests::crates::portcullis_hyper::{Access, LoadObject, Rejection, authorized};

pub struct Book;

pub async fn read(head: &Parts) -> Result<Book, Rejection> {
    authorized(head, &()).await
}

#[cfg(wrong)]
pub struct Shelf(Access);

#[cfg(right)]
impl<S: Sync> LoadObject<S> for Book {
    async fn load(head: &Parts, _: &S) -> Result<Option<Self>, Rejection> {
        let _: Access = Access::of(&head.extensions)?;
        Ok(Some(Self))
    }
}
