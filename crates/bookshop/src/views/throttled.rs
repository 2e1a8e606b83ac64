//! What may be asked a few times a minute only.

use axum::Json;
use portcullis_axum::{MethodRouter, get};
use serde_json::{Value, json};

use crate::app::Shop;
use crate::views::whoami::metadata;

/// The methods of the route.
pub fn routes() -> MethodRouter<Shop> {
    get(answer).options(metadata)
}

async fn answer() -> Json<Value> {
    Json(json!({ "ok": true }))
}
