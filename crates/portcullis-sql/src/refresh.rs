//! Refresh tokens.

use std::collections::BTreeSet;

use async_trait::async_trait;
use portcullis::store::{
    RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, Rotation, StoreError,
};
use portcullis::{Digest, Timestamp, UserId};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, query};

use crate::error::store_error;
use crate::row::Reader;
use crate::sqlite::{self, refresh};
use crate::store::{Query, SqlStore};
use crate::token::bytes;

#[async_trait]
impl RefreshStore for SqlStore {
    async fn create_refresh(&self, record: RefreshRecord) -> Result<(), StoreError> {
        self.execute(insert(&record)).await.map(drop)
    }

    async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        let row = self.fetch_optional(query(refresh::BY_ID).bind(bytes(id))).await?;
        row.map(|row| Reader::new(&row).refresh()).transpose()
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.write(async |database| {
            let mut transaction = database.begin_with(sqlite::BEGIN).await.map_err(store_error)?;
            let rotated = rotate(&mut transaction, &rotation).await?;
            transaction.commit().await.map_err(store_error)?;
            Ok(rotated)
        })
        .await
    }

    async fn revoke_refresh(&self, presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError> {
        self.write(async |database| {
            let mut transaction = database.begin_with(sqlite::BEGIN).await.map_err(store_error)?;
            let revoked = revoke(&mut transaction, presented, adopts).await?;
            transaction.commit().await.map_err(store_error)?;
            Ok(revoked)
        })
        .await
    }

    async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError> {
        let rows = self.fetch_all(query(refresh::OF_USER).bind(user.to_string())).await?;
        rows.iter().map(|row| Reader::new(row).refresh()).collect()
    }

    async fn revoke_refresh_family(&self, user: &UserId, family: &Digest) -> Result<bool, StoreError> {
        Ok(self.execute(end(family, Some(user))).await? > 0)
    }

    async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError> {
        let revoke = query(refresh::REVOKE_ALL).bind(user.to_string());
        let rows = self.write(async |database| revoke.fetch_all(database).await.map_err(store_error)).await?;
        let families =
            rows.iter().map(|row| Reader::new(row).digest()).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(u64::try_from(families.len()).unwrap_or(u64::MAX))
    }

    async fn purge_refresh(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.purge(limit, |size| query(refresh::PURGE).bind(now.as_micros()).bind(size)).await
    }
}

async fn rotate(database: &mut SqliteConnection, rotation: &Rotation) -> Result<Rotated, StoreError> {
    let Some(stored) = find(database, rotation).await? else { return adopt(database, rotation).await };
    let Some(at) = rotated_at(database, rotation, &stored).await? else {
        return refuse(database, stored).await;
    };
    let rotate = query(refresh::ROTATE).bind(bytes(&stored.id));
    run(database, rotate.bind(at.as_micros()).bind(bytes(&rotation.next))).await?;
    add(database, rotation.successor_of(&stored)).await
}

/// Finds the presented token, and insists that the one to follow is not there.
async fn find(
    database: &mut SqliteConnection,
    rotation: &Rotation,
) -> Result<Option<RefreshRecord>, StoreError> {
    let (presented, next) = (&rotation.presented.id, &rotation.next);
    let find = query(refresh::BY_IDS).bind(bytes(presented)).bind(bytes(next));
    let rows = find.fetch_all(database).await.map_err(store_error)?;
    let mut found = rows.iter().map(|row| Reader::new(row).refresh()).collect::<Result<Vec<_>, _>>()?;
    if presented == next || found.iter().any(|token| token.id == *next) {
        return Err(StoreError::Conflict);
    }
    Ok(found.pop())
}

/// Tells when the token was rotated first, if it may be rotated; its successor is superseded then.
async fn rotated_at(
    database: &mut SqliteConnection,
    rotation: &Rotation,
    stored: &RefreshRecord,
) -> Result<Option<Timestamp>, StoreError> {
    match stored.state {
        RefreshState::Live => Ok(Some(rotation.now)),
        RefreshState::Rotated { at, to } if rotation.forgives(at) => {
            let superseded = run(database, query(refresh::REVOKE).bind(bytes(&to))).await?;
            Ok((superseded > 0).then_some(at))
        }
        RefreshState::Rotated { .. } | RefreshState::Revoked => Ok(None),
    }
}

async fn adopt(database: &mut SqliteConnection, rotation: &Rotation) -> Result<Rotated, StoreError> {
    if !rotation.adopts {
        return Ok(Rotated::Unknown);
    }
    let mut first = rotation.presented.clone();
    first.family = first.id;
    first.state = RefreshState::Rotated { at: rotation.now, to: rotation.next };
    run(database, insert(&first)).await?;
    add(database, rotation.successor_of(&first)).await
}

async fn add(database: &mut SqliteConnection, new: RefreshRecord) -> Result<Rotated, StoreError> {
    run(database, insert(&new)).await?;
    Ok(Rotated::Done(new))
}

async fn refuse(database: &mut SqliteConnection, replayed: RefreshRecord) -> Result<Rotated, StoreError> {
    let ended = run(database, end(&replayed.family, replayed.user.as_ref())).await?;
    let reused = Rotated::Reused { user: replayed.user, family: replayed.family };
    Ok(if ended > 0 { reused } else { Rotated::Revoked })
}

async fn revoke(
    database: &mut SqliteConnection,
    mut presented: RefreshRecord,
    adopts: bool,
) -> Result<Revocation, StoreError> {
    let find = query(refresh::BY_ID).bind(bytes(&presented.id));
    if let Some(row) = find.fetch_optional(&mut *database).await.map_err(store_error)? {
        let stored = Reader::new(&row).refresh()?;
        run(database, end(&stored.family, stored.user.as_ref())).await?;
        let is_live = stored.state == RefreshState::Live;
        return Ok(if is_live { Revocation::Done } else { Revocation::Already });
    }
    if !adopts {
        return Ok(Revocation::Unknown);
    }
    presented.family = presented.id;
    presented.state = RefreshState::Revoked;
    run(database, insert(&presented)).await?;
    Ok(Revocation::Done)
}

fn insert(record: &RefreshRecord) -> Query<'_> {
    let (state, at, to) = match &record.state {
        RefreshState::Live => ("live", None, None),
        RefreshState::Rotated { at, to } => ("rotated", Some(at.as_micros()), Some(bytes(to))),
        RefreshState::Revoked => ("revoked", None, None),
    };
    query(refresh::INSERT)
        .bind(bytes(&record.id))
        .bind(bytes(&record.family))
        .bind(record.user.as_ref().map(ToString::to_string))
        .bind(record.created_at.as_micros())
        .bind(record.expires_at.as_micros())
        .bind(record.deadline.as_micros())
        .bind(state)
        .bind(at)
        .bind(to)
}

/// Ends what lives of a family.
fn end<'q>(family: &'q Digest, user: Option<&UserId>) -> Query<'q> {
    query(refresh::REVOKE_FAMILY).bind(bytes(family)).bind(user.map(ToString::to_string))
}

async fn run(database: &mut SqliteConnection, statement: Query<'_>) -> Result<u64, StoreError> {
    statement.execute(database).await.map(|done| done.rows_affected()).map_err(store_error)
}
