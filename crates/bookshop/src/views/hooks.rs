//! The test hooks that every server of the recorded cases has: `POST /__reset__` and `POST /__user__`.
//!
//! They change anything without asking who you are, so the program adds them only on request and on loopback.

use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::future::BoxFuture;
use http::StatusCode;
use portcullis::store::{StoreError, UserChange, UserStore};
use portcullis::{PasswordHashers, Secret, SystemRandom};
use serde::Deserialize;
use serde_json::json;

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

/// Makes the routes of the hooks.
pub fn routes(hooks: Hooks) -> axum::Router {
    axum::Router::new().route("/__reset__", post(reset)).route("/__user__", post(edit)).with_state(hooks)
}

async fn reset(State(hooks): State<Hooks>) -> Response {
    match (hooks.reset)().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

async fn edit(State(hooks): State<Hooks>, Json(edit): Json<Edit>) -> Response {
    match apply(&hooks, edit).await {
        Ok(deleted) => Json(json!({ "deleted": deleted })).into_response(),
        Err(error) => failed(&error),
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

fn failed(error: &StoreError) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
}
