//! The bookshop's own change of a password: it asks for no old one, as the Django project does not.

use axum::extract::State;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use portcullis::UsersError;
use portcullis_axum::{Auth, Rejection, Session};
use serde_json::json;

use crate::answer::{Answer, answer};
use crate::app::Shop;
use crate::input::parse;

/// Sets the password of whoever asks; this session stays, all others end.
///
/// # Errors
///
/// A [`Rejection`]: a body that cannot be read, or a store that cannot answer.
pub async fn change_password(
    State(shop): State<Shop>,
    auth: Auth,
    session: Session,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Rejection> {
    let fields = parse(&headers, &body).map_err(Rejection::answer)?;
    let Some(password) = fields.get("password").and_then(|password| password.as_str()) else {
        return Ok(wrong("This field is required."));
    };
    match shop.users.set_password(&auth.user().id, password).await {
        Ok(()) => {}
        Err(UsersError::Unavailable(outage)) => return Err(outage.into()),
        Err(error) => return Ok(wrong(&error.to_string())),
    }
    session.keep_after_password_change().await?;
    Ok(answer(StatusCode::OK, &json!({ "user": auth.user().username })))
}

fn wrong(message: &str) -> Answer {
    answer(StatusCode::BAD_REQUEST, &json!({ "password": [message] }))
}
