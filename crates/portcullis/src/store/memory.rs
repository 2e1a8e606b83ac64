//! The reference implementation, for tests and for programs of one process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::credentials::PasswordHash;
use crate::secret::Digest;
use crate::store::{
    Committed, Group, LoginRecord, NewUser, SessionChange, SessionRecord, SessionStore, StoreError,
    TokenRecord, TokenStore, UserBySession, UserByToken, UserChange, UserStore,
};
use crate::user::{Account, UserId};

/// Keeps everything in this process; cloning shares it.
///
/// # Examples
///
/// ```
/// # use portcullis::store::{MemoryStore, NewUser, StoreError, UserStore};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let john = store.create_user(NewUser::new("john")).await?;
/// assert_eq!(john.username, "john");
/// # Ok::<(), StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<RwLock<Tables>>);

#[derive(Default)]
struct Tables {
    last_id: i64,
    users: HashMap<i64, Row>,
    names: HashMap<String, i64>,
    groups: BTreeMap<String, Group>,
    tokens: HashMap<Digest, TokenRecord>,
    sessions: HashMap<Digest, SessionRecord>,
}

struct Row {
    account: Arc<Account>,
    password: Option<PasswordHash>,
    own_codenames: BTreeSet<String>,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, so that a test can begin anew.
    pub fn clear(&self) {
        *self.write() = Tables::default();
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Tables {
    fn row(&self, id: &UserId) -> Option<&Row> {
        self.users.get(&id.as_number()?)
    }

    fn account(&self, id: &UserId) -> Option<Arc<Account>> {
        self.row(id).map(|row| Arc::clone(&row.account))
    }

    /// The codenames of a user: its own and those of its groups.
    fn codenames<'a>(&self, own: &BTreeSet<String>, groups: impl Iterator<Item = &'a String>) -> Vec<String> {
        let granted = groups.filter_map(|name| self.groups.get(name)).flat_map(|group| &group.codenames);
        own.iter().chain(granted).cloned().collect()
    }

    fn create_user(&mut self, new: NewUser) -> Result<Arc<Account>, StoreError> {
        if self.names.contains_key(&new.username) {
            return Err(StoreError::Conflict);
        }
        self.last_id += 1;
        let account = Arc::new(Account {
            email: new.email,
            is_active: new.is_active,
            is_staff: new.is_staff,
            is_superuser: new.is_superuser,
            codenames: self.codenames(&new.codenames, new.groups.iter()).into_iter().collect(),
            groups: new.groups.into_iter().collect(),
            created_at: new.created_at,
            ..Account::new(self.last_id, new.username.clone())
        });
        let row = Row { account: Arc::clone(&account), password: new.password, own_codenames: new.codenames };
        self.names.insert(new.username, self.last_id);
        self.users.insert(self.last_id, row);
        Ok(account)
    }

    fn update_user(&mut self, id: &UserId, change: UserChange) -> bool {
        let Some(row) = id.as_number().and_then(|id| self.users.get_mut(&id)) else { return false };
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
        account.auth_epoch = account.auth_epoch.saturating_add(i64::from(change.raise_epoch));
        true
    }

    fn delete_user(&mut self, id: &UserId) -> bool {
        let Some(row) = id.as_number().and_then(|id| self.users.remove(&id)) else { return false };
        self.names.remove(&row.account.username);
        self.tokens.retain(|_, token| token.user != *id);
        self.sessions.retain(|_, session| session.user.as_ref() != Some(id));
        true
    }

    fn put_group(&mut self, group: Group) {
        let name = group.name.clone();
        self.groups.insert(name.clone(), group);
        let members: Vec<i64> = self
            .users
            .iter()
            .filter(|(_, row)| row.account.groups.contains(&name))
            .map(|(id, _)| *id)
            .collect();
        for id in members {
            let Some(row) = self.users.get(&id) else { continue };
            let codenames =
                self.codenames(&row.own_codenames, row.account.groups.iter()).into_iter().collect();
            if let Some(row) = self.users.get_mut(&id) {
                Arc::make_mut(&mut row.account).codenames = codenames;
            }
        }
    }

    fn commit(&mut self, change: SessionChange) -> Committed {
        match change {
            SessionChange::Create(key, record) => self.add_session(key, record),
            SessionChange::Save(key, record) => self.with_session(&key, |session| *session = record),
            SessionChange::Touch(key, last_seen_at, expires_at) => self.with_session(&key, |session| {
                session.last_seen_at = last_seen_at;
                session.expires_at = expires_at;
            }),
            SessionChange::Cycle(from, to, _) if from != to && self.sessions.contains_key(&to) => {
                Committed::Taken
            }
            SessionChange::Cycle(from, to, record) => match self.sessions.remove(&from) {
                Some(_) => self.add_session(to, record),
                None => Committed::Gone,
            },
            SessionChange::Flush(key) => match self.sessions.remove(&key) {
                Some(_) => Committed::Done,
                None => Committed::Gone,
            },
        }
    }

    fn add_session(&mut self, key: Digest, record: SessionRecord) -> Committed {
        if self.sessions.contains_key(&key) {
            return Committed::Taken;
        }
        self.sessions.insert(key, record);
        Committed::Done
    }

    fn with_session(&mut self, key: &Digest, change: impl FnOnce(&mut SessionRecord)) -> Committed {
        match self.sessions.get_mut(key) {
            Some(session) => {
                change(session);
                Committed::Done
            }
            None => Committed::Gone,
        }
    }
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn user(&self, id: &UserId) -> Result<Option<Arc<Account>>, StoreError> {
        Ok(self.read().account(id))
    }

    async fn login(&self, username: &str) -> Result<Option<LoginRecord>, StoreError> {
        let tables = self.read();
        let row = tables.names.get(username).and_then(|id| tables.users.get(id));
        Ok(row.map(|row| LoginRecord { user: Arc::clone(&row.account), password: row.password.clone() }))
    }

    async fn create_user(&self, user: NewUser) -> Result<Arc<Account>, StoreError> {
        self.write().create_user(user)
    }

    async fn update_user(&self, id: &UserId, change: UserChange) -> Result<bool, StoreError> {
        Ok(self.write().update_user(id, change))
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        Ok(self.write().delete_user(id))
    }

    async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        self.write().put_group(group);
        Ok(())
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn create_token(&self, record: TokenRecord, keep: Option<u32>) -> Result<(), StoreError> {
        let tokens = &mut self.write().tokens;
        if tokens.contains_key(&record.digest) {
            return Err(StoreError::Conflict);
        }
        let user = record.user.clone();
        tokens.insert(record.digest, record);
        let mut own: Vec<_> = tokens
            .values()
            .filter(|token| token.user == user)
            .map(|token| (token.created_at, token.digest))
            .collect();
        let surplus =
            keep.map_or(0, |keep| own.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX)));
        own.sort_unstable();
        own.iter().take(surplus).for_each(|(_, digest)| {
            tokens.remove(digest);
        });
        Ok(())
    }

    async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        Ok(self.read().tokens.get(digest).cloned())
    }

    async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError> {
        let mut own: Vec<_> =
            self.read().tokens.values().filter(|token| token.user == *user).cloned().collect();
        own.sort_by_key(|token| (token.created_at, token.digest));
        Ok(own)
    }

    async fn touch_token(&self, digest: &Digest, last_used_at: Timestamp) -> Result<(), StoreError> {
        if let Some(token) = self.write().tokens.get_mut(digest) {
            token.last_used_at = Some(last_used_at);
        }
        Ok(())
    }

    async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError> {
        let tokens = &mut self.write().tokens;
        let theirs = tokens.get(digest).is_some_and(|token| token.user == *user);
        Ok(theirs && tokens.remove(digest).is_some())
    }

    async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError> {
        Ok(self.write().tokens.extract_if(|_, token| token.user == *user).count() as u64)
    }

    async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.write().tokens.extract_if(|_, token| token.ends_at() <= now).take(limit).count() as u64)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.read().sessions.get(key).cloned())
    }

    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        Ok(self.write().commit(change))
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        let tables = self.read();
        let theirs = tables.sessions.iter().filter(|(_, session)| session.user.as_ref() == Some(user));
        let mut own: Vec<_> = theirs.map(|(key, session)| (*key, session.clone())).collect();
        own.sort_by_key(|(key, session)| (std::cmp::Reverse(session.last_seen_at), *key));
        Ok(own)
    }

    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        let sessions = &mut self.write().sessions;
        let theirs = sessions.get(key).is_some_and(|session| session.user.as_ref() == Some(user));
        Ok(theirs && sessions.remove(key).is_some())
    }

    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError> {
        let sessions = &mut self.write().sessions;
        let ended =
            sessions.extract_if(|key, session| session.user.as_ref() == Some(user) && Some(key) != except);
        Ok(ended.count() as u64)
    }

    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.write().sessions.extract_if(|_, session| session.expires_at <= now).take(limit).count()
            as u64)
    }
}

#[async_trait]
impl UserByToken<Account> for MemoryStore {
    async fn user_by_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<(TokenRecord, Option<Arc<Account>>)>, StoreError> {
        let tables = self.read();
        Ok(tables.tokens.get(digest).map(|token| (token.clone(), tables.account(&token.user))))
    }
}

#[async_trait]
impl UserBySession<Account> for MemoryStore {
    async fn user_by_session(
        &self,
        key: &Digest,
    ) -> Result<Option<(SessionRecord, Option<Arc<Account>>)>, StoreError> {
        let tables = self.read();
        let session = tables.sessions.get(key);
        Ok(session
            .map(|session| (session.clone(), session.user.as_ref().and_then(|user| tables.account(user)))))
    }
}
