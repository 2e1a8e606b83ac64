//! Users and groups.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis::store::{Group, LoginRecord, NewUser, StoreError, UserChange, UserStore};
use portcullis::{Account, PasswordHash, UserId};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _, query};

use crate::error::store_error;
use crate::row::{Reader, names};
use crate::sqlite::{self, session, token, user};
use crate::store::SqlStore;

#[async_trait]
impl UserStore for SqlStore {
    async fn user(&self, id: &UserId) -> Result<Option<Arc<Account>>, StoreError> {
        let Some(id) = id.as_number() else { return Ok(None) };
        match self.fetch_optional(query(user::BY_ID).bind(id)).await? {
            Some(row) => Reader::new(&row).account(),
            None => Ok(None),
        }
    }

    async fn login(&self, username: &str) -> Result<Option<LoginRecord>, StoreError> {
        let Some(row) = self.fetch_optional(query(user::LOGIN).bind(username)).await? else {
            return Ok(None);
        };
        let mut row = Reader::new(&row);
        let Some(user) = row.account()? else { return Ok(None) };
        let password = row.optional::<String>()?.map(PasswordHash::new);
        Ok(Some(LoginRecord { user, password }))
    }

    async fn create_user(&self, user: NewUser) -> Result<Arc<Account>, StoreError> {
        let (groups, codenames) = (names(&user.groups)?, names(&user.codenames)?);
        self.write(async |database| create_user(database, &user, &groups, &codenames).await).await
    }

    async fn update_user(&self, id: &UserId, change: UserChange) -> Result<bool, StoreError> {
        let Some(id) = id.as_number() else { return Ok(false) };
        // The hash is what the store is there to keep.
        let password =
            change.password.as_ref().map(|password| password.as_ref().map(PasswordHash::expose_secret));
        let update = query(user::UPDATE)
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

    async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        let Some(number) = id.as_number() else { return Ok(false) };
        self.write(async |database| delete_user(database, number).await).await
    }

    async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        let codenames = names(&group.codenames)?;
        self.write(async |database| put_group(database, &group.name, &codenames).await).await
    }
}

async fn create_user(
    database: &mut SqliteConnection,
    new: &NewUser,
    groups: &str,
    codenames: &str,
) -> Result<Arc<Account>, StoreError> {
    let mut transaction = database.begin_with(sqlite::BEGIN).await.map_err(store_error)?;
    let insert = query(user::INSERT)
        .bind(&new.username)
        .bind(&new.email)
        .bind(new.password.as_ref().map(PasswordHash::expose_secret))
        .bind(new.is_active)
        .bind(new.is_staff)
        .bind(new.is_superuser)
        .bind(new.created_at.as_micros());
    let row = insert.fetch_one(&mut *transaction).await.map_err(store_error)?;
    let id: i64 = row.try_get(0).map_err(store_error)?;
    for (statement, names) in [(user::JOIN_GROUPS, groups), (user::GRANT, codenames)] {
        query(statement).bind(id).bind(names).execute(&mut *transaction).await.map_err(store_error)?;
    }
    let row = query(user::BY_ID).bind(id).fetch_one(&mut *transaction).await.map_err(store_error)?;
    let account =
        Reader::new(&row).account()?.ok_or_else(|| StoreError::unavailable("the new user is missing"))?;
    transaction.commit().await.map_err(store_error)?;
    Ok(account)
}

/// Deletes a user with everything that names him; groups and codenames follow by their foreign keys. Refresh tokens stay:
/// one whose row is gone could be adopted.
async fn delete_user(database: &mut SqliteConnection, id: i64) -> Result<bool, StoreError> {
    let mut transaction = database.begin_with(sqlite::BEGIN).await.map_err(store_error)?;
    let done = query(user::DELETE).bind(id).execute(&mut *transaction).await.map_err(store_error)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    for statement in [token::REVOKE_ALL, session::END_ALL] {
        query(statement).bind(id.to_string()).execute(&mut *transaction).await.map_err(store_error)?;
    }
    transaction.commit().await.map_err(store_error)?;
    Ok(true)
}

async fn put_group(database: &mut SqliteConnection, name: &str, codenames: &str) -> Result<(), StoreError> {
    let mut transaction = database.begin_with(sqlite::BEGIN).await.map_err(store_error)?;
    for statement in [user::CREATE_GROUP, user::CLEAR_GROUP] {
        query(statement).bind(name).execute(&mut *transaction).await.map_err(store_error)?;
    }
    let fill = query(user::FILL_GROUP).bind(name).bind(codenames);
    fill.execute(&mut *transaction).await.map_err(store_error)?;
    transaction.commit().await.map_err(store_error)
}
