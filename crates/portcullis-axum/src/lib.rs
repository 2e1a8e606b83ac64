//! portcullis-axum
