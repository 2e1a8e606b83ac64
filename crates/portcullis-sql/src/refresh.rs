//! Refresh tokens.

use std::collections::BTreeSet;

use async_trait::async_trait;
use portcullis::store::{
    Purged, RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, Rotation, StoreError,
};
use portcullis::{Digest, Timestamp, UserId};

use crate::database::{Database, Transaction};
use crate::engine::{Engine, Query, query};
use crate::row::Reader;
use crate::store::{SqlStore, on};
use crate::token::{Hex, bytes};

#[async_trait]
impl RefreshStore for SqlStore {
    async fn create_refresh(&self, record: RefreshRecord) -> Result<(), StoreError> {
        on!(self, database => database.create_refresh(record).await)
    }

    async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        on!(self, database => database.refresh(id).await)
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        on!(self, database => database.rotate_refresh(rotation).await)
    }

    async fn revoke_refresh(&self, presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError> {
        on!(self, database => database.revoke_refresh(presented, adopts).await)
    }

    async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError> {
        on!(self, database => database.refresh_of(user).await)
    }

    async fn revoke_refresh_family(&self, user: &UserId, family: &Digest) -> Result<bool, StoreError> {
        on!(self, database => database.revoke_refresh_family(user, family).await)
    }

    async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError> {
        on!(self, database => database.revoke_refresh_all(user).await)
    }

    async fn purge_refresh(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        on!(self, database => database.purge_refresh(now, limit).await)
    }
}

impl<E: Engine> Database<E> {
    pub(crate) async fn create_refresh(&self, record: RefreshRecord) -> Result<(), StoreError> {
        self.execute(insert(&record)).await.map(drop)
    }

    pub(crate) async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        let row = self.fetch_optional(|| query(E::REFRESH.by_id).bind(bytes(id))).await?;
        row.map(|row| Reader::<E>::new(&row).refresh()).transpose()
    }

    pub(crate) async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.transact(async |transaction| {
            lock(transaction, &rotation.presented).await?;
            rotate(transaction, &rotation).await
        })
        .await
    }

    pub(crate) async fn revoke_refresh(
        &self,
        presented: RefreshRecord,
        adopts: bool,
    ) -> Result<Revocation, StoreError> {
        self.transact(async |transaction| {
            lock(transaction, &presented).await?;
            revoke(transaction, presented, adopts).await
        })
        .await
    }

    pub(crate) async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError> {
        let rows = self.fetch_all(|| query(E::REFRESH.of_user).bind(user.to_string())).await?;
        rows.iter().map(|row| Reader::<E>::new(row).refresh()).collect()
    }

    pub(crate) async fn revoke_refresh_family(
        &self,
        user: &UserId,
        family: &Digest,
    ) -> Result<bool, StoreError> {
        Ok(!self.end_of(user, end(family, Some(user))).await?.is_empty())
    }

    pub(crate) async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError> {
        let rows = self.end_of(user, query(E::REFRESH.revoke_all).bind(user.to_string())).await?;
        let families =
            rows.iter().map(|row| Reader::<E>::new(row).digest()).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(u64::try_from(families.len()).unwrap_or(u64::MAX))
    }

    /// Ends tokens of a user, and returns their families.
    async fn end_of(&self, user: &UserId, end: Query<E>) -> Result<Vec<E::Row>, StoreError> {
        if end.holds_nul() {
            return Ok(Vec::new());
        }
        if E::LOCK.is_none() {
            return self.write_all(end).await;
        }
        self.transact(async |transaction| {
            transaction.lock("user", user).await?;
            transaction.fetch_all(end).await
        })
        .await
    }

    pub(crate) async fn purge_refresh(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.purge(limit, |size| query(E::REFRESH.purge).bind(now.as_micros()).bind(size)).await
    }
}

/// Makes all that end or continue a user's logins (one login, where it is nobody's) take turns.
///
/// Without it, while a rotation adds the successor of a live token, an `update … where state = 'live'` that ends the
/// family, or all that the user has, waits for the row of that token, finds it rotated, and does not see the successor,
/// which would outlive the logout. What is presented may lie: the row says whose it is, which never changes. An unknown
/// token will be of whom it names, when it is adopted; and where another did that meanwhile, the row is believed again.
async fn lock<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    presented: &RefreshRecord,
) -> Result<(), StoreError> {
    let Some(lock) = E::REFRESH.lock else { return Ok(()) };
    let row = || query(lock).bind(bytes(&presented.id));
    if transaction.execute(row()).await? > 0 {
        return Ok(());
    }
    match &presented.user {
        Some(user) => transaction.lock("user", user).await?,
        None => transaction.lock("family", Hex(&presented.id)).await?,
    }
    transaction.execute(row()).await.map(drop)
}

