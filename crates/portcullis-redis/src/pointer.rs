//! Where a refresh token lies.
//!
//! 1. All tokens of one user lie under one tag, so that what touches several is one step; who knows only the id of a
//!    token finds the tag by a pointer.
//! 2. A pointer is written before its token and outlives it. One without a token says nothing.
//! 3. Who sets the pointer has the id: of many creations at once one goes on, whatever users they name.

use portcullis::Digest;
use portcullis::store::StoreError;
use redis::{Value, cmd};

use crate::error::corrupt;
use crate::key::Tag;
use crate::record;
use crate::script::POINTER_SET;
use crate::store::RedisStore;

impl RedisStore {
    /// Finds the tag of a token.
    pub(crate) async fn tag_of(&self, id: &Digest) -> Result<Option<Tag>, StoreError> {
        let key = self.0.names.pointer(id);
        let mut get = cmd("GET");
        get.arg(&key);
        match self.0.redis.read(&key, get).await? {
            Value::Nil => Ok(None),
            found => read(&found).map(Some),
        }
    }

    /// Sets the pointer of a token, or returns the tag that another one set.
    pub(crate) async fn point(&self, id: &Digest, tag: &Tag, life: &str) -> Result<Option<Tag>, StoreError> {
        let key = self.0.names.pointer(id);
        let found = self.0.redis.durable(&POINTER_SET, &[&key], &[tag.as_str(), life]).await?;
        if record::text(&found)?.is_empty() { Ok(None) } else { read(&found).map(Some) }
    }

    /// Takes a pointer back that names no token.
    pub(crate) async fn unpoint(&self, id: &Digest) -> Result<(), StoreError> {
        let key = self.0.names.pointer(id);
        let mut delete = cmd("DEL");
        delete.arg(&key);
        self.0.redis.read(&key, delete).await.map(drop)
    }
}

fn read(value: &Value) -> Result<Tag, StoreError> {
    Tag::read(record::text(value)?).ok_or_else(|| corrupt("a pointer is corrupt"))
}
