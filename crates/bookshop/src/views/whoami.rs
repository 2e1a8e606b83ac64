//! Who am I, and how do you know?

use axum::Json;
use http::{StatusCode, Uri};
use portcullis::{Identity, Scheme};
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
        user: auth.identity().map(called),
        auth: auth.identity().map(|identity| identity.scheme().as_str()),
    })
}

/// A user made of claims is called as simplejwt calls it.
fn called(identity: &Identity) -> String {
    match identity.scheme() {
        Scheme::JWT_STATELESS => format!("TokenUser {}", identity.user().id),
        _ => identity.user().username.clone(),
    }
}

/// DRF's answer to OPTIONS.
pub async fn metadata(uri: Uri) -> Answer {
    let name = uri.path().trim_matches('/').rsplit('/').next().unwrap_or_default();
    answer(StatusCode::OK, &describe(name, ""))
}
