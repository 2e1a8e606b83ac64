//! Who am I, and how do you know?

use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use portcullis::{Identity, MaybeAuth, Scheme};
use serde::Serialize;

use crate::answer::answer;
use crate::views::metadata::describe;

#[derive(Debug, Serialize)]
struct Who {
    user: Option<String>,
    auth: Option<&'static str>,
}

/// Says who asks.
#[must_use]
pub fn who(auth: &MaybeAuth) -> Response<Bytes> {
    let who = Who {
        user: auth.identity().map(called),
        auth: auth.identity().map(|identity| identity.scheme().as_str()),
    };
    answer(StatusCode::OK, &who)
}

/// A user made of claims is called as simplejwt calls it.
fn called(identity: &Identity) -> String {
    match identity.scheme() {
        Scheme::JWT_STATELESS => format!("TokenUser {}", identity.user().id),
        _ => identity.user().username.clone(),
    }
}

/// DRF's answer to OPTIONS.
#[must_use]
pub fn metadata(uri: &Uri) -> Response<Bytes> {
    let name = uri.path().trim_matches('/').rsplit('/').next().unwrap_or_default();
    answer(StatusCode::OK, &describe(name, ""))
}
