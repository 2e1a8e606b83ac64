//! A method without a handler has nothing to guard.
//~ expected `MethodRoute`, found `OnMethod`

use portcullis_tests::crates::portcullis_actix::{Resource, get, resource};

#[cfg(wrong)]
pub fn books() -> Resource {
    resource("/books").route(get())
}

#[cfg(right)]
pub fn books() -> Resource {
    resource("/books").route(get().to(async || "ok"))
}
