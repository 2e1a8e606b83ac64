//! Sessions, alone and with their user.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis::store::{Committed, SessionChange, SessionRecord, SessionStore, StoreError, UserBySession};
use portcullis::{Account, Digest, Timestamp, UserId};
use sqlx::query;

use crate::row::Reader;
use crate::sqlite::session;
use crate::store::{Query, SqlStore};
use crate::token::bytes;

#[async_trait]
impl SessionStore for SqlStore {
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        let row = self.fetch_optional(query(session::BY_KEY).bind(bytes(key))).await?;
        row.map(|row| Reader::new(&row).session().map(|(_, record)| record)).transpose()
    }

    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        let (statement, otherwise) = match &change {
            SessionChange::Create(key, record) => {
                (with_record(session::CREATE, key, record), Committed::Taken)
            }
            SessionChange::Save(key, record) => (with_record(session::SAVE, key, record), Committed::Gone),
            SessionChange::Touch(key, last_seen_at, expires_at) => {
                let touch = query(session::TOUCH).bind(bytes(key));
                (touch.bind(last_seen_at.as_micros()).bind(expires_at.as_micros()), Committed::Gone)
            }
            SessionChange::Cycle(from, to, record) => {
                (with_record(session::CYCLE, to, record).bind(bytes(from)), Committed::Gone)
            }
            SessionChange::Flush(key) => (query(session::FLUSH).bind(bytes(key)), Committed::Gone),
            _ => return Err(StoreError::Unsupported("commit")),
        };
        match self.execute(statement).await {
            Ok(0) => Ok(otherwise),
            Ok(_) => Ok(Committed::Done),
            Err(StoreError::Conflict) => Ok(Committed::Taken),
            Err(error) => Err(error),
        }
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        let rows = self.fetch_all(query(session::OF_USER).bind(user.to_string())).await?;
        rows.iter().map(|row| Reader::new(row).session()).collect()
    }

    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        let end = query(session::END).bind(bytes(key)).bind(user.to_string());
        Ok(self.execute(end).await? > 0)
    }

    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError> {
        self.execute(query(session::END_ALL).bind(user.to_string()).bind(except.map(bytes))).await
    }

    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.purge(limit, |size| query(session::PURGE).bind(now.as_micros()).bind(size)).await
    }
}

#[async_trait]
impl UserBySession<Account> for SqlStore {
    async fn user_by_session(
        &self,
        key: &Digest,
    ) -> Result<Option<(SessionRecord, Option<Arc<Account>>)>, StoreError> {
        let Some(row) = self.fetch_optional(query(session::WITH_USER).bind(bytes(key))).await? else {
            return Ok(None);
        };
        let mut row = Reader::new(&row);
        let (_, record) = row.session()?;
        Ok(Some((record, row.account()?)))
    }
}

/// Binds a key and the record at it, in the order of the columns.
fn with_record<'q>(statement: &'static str, key: &'q Digest, record: &'q SessionRecord) -> Query<'q> {
    query(statement)
        .bind(bytes(key))
        .bind(record.user.as_ref().map(ToString::to_string))
        .bind(record.epoch)
        .bind(record.created_at.as_micros())
        .bind(record.last_seen_at.as_micros())
        .bind(record.expires_at.as_micros())
        .bind(&*record.data)
        .bind(&*record.label)
}
