//! What the tests that span the crates share.

#[cfg(doctest)]
pub mod docs;
pub mod faults;
pub mod mixed;
pub mod replay;
pub mod server;
pub mod workspace;

/// The crates that the files of `tests/misuse` are compiled with.
pub mod crates {
    pub use {actix_web, axum, bytes, http, http_body_util, hyper, serde_json};
    pub use {portcullis, portcullis_actix, portcullis_axum, portcullis_hyper};
}
