//! portcullis-sql
