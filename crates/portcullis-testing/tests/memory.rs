//! The stores of the core pass every suite, and no broken store does.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis::store::{
    Committed, Group, LoginRecord, MemoryStore, Mixed, NewUser, Purged, SessionChange, SessionRecord,
    SessionStore, StoreError, TokenRecord, TokenStore, UserChange, UserStore,
};
use portcullis::{Account, Digest, Timestamp, UserId};
use portcullis_testing::suite::{self, Broken, on_threads};

#[tokio::test]
async fn the_memory_store_keeps_every_contract() -> Result<(), Broken> {
    let make = async || MemoryStore::new();
    suite::token::run(make, on_threads).await?;
    suite::session::run(make, on_threads).await?;
    suite::refresh::run(make, on_threads).await?;
    suite::counter::run(make, on_threads).await?;
    suite::user::run(make, on_threads).await?;
    suite::join::run(make, on_threads).await?;
    suite::join::run_cascade(make, on_threads).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mixed_store_keeps_every_contract_but_the_cascade() -> Result<(), Broken> {
    let make = async || Mixed::new(MemoryStore::new(), MemoryStore::new());
    let spawn = |task| drop(tokio::spawn(task));
    suite::token::run(make, spawn).await?;
    suite::session::run(make, spawn).await?;
    suite::refresh::run(make, spawn).await?;
    suite::counter::run(make, spawn).await?;
    suite::user::run(make, spawn).await?;
    suite::join::run(make, spawn).await?;
    let broken = suite::join::run_cascade(make, spawn).await.unwrap_err();
    assert_eq!(broken.clauses().collect::<Vec<_>>(), ["a_deleted_user_leaves_no_token_and_no_session"]);
    Ok(())
}

#[tokio::test]
async fn every_broken_token_store_is_caught() {
    for (fault, clause) in [
        (Fault::CreateReplaces, "a_digest_is_created_only_once"),
        (Fault::CreateChecksFirst, "of_many_creations_of_one_digest_at_once_one_succeeds"),
        (Fault::ExpiredIsHidden, "an_expired_token_is_still_answered"),
        (Fault::TouchRevives, "a_use_does_not_revive_a_revoked_token"),
        (Fault::AnybodyRevokes, "nobody_revokes_the_token_of_someone_else"),
        (Fault::KeepIsIgnored, "keep_revokes_the_oldest_tokens_of_the_user_alone"),
        (Fault::KeepRevokesTheNewOne, "keep_never_revokes_the_new_token"),
        (Fault::KeepBeforeCreate, "a_refused_creation_revokes_nothing"),
        (Fault::KeepInTwoSteps, "a_creation_dropped_half_way_is_done_wholly_or_not_at_all"),
        (Fault::NoScopesMeansNoLimit, "a_token_is_answered_as_it_was_created"),
        (Fault::PurgeTakesAll, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeHasNoLimit, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeIsAlwaysDone, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeIsNeverDone, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
    ] {
        expect(suite::token::run(fault.maker(), on_threads).await, fault, clause);
    }
}

#[tokio::test]
async fn every_broken_session_store_is_caught() {
    for (fault, clause) in [
        (Fault::CreateReplaces, "a_key_is_created_only_once"),
        (Fault::CreateChecksFirst, "of_many_creations_of_one_key_at_once_one_succeeds"),
        (Fault::ExpiredIsHidden, "an_expired_session_is_still_answered"),
        (Fault::SaveRevives, "a_flushed_session_is_never_revived"),
        (Fault::SaveChecksFirst, "a_save_that_races_a_flush_does_not_revive_the_session"),
        (Fault::SaveChecksFirst, "a_save_that_races_the_end_of_all_sessions_does_not_revive_one"),
        (Fault::CycleKeepsTheOldKey, "a_cycle_kills_the_old_key"),
        (Fault::CycleRevives, "a_change_to_an_unknown_session_makes_none"),
        (Fault::CycleReplaces, "a_cycle_to_a_key_that_is_taken_changes_nothing"),
        (Fault::CycleChecksFirst, "of_many_cycles_of_one_session_at_once_one_succeeds"),
        (Fault::CycleInTwoSteps, "a_cycle_dropped_half_way_is_done_wholly_or_not_at_all"),
        (Fault::AnybodyRevokes, "nobody_ends_the_session_of_someone_else"),
        (Fault::ExceptIsIgnored, "all_sessions_of_one_user_end_but_the_excepted_one"),
        (Fault::PurgeTakesAll, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeHasNoLimit, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeIsAlwaysDone, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
        (Fault::PurgeIsNeverDone, "a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else"),
    ] {
        expect(suite::session::run(fault.maker(), on_threads).await, fault, clause);
    }
}

#[tokio::test]
async fn every_broken_user_store_is_caught() {
    for (fault, clause) in [
        (Fault::NamesFoldCase, "names_compare_byte_for_byte"),
        (Fault::NamesAreTrimmed, "names_compare_byte_for_byte"),
        (Fault::IdsAreReused, "the_id_of_a_deleted_user_is_never_given_again"),
        (Fault::InactiveIsHidden, "inactive_users_and_users_without_a_password_are_answered_to_a_login"),
        (Fault::PasswordIsNotCompared, "a_change_for_another_password_changes_nothing"),
        (Fault::PasswordIsComparedFirst, "of_many_changes_for_one_password_at_once_one_succeeds"),
        (Fault::EpochStays, "every_raise_of_an_epoch_counts"),
        (Fault::UpdateInTwoSteps, "a_change_dropped_half_way_is_done_wholly_or_not_at_all"),
        (Fault::DeleteDeactivates, "a_deleted_user_is_gone"),
        (Fault::ListsHideTheInactive, "users_are_listed_by_id"),
        (Fault::ListsHaveNoLimit, "users_are_listed_by_id"),
        (Fault::ListsStartOver, "users_are_listed_by_id"),
        (Fault::GroupsAreFrozen, "a_replaced_group_lends_its_new_codenames_at_once"),
        (Fault::GroupsAreMadeUp, "an_unknown_group_lends_nothing_now_or_later"),
    ] {
        expect(suite::user::run(fault.maker(), on_threads).await, fault, clause);
    }
}

#[tokio::test]
async fn a_faultless_wrapper_passes() -> Result<(), Broken> {
    suite::token::run(Fault::None.maker(), on_threads).await?;
    suite::session::run(Fault::None.maker(), on_threads).await?;
    suite::user::run(Fault::None.maker(), on_threads).await
}

#[tokio::test]
async fn an_outage_breaks_the_clause_and_says_so() {
    let broken = suite::token::run(Fault::Outage.maker(), on_threads).await.unwrap_err();
    assert!(broken.to_string().contains("a token is answered as it was created"), "{broken}");
    assert!(broken.to_string().contains("the store is unavailable"), "{broken}");
}

#[track_caller]
fn expect(result: Result<(), Broken>, fault: Fault, clause: &str) {
    let broken: Vec<_> = result.err().iter().flat_map(Broken::clauses).collect();
    assert!(broken.contains(&clause), "{fault:?} broke only {broken:?}, not {clause}");
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Outage,
    CreateReplaces,
    CreateChecksFirst,
    ExpiredIsHidden,
    TouchRevives,
    AnybodyRevokes,
    KeepIsIgnored,
    KeepRevokesTheNewOne,
    KeepBeforeCreate,
    KeepInTwoSteps,
    NoScopesMeansNoLimit,
    PurgeTakesAll,
    PurgeHasNoLimit,
    PurgeIsAlwaysDone,
    PurgeIsNeverDone,
    SaveRevives,
    SaveChecksFirst,
    CycleKeepsTheOldKey,
    CycleRevives,
    CycleReplaces,
    CycleChecksFirst,
    CycleInTwoSteps,
    ExceptIsIgnored,
    ListsHideTheInactive,
    ListsHaveNoLimit,
    ListsStartOver,
    NamesFoldCase,
    NamesAreTrimmed,
    IdsAreReused,
    InactiveIsHidden,
    PasswordIsNotCompared,
    PasswordIsComparedFirst,
    EpochStays,
    UpdateInTwoSteps,
    DeleteDeactivates,
    GroupsAreFrozen,
    GroupsAreMadeUp,
}

impl Fault {
    fn maker(self) -> impl AsyncFn() -> Faulty {
        async move || Faulty { store: MemoryStore::new(), fault: self }
    }
}

/// A memory store with one fault.
struct Faulty {
    store: MemoryStore,
    fault: Fault,
}

impl Faulty {
    /// Tells whether a record is kept from those who ask.
    fn hides(&self, ends_at: Timestamp) -> bool {
        self.fault == Fault::ExpiredIsHidden && ends_at <= Timestamp::from_seconds(1_700_000_002)
    }

    fn limits(&self, now: Timestamp, limit: u32) -> (Timestamp, u32) {
        match self.fault {
            Fault::PurgeTakesAll => (Timestamp::MAX, limit),
            Fault::PurgeHasNoLimit => (now, u32::MAX),
            _ => (now, limit),
        }
    }

    fn done(&self, purged: Result<Purged, StoreError>) -> Result<Purged, StoreError> {
        let purged = purged?;
        Ok(match self.fault {
            Fault::PurgeIsAlwaysDone => Purged { is_done: true, ..purged },
            Fault::PurgeIsNeverDone => Purged { is_done: false, ..purged },
            _ => purged,
        })
    }
}

/// A statement ends here, and another one comes between, on a machine that does much else, too.
async fn pause() {
    tokio::task::yield_now().await;
    std::thread::sleep(std::time::Duration::from_millis(2));
}

#[async_trait]
impl TokenStore for Faulty {
    async fn create_token(&self, mut record: TokenRecord, keep: Option<u32>) -> Result<(), StoreError> {
        let (digest, user) = (record.digest, record.user.clone());
        let surplus = async |keep: Option<u32>| {
            let own = self.store.tokens_of(&user).await?;
            let keep = keep.map_or(usize::MAX, |keep| keep as usize);
            for token in own.iter().take(own.len().saturating_sub(keep)) {
                self.store.revoke_token(&user, &token.digest).await?;
            }
            Ok::<_, StoreError>(())
        };
        match self.fault {
            Fault::Outage => return Err(StoreError::unavailable("the plug is out")),
            Fault::CreateReplaces => {
                if let Some(old) = self.store.token(&digest).await? {
                    self.store.revoke_token(&old.user, &digest).await?;
                }
            }
            Fault::CreateChecksFirst => {
                if self.store.token(&digest).await?.is_some() {
                    return Err(StoreError::Conflict);
                }
                pause().await;
                if let Some(old) = self.store.token(&digest).await? {
                    self.store.revoke_token(&old.user, &digest).await?;
                }
            }
            Fault::KeepIsIgnored => return self.store.create_token(record, None).await,
            Fault::KeepRevokesTheNewOne => {
                self.store.create_token(record, None).await?;
                return surplus(keep).await;
            }
            Fault::KeepBeforeCreate => surplus(keep.map(|keep| keep - 1)).await?,
            Fault::KeepInTwoSteps => {
                self.store.create_token(record, None).await?;
                pause().await;
                return surplus(keep).await;
            }
            Fault::NoScopesMeansNoLimit => {
                record.scopes = record.scopes.filter(|scopes| scopes.iter().next().is_some());
            }
            _ => {}
        }
        self.store.create_token(record, keep).await
    }

    async fn token(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        Ok(self.store.token(digest).await?.filter(|token| !self.hides(token.ends_at())))
    }

    async fn tokens_of(&self, user: &UserId) -> Result<Vec<TokenRecord>, StoreError> {
        self.store.tokens_of(user).await
    }

    async fn touch_token(&self, digest: &Digest, last_used_at: Timestamp) -> Result<(), StoreError> {
        if self.fault == Fault::TouchRevives && self.store.token(digest).await?.is_none() {
            self.store.create_token(TokenRecord::new(*digest, 1.into(), last_used_at), None).await?;
        }
        self.store.touch_token(digest, last_used_at).await
    }

    async fn revoke_token(&self, user: &UserId, digest: &Digest) -> Result<bool, StoreError> {
        match self.store.token(digest).await? {
            Some(token) if self.fault == Fault::AnybodyRevokes => {
                self.store.revoke_token(&token.user, digest).await
            }
            _ => self.store.revoke_token(user, digest).await,
        }
    }

    async fn revoke_tokens(&self, user: &UserId) -> Result<u64, StoreError> {
        self.store.revoke_tokens(user).await
    }

    async fn purge_tokens(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let (now, limit) = self.limits(now, limit);
        self.done(self.store.purge_tokens(now, limit).await)
    }
}

impl Faulty {
    async fn replace(&self, key: Digest, record: SessionRecord) -> Result<Committed, StoreError> {
        self.store.commit(SessionChange::Flush(key)).await?;
        self.store.commit(SessionChange::Create(key, record)).await
    }

    async fn exists(&self, key: &Digest) -> Result<bool, StoreError> {
        Ok(self.store.session(key).await?.is_some())
    }
}

#[async_trait]
impl SessionStore for Faulty {
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.store.session(key).await?.filter(|session| !self.hides(session.expires_at)))
    }

    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        match (self.fault, change) {
            (Fault::CreateReplaces, SessionChange::Create(key, record)) => self.replace(key, record).await,
            (Fault::CreateChecksFirst, SessionChange::Create(key, record)) => {
                if self.exists(&key).await? {
                    return Ok(Committed::Taken);
                }
                pause().await;
                self.replace(key, record).await?;
                Ok(Committed::Done)
            }
            (Fault::SaveRevives, SessionChange::Save(key, record)) => self.replace(key, record).await,
            (Fault::SaveChecksFirst, SessionChange::Save(key, record)) => {
                if !self.exists(&key).await? {
                    return Ok(Committed::Gone);
                }
                pause().await;
                self.replace(key, record).await
            }
            (Fault::CycleKeepsTheOldKey, SessionChange::Cycle(from, to, record))
                if self.exists(&from).await? =>
            {
                self.store.commit(SessionChange::Create(to, record)).await
            }
            (Fault::CycleRevives, SessionChange::Cycle(from, to, record)) => {
                self.store.commit(SessionChange::Flush(from)).await?;
                self.store.commit(SessionChange::Create(to, record)).await
            }
            (Fault::CycleReplaces, SessionChange::Cycle(from, to, record)) => {
                match self.store.commit(SessionChange::Flush(from)).await? {
                    Committed::Done => self.replace(to, record).await,
                    refused => Ok(refused),
                }
            }
            (Fault::CycleChecksFirst, SessionChange::Cycle(from, to, record)) => {
                if !self.exists(&from).await? {
                    return Ok(Committed::Gone);
                }
                pause().await;
                self.store.commit(SessionChange::Flush(from)).await?;
                self.store.commit(SessionChange::Create(to, record)).await
            }
            (Fault::CycleInTwoSteps, SessionChange::Cycle(from, to, record)) => {
                match self.store.commit(SessionChange::Flush(from)).await? {
                    Committed::Done => pause().await,
                    refused => return Ok(refused),
                }
                self.store.commit(SessionChange::Create(to, record)).await
            }
            (_, change) => self.store.commit(change).await,
        }
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        self.store.sessions_of(user).await
    }

    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        if self.fault == Fault::AnybodyRevokes {
            return Ok(self.store.commit(SessionChange::Flush(*key)).await? == Committed::Done);
        }
        self.store.end_session(user, key).await
    }

    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError> {
        let except = except.filter(|_| self.fault != Fault::ExceptIsIgnored);
        self.store.end_sessions(user, except).await
    }

    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let (now, limit) = self.limits(now, limit);
        self.done(self.store.purge_sessions(now, limit).await)
    }
}