async fn rotate<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    rotation: &Rotation,
) -> Result<Rotated, StoreError> {
    let Some(stored) = find(transaction, rotation).await? else { return adopt(transaction, rotation).await };
    let Some(at) = rotated_at(transaction, rotation, &stored).await? else {
        return refuse(transaction, stored).await;
    };
    let rotate = query(E::REFRESH.rotate).bind(bytes(&stored.id));
    if transaction.execute(rotate.bind(at.as_micros()).bind(bytes(&rotation.next))).await? == 0 {
        return Err(StoreError::unavailable("the token was purged while it was rotated"));
    }
    add(transaction, rotation.successor_of(&stored)).await
}

/// Finds the presented token, and insists that the one to follow is not there.
async fn find<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    rotation: &Rotation,
) -> Result<Option<RefreshRecord>, StoreError> {
    let (presented, next) = (&rotation.presented.id, &rotation.next);
    let rows =
        transaction.fetch_all(query(E::REFRESH.by_ids).bind(bytes(presented)).bind(bytes(next))).await?;
    let mut found = rows.iter().map(|row| Reader::<E>::new(row).refresh()).collect::<Result<Vec<_>, _>>()?;
    if presented == next || found.iter().any(|token| token.id == *next) {
        return Err(StoreError::Conflict);
    }
    Ok(found.pop())
}

/// Tells when the token was rotated first, if it may be rotated; its successor is superseded then.
async fn rotated_at<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    rotation: &Rotation,
    stored: &RefreshRecord,
) -> Result<Option<Timestamp>, StoreError> {
    match stored.state {
        RefreshState::Live => Ok(Some(rotation.now)),
        RefreshState::Rotated { at, to } if rotation.forgives(at) => {
            let superseded = transaction.execute(query(E::REFRESH.revoke).bind(bytes(&to))).await?;
            Ok((superseded > 0).then_some(at))
        }
        RefreshState::Rotated { .. } | RefreshState::Revoked => Ok(None),
    }
}

async fn adopt<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    rotation: &Rotation,
) -> Result<Rotated, StoreError> {
    if !rotation.adopts {
        return Ok(Rotated::Unknown);
    }
    let mut first = rotation.presented.clone();
    first.family = first.id;
    first.state = RefreshState::Rotated { at: rotation.now, to: rotation.next };
    transaction.execute(insert(&first)).await?;
    add(transaction, rotation.successor_of(&first)).await
}

async fn add<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    new: RefreshRecord,
) -> Result<Rotated, StoreError> {
    transaction.execute(insert(&new)).await?;
    Ok(Rotated::Done(new))
}

async fn refuse<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    replayed: RefreshRecord,
) -> Result<Rotated, StoreError> {
    let ended = transaction.execute(end(&replayed.family, replayed.user.as_ref())).await?;
    let reused = Rotated::Reused { user: replayed.user, family: replayed.family };
    Ok(if ended > 0 { reused } else { Rotated::Revoked })
}

async fn revoke<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    mut presented: RefreshRecord,
    adopts: bool,
) -> Result<Revocation, StoreError> {
    if let Some(row) = transaction.fetch_optional(query(E::REFRESH.by_id).bind(bytes(&presented.id))).await? {
        let stored = Reader::<E>::new(&row).refresh()?;
        transaction.execute(end(&stored.family, stored.user.as_ref())).await?;
        let is_live = stored.state == RefreshState::Live;
        return Ok(if is_live { Revocation::Done } else { Revocation::Already });
    }
    if !adopts {
        return Ok(Revocation::Unknown);
    }
    presented.family = presented.id;
    presented.state = RefreshState::Revoked;
    transaction.execute(insert(&presented)).await?;
    Ok(Revocation::Done)
}

fn insert<E: Engine>(record: &RefreshRecord) -> Query<E> {
    let (state, at, to) = match &record.state {
        RefreshState::Live => ("live", None, None),
        RefreshState::Rotated { at, to } => ("rotated", Some(at.as_micros()), Some(bytes(to))),
        RefreshState::Revoked => ("revoked", None, None),
    };
    query(E::REFRESH.insert)
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
fn end<E: Engine>(family: &Digest, user: Option<&UserId>) -> Query<E> {
    query(E::REFRESH.revoke_family).bind(bytes(family)).bind(user.map(ToString::to_string))
}
