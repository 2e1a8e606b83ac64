//! The bookshop's own change of a password: it asks for no old one, as the Django project does not.

use bytes::Bytes;
use http::{Response, StatusCode};
use portcullis::{Session, UsersError};
use serde_json::json;

use crate::answer::{Answer, answer};
use crate::input::parse;
use crate::views::Call;

/// Sets the password of whoever asks; this session stays, all others end.
///
/// # Errors
///
/// A [`Rejection`](portcullis::Rejection): nobody asks, a body that cannot be read, or a store that cannot answer.
pub async fn change_password(call: &Call<'_>, session: &Session) -> Answer {
    let user = call.auth.access().require_identity()?.user();
    let fields = parse(&call.head.headers, call.body)?;
    let Some(password) = fields.get("password").and_then(|password| password.as_str()) else {
        return Ok(wrong("This field is required."));
    };
    match call.shop.users.set_password(&user.id, password).await {
        Ok(()) => {}
        Err(UsersError::Unavailable(outage)) => return Err(outage.into()),
        Err(error) => return Ok(wrong(&error.to_string())),
    }
    session.keep_after_password_change().await?;
    Ok(answer(StatusCode::OK, &json!({ "user": user.username })))
}

fn wrong(message: &str) -> Response<Bytes> {
    answer(StatusCode::BAD_REQUEST, &json!({ "password": [message] }))
}