#[async_trait]
impl UserStore for Faulty {
    async fn user(&self, id: &UserId) -> Result<Option<Arc<Account>>, StoreError> {
        self.store.user(id).await
    }

    async fn login(&self, username: &str) -> Result<Option<LoginRecord>, StoreError> {
        let login = match self.fault {
            Fault::NamesAreTrimmed => self.store.login(username.trim()).await?,
            _ => self.store.login(username).await?,
        };
        let folded = username.to_lowercase();
        match (self.fault, login) {
            (Fault::NamesFoldCase, None) => self.store.login(&folded).await,
            (Fault::InactiveIsHidden, login) => Ok(login.filter(|login| login.user.is_active)),
            (_, login) => Ok(login),
        }
    }

    async fn create_user(&self, user: NewUser) -> Result<Arc<Account>, StoreError> {
        if self.fault == Fault::GroupsAreMadeUp {
            for name in &user.groups {
                self.store.put_group(Group::new::<&str>(name, [])).await?;
            }
        }
        let mut user = self.store.create_user(user).await?;
        if self.fault == Fault::IdsAreReused {
            Arc::make_mut(&mut user).id = 1.into();
        }
        Ok(user)
    }

    async fn update_user(&self, id: &UserId, mut change: UserChange) -> Result<bool, StoreError> {
        match self.fault {
            Fault::PasswordIsNotCompared => change.if_password = None,
            Fault::PasswordIsComparedFirst => {
                let Some(user) = self.store.user(id).await? else { return Ok(false) };
                let stored = self.store.login(&user.username).await?.and_then(|login| login.password);
                if change.if_password.is_some() && change.if_password.take() != stored {
                    return Ok(false);
                }
                pause().await;
            }
            Fault::EpochStays => change.raise_epoch = false,
            Fault::UpdateInTwoSteps => {
                let mut raise = UserChange::default();
                raise.raise_epoch = std::mem::take(&mut change.raise_epoch);
                let changed = self.store.update_user(id, change).await?;
                pause().await;
                return Ok(changed && self.store.update_user(id, raise).await?);
            }
            _ => {}
        }
        self.store.update_user(id, change).await
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        if self.fault == Fault::DeleteDeactivates {
            let mut change = UserChange::default();
            change.is_active = Some(false);
            return self.store.update_user(id, change).await;
        }
        self.store.delete_user(id).await
    }

    async fn users(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Arc<Account>>, StoreError> {
        let after = after.filter(|_| self.fault != Fault::ListsStartOver);
        let limit = if self.fault == Fault::ListsHaveNoLimit { u32::MAX } else { limit };
        let mut users = self.store.users(after, limit).await?;
        users.retain(|user| user.is_active || self.fault != Fault::ListsHideTheInactive);
        Ok(users)
    }

    async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        if self.fault == Fault::GroupsAreFrozen {
            let probe = format!("probe of {}", group.name);
            let made = self.store.create_user(NewUser::new(&probe).with_group(&group.name)).await;
            if let Ok(probe) = made {
                self.store.delete_user(&probe.id).await?;
                return Ok(());
            }
        }
        self.store.put_group(group).await
    }
}
