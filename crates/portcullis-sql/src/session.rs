//! Sessions, alone and with their user.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis::store::{
    Committed, Purged, SessionChange, SessionRecord, SessionStore, StoreError, UserBySession,
};
use portcullis::{Account, Digest, Timestamp, UserId};

use crate::database::Database;
use crate::engine::{Engine, Query, query};
use crate::row::Reader;
use crate::store::{SqlStore, on};
use crate::token::bytes;

#[async_trait]
impl SessionStore for SqlStore {
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        on!(self, database => database.session(key).await)
    }

    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        on!(self, database => database.commit(change).await)
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        on!(self, database => database.sessions_of(user).await)
    }

    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        on!(self, database => database.end_session(user, key).await)
    }

    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError> {
        on!(self, database => database.end_sessions(user, except).await)
    }

    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        on!(self, database => database.purge_sessions(now, limit).await)
    }
}

#[async_trait]
impl UserBySession<Account> for SqlStore {
    async fn user_by_session(
        &self,
        key: &Digest,
    ) -> Result<Option<(SessionRecord, Option<Arc<Account>>)>, StoreError> {
        on!(self, database => database.user_by_session(key).await)
    }
}

impl<E: Engine> Database<E> {
    pub(crate) async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        let row = self.fetch_optional(|| query(E::SESSION.by_key).bind(bytes(key))).await?;
        row.map(|row| Reader::<E>::new(&row).session().map(|(_, record)| record)).transpose()
    }

    pub(crate) async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        let (statement, otherwise) = match &change {
            SessionChange::Create(key, record) => {
                (with_record(E::SESSION.create, key, record), Committed::Taken)
            }
            SessionChange::Save(key, record) => (with_record(E::SESSION.save, key, record), Committed::Gone),
            SessionChange::Touch(key, last_seen_at, expires_at) => {
                let touch = query(E::SESSION.touch).bind(bytes(key));
                (touch.bind(last_seen_at.as_micros()).bind(expires_at.as_micros()), Committed::Gone)
            }
            SessionChange::Cycle(from, to, record) => {
                (with_record(E::SESSION.cycle, to, record).bind(bytes(from)), Committed::Gone)
            }
            SessionChange::Flush(key) => (query(E::SESSION.flush).bind(bytes(key)), Committed::Gone),
            _ => return Err(StoreError::Unsupported("commit")),
        };
        match self.execute(statement).await {
            Ok(0) => Ok(otherwise),
            Ok(_) => Ok(Committed::Done),
            Err(StoreError::Conflict) => Ok(Committed::Taken),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn sessions_of(
        &self,
        user: &UserId,
    ) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        let rows = self.fetch_all(|| query(E::SESSION.of_user).bind(user.to_string())).await?;
        rows.iter().map(|row| Reader::<E>::new(row).session()).collect()
    }

    pub(crate) async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        let end = query(E::SESSION.end).bind(bytes(key)).bind(user.to_string());
        Ok(self.end(end).await? > 0)
    }

    pub(crate) async fn end_sessions(
        &self,
        user: &UserId,
        except: Option<&Digest>,
    ) -> Result<u64, StoreError> {
        self.end(query(E::SESSION.end_all).bind(user.to_string()).bind(except.map(bytes))).await
    }

    pub(crate) async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.purge(limit, |size| query(E::SESSION.purge).bind(now.as_micros()).bind(size)).await
    }

    pub(crate) async fn user_by_session(
        &self,
        key: &Digest,
    ) -> Result<Option<(SessionRecord, Option<Arc<Account>>)>, StoreError> {
        let Some(row) = self.fetch_optional(|| query(E::SESSION.with_user).bind(bytes(key))).await? else {
            return Ok(None);
        };
        let mut row = Reader::<E>::new(&row);
        let (_, record) = row.session()?;
        Ok(Some((record, row.account()?)))
    }
}

/// Binds a key and the record at it, in the order of the columns.
fn with_record<E: Engine>(statement: &'static str, key: &Digest, record: &SessionRecord) -> Query<E> {
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
