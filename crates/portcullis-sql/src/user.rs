//! Users and groups.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis::store::{Group, LoginRecord, NewUser, StoreError, UserChange, UserStore};
use portcullis::{Account, PasswordHash, UserId};

use crate::database::{Database, Transaction};
use crate::engine::{Engine, query};
use crate::row::{Reader, names};
use crate::store::{SqlStore, on};

#[async_trait]
impl UserStore for SqlStore {
    async fn user(&self, id: &UserId) -> Result<Option<Arc<Account>>, StoreError> {
        on!(self, database => database.user(id).await)
    }

    async fn login(&self, username: &str) -> Result<Option<LoginRecord>, StoreError> {
        on!(self, database => database.login(username).await)
    }

    async fn create_user(&self, user: NewUser) -> Result<Arc<Account>, StoreError> {
        on!(self, database => database.create_user(user).await)
    }

    async fn update_user(&self, id: &UserId, change: UserChange) -> Result<bool, StoreError> {
        on!(self, database => database.update_user(id, change).await)
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        on!(self, database => database.delete_user(id).await)
    }

    async fn users(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Arc<Account>>, StoreError> {
        on!(self, database => database.users(after, limit).await)
    }

    async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        on!(self, database => database.put_group(group).await)
    }
}

impl<E: Engine> Database<E> {
    pub(crate) async fn user(&self, id: &UserId) -> Result<Option<Arc<Account>>, StoreError> {
        let Some(id) = id.as_number() else { return Ok(None) };
        match self.fetch_optional(|| query(E::USER.by_id).bind(id)).await? {
            Some(row) => Reader::<E>::new(&row).account(),
            None => Ok(None),
        }
    }

    pub(crate) async fn login(&self, username: &str) -> Result<Option<LoginRecord>, StoreError> {
        let Some(row) = self.fetch_optional(|| query(E::USER.login).bind(username)).await? else {
            return Ok(None);
        };
        let mut row = Reader::<E>::new(&row);
        let Some(user) = row.account()? else { return Ok(None) };
        let password = row.text()?.map(PasswordHash::new);
        Ok(Some(LoginRecord { user, password }))
    }

    pub(crate) async fn create_user(&self, user: NewUser) -> Result<Arc<Account>, StoreError> {
        let (groups, codenames) = (names(&user.groups)?, names(&user.codenames)?);
        self.transact(async |transaction| create_user(transaction, &user, &groups, &codenames).await).await
    }

    pub(crate) async fn update_user(&self, id: &UserId, change: UserChange) -> Result<bool, StoreError> {
        let Some(id) = id.as_number() else { return Ok(false) };
        // The hash is what the store is there to keep.
        let password =
            change.password.as_ref().map(|password| password.as_ref().map(PasswordHash::expose_secret));
        let update = query(E::USER.update)
            .bind(id)
            .bind(password.is_some())
            .bind(password.flatten())
            .bind(change.is_active)
            .bind(change.is_staff)
            .bind(change.is_superuser)
            .bind(i64::from(change.raise_epoch))
            .bind(change.if_password.as_ref().map(PasswordHash::expose_secret));
        Ok(self.execute(update).await? > 0)
    }

    pub(crate) async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        let Some(number) = id.as_number() else { return Ok(false) };
        self.transact(async |transaction| delete_user(transaction, number).await).await
    }

    pub(crate) async fn users(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let after = match after.map(UserId::as_number) {
            None => i64::MIN,
            Some(Some(id)) => id,
            Some(None) => return Ok(Vec::new()),
        };
        let rows = self.fetch_all(|| query(E::USER.list).bind(after).bind(i64::from(limit))).await?;
        rows.iter().filter_map(|row| Reader::<E>::new(row).account().transpose()).collect()
    }

    pub(crate) async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        let codenames = names(&group.codenames)?;
        self.transact(async |transaction| put_group(transaction, &group.name, &codenames).await).await
    }
}

async fn create_user<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    new: &NewUser,
    groups: &str,
    codenames: &str,
) -> Result<Arc<Account>, StoreError> {
    let insert = query(E::USER.insert)
        .bind(&new.username)
        .bind(&new.email)
        .bind(new.password.as_ref().map(PasswordHash::expose_secret))
        .bind(new.is_active)
        .bind(new.is_staff)
        .bind(new.is_superuser)
        .bind(new.created_at.as_micros());
    let row = transaction.fetch_optional(insert).await?.ok_or_else(is_missing)?;
    let id = Reader::<E>::new(&row).number()?;
    if !new.groups.is_empty() {
        let joined = transaction.execute(query(E::USER.join_groups).bind(id).bind(groups)).await?;
        if usize::try_from(joined) != Ok(new.groups.len()) {
            return Err(StoreError::NoSuchGroup);
        }
    }
    if !new.codenames.is_empty() {
        transaction.execute(query(E::USER.grant).bind(id).bind(codenames)).await?;
    }
    let row = transaction.fetch_optional(query(E::USER.by_id).bind(id)).await?.ok_or_else(is_missing)?;
    Reader::<E>::new(&row).account()?.ok_or_else(is_missing)
}

fn is_missing() -> StoreError {
    StoreError::unavailable("the new user is missing")
}

/// Deletes a user with everything that names him; groups and codenames follow by their foreign keys. Refresh tokens stay:
/// one whose row is gone could be adopted.
async fn delete_user<E: Engine>(transaction: &mut Transaction<'_, E>, id: i64) -> Result<bool, StoreError> {
    if transaction.execute(query(E::USER.delete).bind(id)).await? == 0 {
        return Ok(false);
    }
    transaction.execute(query(E::TOKEN.revoke_all).bind(id.to_string())).await?;
    transaction.execute(query(E::SESSION.end_all).bind(id.to_string()).bind(None::<&[u8]>)).await?;
    Ok(true)
}

/// Replaces a group's codenames. Two that do it at once take turns: the later would not see, and so not clear, what the
/// first puts in.
async fn put_group<E: Engine>(
    transaction: &mut Transaction<'_, E>,
    name: &str,
    codenames: &str,
) -> Result<(), StoreError> {
    transaction.lock("group", name).await?;
    for statement in [E::USER.create_group, E::USER.clear_group] {
        transaction.execute(query(statement).bind(name)).await?;
    }
    transaction.execute(query(E::USER.fill_group).bind(name).bind(codenames)).await.map(drop)
}
