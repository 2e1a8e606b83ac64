//! The tags of a table are one type, so that a handler matches all of them.
//~ cannot be merged into this router
//~ the tags here are `Page`

use portcullis_tests::crates::portcullis_hyper::{Router, get};

#[derive(Clone)]
pub enum Page {
    Book,
}

#[cfg(wrong)]
pub fn routes(router: Router<Page>, other: Router<u8>) -> Router<Page> {
    router.merge(other).route("/book", get(Page::Book))
}

#[cfg(right)]
pub fn routes(router: Router<Page>, other: Router<Page>) -> Router<Page> {
    router.merge(other).route("/book", get(Page::Book))
}
