//! The reference implementation, for tests and for programs of one process.
//!
//! 1. One lock over all tables makes each verb one step; nothing waits or panics while it is held.
//! 2. Nothing outlives the process: a restart logs everybody out.
//! 3. What has ended is swept while more is made, so that memory stays bounded without a timer; counters are bounded in
//!    number, too.

mod counter;
mod refresh;
mod session;
mod table;
mod token;
mod user;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::counter::Counters;
use self::table::Table;
use self::user::Users;
use crate::store::{RefreshRecord, SessionRecord, TokenRecord};

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
///
/// A user is made only in groups that exist:
///
/// ```
/// # use portcullis::store::{Group, MemoryStore, NewUser, StoreError, UserStore};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// store.put_group(Group::new("Authors", ["books.add_book"])).await?;
/// let mary = store.create_user(NewUser::new("mary").with_group("Authors")).await?;
/// assert!(mary.codenames.contains("books.add_book"));
/// assert!(store.create_user(NewUser::new("john").with_group("Editors")).await.is_err());
/// # Ok::<(), StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<RwLock<Tables>>);

#[derive(Default)]
struct Tables {
    users: Users,
    tokens: Table<TokenRecord>,
    sessions: Table<SessionRecord>,
    refresh: Table<RefreshRecord>,
    counters: Counters,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, so that a test can begin anew.
    ///
    /// # Security
    ///
    /// User ids begin anew, too: what named a user before may name another one after.
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
