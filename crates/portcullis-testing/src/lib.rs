//! portcullis-testing
