//! Who am I, and how do you know?

use axum::Json;
use http::{StatusCode, Uri};
use portcullis_axum::{MaybeAuth, MethodRouter, get};
use serde::Serialize;

use crate::answer::{Answer, answer};
use crate::app::Shop;
use crate::views::metadata::describe;

#[derive(Debug, Serialize)]
struct Who {
    user: Option<String>,
    auth: Option<&'static str>,
}

/// The methods of a whoami route.
pub fn routes() -> MethodRouter<Shop> {
    get(who).post(who).options(metadata)
}

async fn who(auth: MaybeAuth) -> Json<impl Serialize> {
    Json(Who {
        user: auth.user().map(|user| user.username.clone()),
        auth: auth.identity().map(|identity| identity.scheme().as_str()),
    })
}

/// DRF's answer to OPTIONS.
pub async fn metadata(uri: Uri) -> Answer {
    let name = uri.path().trim_matches('/').rsplit('/').next().unwrap_or_default();
    answer(StatusCode::OK, &describe(name, ""))
}
