//! Users and groups in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use crate::credentials::PasswordHash;
use crate::store::{Group, LoginRecord, NewUser, StoreError, UserChange, UserStore};
use crate::user::{Account, UserId};

/// Ids count up and are never given twice, also when the newest user is deleted.
#[derive(Default)]
pub(super) struct Users {
    last_id: i64,
    rows: BTreeMap<i64, Row>,
    names: HashMap<String, i64>,
    groups: BTreeMap<String, Group>,
}

struct Row {
    account: Arc<Account>,
    password: Option<PasswordHash>,
    own_codenames: BTreeSet<String>,
}

impl Users {
    pub(super) fn account(&self, id: &UserId) -> Option<Arc<Account>> {
        self.rows.get(&id.as_number()?).map(|row| Arc::clone(&row.account))
    }

    fn login(&self, username: &str) -> Option<LoginRecord> {
        let row = self.names.get(username).and_then(|id| self.rows.get(id))?;
        Some(LoginRecord { user: Arc::clone(&row.account), password: row.password.clone() })
    }

    fn create(&mut self, new: NewUser) -> Result<Arc<Account>, StoreError> {
        if self.names.contains_key(&new.username) {
            return Err(StoreError::Conflict);
        }
        if new.groups.iter().any(|name| !self.groups.contains_key(name)) {
            return Err(StoreError::NoSuchGroup);
        }
        self.last_id += 1;
        let account = Arc::new(Account {
            email: new.email,
            is_active: new.is_active,
            is_staff: new.is_staff,
            is_superuser: new.is_superuser,
            codenames: codenames(&self.groups, &new.codenames, new.groups.iter()),
            groups: new.groups.into_iter().collect(),
            created_at: new.created_at,
            ..Account::new(self.last_id, new.username.clone())
        });
        let row = Row { account: Arc::clone(&account), password: new.password, own_codenames: new.codenames };
        self.names.insert(new.username, self.last_id);
        self.rows.insert(self.last_id, row);
        Ok(account)
    }

    fn update(&mut self, id: &UserId, change: UserChange) -> bool {
        let Some(row) = id.as_number().and_then(|id| self.rows.get_mut(&id)) else { return false };
        if change.if_password.is_some() && change.if_password != row.password {
            return false;
        }
        if let Some(password) = change.password {
            row.password = password;
        }
        let account = Arc::make_mut(&mut row.account);
        account.is_active = change.is_active.unwrap_or(account.is_active);
        account.is_staff = change.is_staff.unwrap_or(account.is_staff);
        account.is_superuser = change.is_superuser.unwrap_or(account.is_superuser);
        // Wraps rather than saturates: an epoch that was raised must differ from every one before it.
        account.auth_epoch = account.auth_epoch.wrapping_add(i64::from(change.raise_epoch));
        true
    }

    fn delete(&mut self, id: &UserId) -> bool {
        let Some(row) = id.as_number().and_then(|id| self.rows.remove(&id)) else { return false };
        self.names.remove(&row.account.username).is_some()
    }

    fn after(&self, id: Option<&UserId>, limit: u32) -> Vec<Arc<Account>> {
        let start = match id.map(UserId::as_number) {
            None => Bound::Unbounded,
            Some(Some(id)) => Bound::Excluded(id),
            Some(None) => return Vec::new(),
        };
        let rows = self.rows.range((start, Bound::Unbounded));
        rows.take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|(_, row)| Arc::clone(&row.account))
            .collect()
    }

    fn put_group(&mut self, group: Group) {
        let name = group.name.clone();
        self.groups.insert(name.clone(), group);
        for row in self.rows.values_mut().filter(|row| row.account.groups.contains(&name)) {
            let account = Arc::make_mut(&mut row.account);
            account.codenames = codenames(&self.groups, &row.own_codenames, account.groups.iter());
        }
    }
}

/// Collects a user's own codenames and those of its groups.
fn codenames<'a, C: FromIterator<String>>(
    all: &BTreeMap<String, Group>,
    own: &BTreeSet<String>,
    groups: impl Iterator<Item = &'a String>,
) -> C {
    let granted = groups.filter_map(|name| all.get(name)).flat_map(|group| &group.codenames);
    own.iter().chain(granted).cloned().collect()
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn user(&self, id: &UserId) -> Result<Option<Arc<Account>>, StoreError> {
        Ok(self.read().users.account(id))
    }

    async fn login(&self, username: &str) -> Result<Option<LoginRecord>, StoreError> {
        Ok(self.read().users.login(username))
    }

    async fn create_user(&self, user: NewUser) -> Result<Arc<Account>, StoreError> {
        self.write().users.create(user)
    }

    async fn update_user(&self, id: &UserId, change: UserChange) -> Result<bool, StoreError> {
        Ok(self.write().users.update(id, change))
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        let tables = &mut *self.write();
        let deleted = tables.users.delete(id);
        if deleted {
            tables.tokens.remove_all_of(id, None);
            tables.sessions.remove_all_of(id, None);
        }
        Ok(deleted)
    }

    async fn users(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Arc<Account>>, StoreError> {
        Ok(self.read().users.after(after, limit))
    }

    async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        self.write().users.put_group(group);
        Ok(())
    }
}
