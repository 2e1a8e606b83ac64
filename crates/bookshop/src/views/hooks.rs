//! The test hooks that every server of the recorded cases has: `POST /__reset__` and `POST /__user__`.
//!
//! They change anything without asking who you are, so the program adds them only on request and on loopback.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Response, StatusCode};
use portcullis::store::{StoreError, UserChange, UserStore};
use portcullis::{PasswordHashers, Secret, SystemRandom};
use serde::Deserialize;
use serde_json::json;

use crate::answer::{answer, detail, empty};
use crate::domain::BookStore;

/// Puts the seeded state back.
pub type Reset = Arc<dyn Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// What the hooks work on.
#[derive(Clone)]
pub struct Hooks {
    /// Puts the seeded state back.
    pub reset: Reset,
    /// The users.
    pub users: Arc<dyn UserStore>,
    /// The books, which go with their owners.
    pub books: Arc<dyn BookStore>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

/// What is to become of a user; `delete` wins.
#[derive(Debug, Deserialize)]
struct Edit {
    username: String,
    password: Option<String>,
    is_active: Option<bool>,
    is_staff: Option<bool>,
    is_superuser: Option<bool>,
    #[serde(default)]
    delete: bool,
}

impl Hooks {
    /// The paths of the hooks; all of them are POST.
    pub const PATHS: [&'static str; 2] = ["/__reset__", "/__user__"];

    /// Does what a path says.
    pub async fn answer(&self, path: &str, body: &[u8]) -> Response<Bytes> {
        let done = match path {
            "/__reset__" => (self.reset)().await.map(|()| empty(StatusCode::NO_CONTENT)),
            _ => self.edit(body).await,
        };
        done.unwrap_or_else(|error| detail(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()))
    }

    async fn edit(&self, body: &[u8]) -> Result<Response<Bytes>, StoreError> {
        let Ok(edit) = serde_json::from_slice(body) else {
            return Ok(detail(StatusCode::BAD_REQUEST, "this is no change of a user"));
        };
        let deleted = apply(self, edit).await?;
        Ok(answer(StatusCode::OK, &json!({ "deleted": deleted })))
    }
}

async fn apply(hooks: &Hooks, edit: Edit) -> Result<bool, StoreError> {
    let Some(found) = hooks.users.login(&edit.username).await? else {
        return Err(StoreError::unavailable("there is no such user"));
    };
    let id = found.user.id.clone();
    if edit.delete {
        hooks.books.delete_of(&id).await?;
        return hooks.users.delete_user(&id).await;
    }
    let mut change = UserChange::default();
    if let Some(password) = edit.password {
        let hash = PasswordHashers::default()
            .hash(&Secret::from(password), &SystemRandom)
            .await
            .map_err(StoreError::unavailable)?;
        change.password = Some(Some(hash));
        change.raise_epoch = true;
    }
    change.is_active = edit.is_active;
    change.is_staff = edit.is_staff;
    change.is_superuser = edit.is_superuser;
    hooks.users.update_user(&id, change).await?;
    Ok(false)
}
