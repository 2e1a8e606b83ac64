//! A secret goes into no answer, no cache and no log by way of a derived `Serialize`.
//~ Secret: serde::Serialize` is not satisfied

use portcullis_tests::crates::{portcullis::Secret, serde_json};

#[cfg(wrong)]
pub fn answer(token: &Secret) -> Option<String> {
    serde_json::to_string(token).ok()
}

#[cfg(right)]
pub fn answer(token: &Secret) -> Option<String> {
    serde_json::to_string(token.expose_secret()).ok()
}
