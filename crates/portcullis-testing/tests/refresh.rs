//! A naive store of refresh tokens passes the suite, and with any one fault it does not.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use portcullis::store::{
    MemoryStore, NewUser, Purged, RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, Rotation,
    StoreError, UserStore,
};
use portcullis::{Digest, Timestamp, UserId};
use portcullis_testing::suite::{self, Broken, on_threads};

#[tokio::test]
async fn a_naive_store_without_a_fault_passes() -> Result<(), Broken> {
    suite::refresh::run(Fault::None.maker(), on_threads).await
}

#[tokio::test]
async fn every_broken_store_is_caught() {
    for (fault, clause) in [
        (Fault::TimesAreWholeSeconds, "a_token_is_answered_as_it_was_created"),
        (Fault::CreateReplaces, "an_id_is_created_only_once"),
        (Fault::CreateChecksFirst, "of_many_creations_of_one_id_at_once_one_succeeds"),
        (Fault::ExpiredIsHidden, "an_expired_token_is_still_answered"),
        (Fault::ThePresentedIsBelieved, "a_rotation_puts_a_new_token_in_the_place_of_the_old_one"),
        (Fault::DeadlineIsIgnored, "a_family_never_outlives_its_deadline"),
        (Fault::RotatedIsForgotten, "a_replayed_token_ends_its_family"),
        (Fault::ReplayEndsNothing, "a_replayed_token_ends_its_family"),
        (Fault::ReplayEndsAllOfTheUser, "a_replayed_token_ends_its_family"),
        (Fault::ReplayIsReportedForEver, "a_replayed_token_ends_its_family"),
        (Fault::RotateChecksFirst, "of_many_rotations_of_one_token_at_once_exactly_one_wins"),
        (Fault::RotateChecksFirst, "of_many_adoptions_of_one_token_at_once_exactly_one_wins"),
        (Fault::RotateChecksFirst, "of_many_rotations_within_the_grace_at_once_one_token_lives"),
        (Fault::RotateInTwoSteps, "a_rotation_dropped_half_way_is_done_wholly_or_not_at_all"),
        (Fault::NextReplaces, "a_rotation_to_an_id_that_is_taken_changes_nothing"),
        (Fault::NobodyEqualsNobodyNot, "a_token_of_nobody_is_like_any_other"),
        (Fault::AdoptsNever, "an_unknown_token_is_adopted_when_asked"),
        (Fault::AdoptsAlways, "an_unknown_id_names_no_token"),
        (Fault::AdoptionKeepsTheFamilyItIsTold, "an_unknown_token_is_adopted_when_asked"),
        (Fault::GraceIsIgnored, "a_lost_answer_is_forgiven_within_the_grace_and_no_longer"),
        (Fault::GraceIsEndless, "a_lost_answer_is_forgiven_within_the_grace_and_no_longer"),
        (Fault::GraceReachesIntoTheFuture, "a_lost_answer_is_forgiven_within_the_grace_and_no_longer"),
        (Fault::GraceBeginsAnew, "the_grace_does_not_begin_anew"),
        (Fault::SupersededLives, "a_superseded_token_ends_the_family"),
        (Fault::GraceForgetsTheSuccessor, "a_used_successor_ends_the_grace"),
        (Fault::RevokeEndsTheTokenAlone, "a_revocation_ends_whatever_lives_on"),
        (Fault::RevokeDeletes, "a_revocation_ends_whatever_lives_on"),
        (Fault::RevokeLeavesNoTombstone, "a_tombstone_is_never_adopted"),
        (Fault::EndChecksFirst, "a_rotation_that_races_a_revocation_leaves_no_live_token"),
        (Fault::EndedAreListed, "live_tokens_are_listed_by_user_the_newest_first"),
        (Fault::OldestFirst, "live_tokens_are_listed_by_user_the_newest_first"),
        (Fault::AnybodyRevokes, "nobody_ends_the_family_of_someone_else"),
        (Fault::TokensAreCounted, "all_families_of_one_user_end_at_once"),
        (Fault::PurgeTakesTombstones, "a_purge_deletes_what_has_expired_within_its_limit_and_nothing_else"),
        (Fault::PurgeHasNoLimit, "a_purge_deletes_what_has_expired_within_its_limit_and_nothing_else"),
        (Fault::PurgeIsAlwaysDone, "a_purge_deletes_what_has_expired_within_its_limit_and_nothing_else"),
        (Fault::PurgeIsNeverDone, "a_purge_deletes_what_has_expired_within_its_limit_and_nothing_else"),
    ] {
        let result = suite::refresh::run(fault.maker(), on_threads).await;
        let broken: Vec<_> = result.err().iter().flat_map(Broken::clauses).collect();
        assert!(broken.contains(&clause), "{fault:?} broke only {broken:?}, not {clause}");
    }
}

/// Where they went with the user, whoever holds one that was revoked could have it adopted.
#[tokio::test]
async fn the_refresh_tokens_of_a_deleted_user_stay() {
    let store = MemoryStore::new();
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    let token =
        RefreshRecord::new(Digest::of("jti"), Some(john.id.clone()), Timestamp::EPOCH, Timestamp::MAX);
    store.create_refresh(token.clone()).await.unwrap();
    store.revoke_refresh(token.clone(), true).await.unwrap();
    store.delete_user(&john.id).await.unwrap();
    let mut adoption = Rotation::new(token, Digest::of("next"), Timestamp::MAX, Timestamp::EPOCH);
    adoption.adopts = true;
    assert_eq!(store.rotate_refresh(adoption).await.unwrap(), Rotated::Revoked);
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    TimesAreWholeSeconds,
    CreateReplaces,
    CreateChecksFirst,
    ExpiredIsHidden,
    ThePresentedIsBelieved,
    DeadlineIsIgnored,
    RotatedIsForgotten,
    ReplayEndsNothing,
    ReplayEndsAllOfTheUser,
    ReplayIsReportedForEver,
    RotateChecksFirst,
    RotateInTwoSteps,
    NextReplaces,
    NobodyEqualsNobodyNot,
    AdoptsNever,
    AdoptsAlways,
    AdoptionKeepsTheFamilyItIsTold,
    GraceIsIgnored,
    GraceIsEndless,
    GraceReachesIntoTheFuture,
    GraceBeginsAnew,
    SupersededLives,
    GraceForgetsTheSuccessor,
    RevokeEndsTheTokenAlone,
    RevokeDeletes,
    RevokeLeavesNoTombstone,
    EndChecksFirst,
    EndedAreListed,
    OldestFirst,
    AnybodyRevokes,
    TokensAreCounted,
    PurgeTakesTombstones,
    PurgeHasNoLimit,
    PurgeIsAlwaysDone,
    PurgeIsNeverDone,
}

impl Fault {
    fn maker(self) -> impl AsyncFn() -> Naive {
        async move || Naive { rows: Mutex::default(), fault: self }
    }
}

type Rows = BTreeMap<Digest, RefreshRecord>;

/// A map and a lock, and perhaps a fault.
struct Naive {
    rows: Mutex<Rows>,
    fault: Fault,
}

/// A statement ends here, and another one comes between, on a machine that does much else, too.
async fn pause() {
    tokio::task::yield_now().await;
    std::thread::sleep(Duration::from_millis(2));
}

fn with(mut row: RefreshRecord, state: RefreshState) -> RefreshRecord {
    row.state = state;
    row
}

fn is_live(row: &RefreshRecord) -> bool {
    row.state == RefreshState::Live
}

impl Naive {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn forgives(&self, rows: &Rows, rotation: &Rotation, at: Timestamp, to: &Digest) -> bool {
        let in_time = match self.fault {
            Fault::GraceIsIgnored => false,
            Fault::GraceIsEndless => !rotation.grace.is_zero(),
            Fault::GraceReachesIntoTheFuture => {
                !rotation.grace.is_zero() && rotation.now.since(at) <= rotation.grace
            }
            _ => rotation.forgives(at),
        };
        in_time && (self.has(Fault::GraceForgetsTheSuccessor) || rows.get(to).is_some_and(is_live))
    }

    /// Finds out what a rotation answers, and the rows that it writes.
    fn plan(&self, rows: &Rows, rotation: &Rotation) -> Result<(Rotated, Vec<RefreshRecord>), StoreError> {
        let is_taken = rows.contains_key(&rotation.next) || rotation.next == rotation.presented.id;
        if is_taken && !self.has(Fault::NextReplaces) {
            return Err(StoreError::Conflict);
        }
        let adopts = match self.fault {
            Fault::AdoptsNever => false,
            Fault::AdoptsAlways => true,
            _ => rotation.adopts,
        };
        let stored = match rows.get(&rotation.presented.id) {
            Some(_) if self.has(Fault::ThePresentedIsBelieved) => rotation.presented.clone(),
            Some(stored) => stored.clone(),
            None if adopts => {
                let mut adopted = with(rotation.presented.clone(), RefreshState::Live);
                if !self.has(Fault::AdoptionKeepsTheFamilyItIsTold) {
                    adopted.family = adopted.id;
                }
                adopted
            }
            None => return Ok((Rotated::Unknown, vec![])),
        };
        let mut writes = Vec::new();
        let at = match stored.state {
            RefreshState::Live => rotation.now,
            RefreshState::Rotated { at, to } if self.forgives(rows, rotation, at, &to) => {
                let superseded = rows.get(&to).filter(|_| !self.has(Fault::SupersededLives));
                writes.extend(superseded.map(|row| with(row.clone(), RefreshState::Revoked)));
                if self.has(Fault::GraceBeginsAnew) { rotation.now } else { at }
            }
            _ => return Ok(self.refuse(rows, &stored)),
        };
        let mut new = rotation.successor_of(&stored);
        if self.has(Fault::DeadlineIsIgnored) {
            new.expires_at = rotation.next_expires_at;
        }
        let state = RefreshState::Rotated { at, to: new.id };
        writes.extend([with(stored, state), new.clone()]);
        Ok((Rotated::Done(new), writes))
    }

    fn refuse(&self, rows: &Rows, refused: &RefreshRecord) -> (Rotated, Vec<RefreshRecord>) {
        let reused = Rotated::Reused { user: refused.user.clone(), family: refused.family };
        let ended = match self.fault {
            Fault::ReplayEndsNothing => return (Rotated::Revoked, vec![]),
            Fault::ReplayIsReportedForEver => return (reused, self.ended(rows, refused)),
            Fault::ReplayEndsAllOfTheUser => rows
                .values()
                .filter(|row| is_live(row) && row.user == refused.user)
                .map(|row| with(row.clone(), RefreshState::Revoked))
                .collect(),
            _ => self.ended(rows, refused),
        };
        (if ended.is_empty() { Rotated::Revoked } else { reused }, ended)
    }

    /// Finds a stored token; else leaves a tombstone, where it is asked to, and answers.
    fn find_or_bury(&self, presented: RefreshRecord, adopts: bool) -> Result<RefreshRecord, Revocation> {
        let mut rows = self.rows();
        if let Some(stored) = rows.get(&presented.id) {
            return Ok(stored.clone());
        }
        if !adopts {
            return Err(Revocation::Unknown);
        }
        let mut tombstone = with(presented, RefreshState::Revoked);
        tombstone.family = tombstone.id;
        if !self.has(Fault::RevokeLeavesNoTombstone) {
            rows.insert(tombstone.id, tombstone);
        }
        Err(Revocation::Done)
    }

    /// What lives of a family, ended.
    fn ended(&self, rows: &Rows, member: &RefreshRecord) -> Vec<RefreshRecord> {
        if self.has(Fault::NobodyEqualsNobodyNot) && member.user.is_none() {
            return vec![];
        }
        let is_member = |row: &&RefreshRecord| {
            is_live(row)
                && row.family == member.family
                && (row.user == member.user || self.has(Fault::AnybodyRevokes))
        };
        rows.values().filter(is_member).map(|row| with(row.clone(), RefreshState::Revoked)).collect()
    }

    /// Ends what `find` finds in one step, or in two.
    async fn end(&self, find: impl Fn(&Rows) -> Vec<RefreshRecord>) -> Vec<RefreshRecord> {
        let found = find(&self.rows());
        if self.has(Fault::EndChecksFirst) {
            pause().await;
            self.rows().extend(found.iter().map(|row| (row.id, row.clone())));
            return found;
        }
        let mut rows = self.rows();
        let found = find(&rows);
        rows.extend(found.iter().map(|row| (row.id, row.clone())));
        found
    }
}

#[async_trait]
impl RefreshStore for Naive {
    async fn create_refresh(&self, mut record: RefreshRecord) -> Result<(), StoreError> {
        if self.has(Fault::TimesAreWholeSeconds) {
            record.deadline = Timestamp::from_seconds(record.deadline.as_seconds());
        }
        if self.has(Fault::CreateChecksFirst) {
            if self.rows().contains_key(&record.id) {
                return Err(StoreError::Conflict);
            }
            pause().await;
        }
        let replaces = self.has(Fault::CreateReplaces) || self.has(Fault::CreateChecksFirst);
        let mut rows = self.rows();
        if rows.contains_key(&record.id) && !replaces {
            return Err(StoreError::Conflict);
        }
        rows.insert(record.id, record);
        Ok(())
    }

    async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        let is_hidden = |row: &RefreshRecord| {
            self.has(Fault::ExpiredIsHidden) && row.expires_at <= Timestamp::from_seconds(1_700_000_002)
        };
        Ok(self.rows().get(id).filter(|row| !is_hidden(row)).cloned())
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        if self.has(Fault::RotateChecksFirst) || self.has(Fault::RotateInTwoSteps) {
            let (answer, writes) = self.plan(&self.rows(), &rotation)?;
            for row in writes {
                pause().await;
                self.rows().insert(row.id, row);
            }
            return Ok(answer);
        }
        let mut rows = self.rows();
        let (answer, writes) = self.plan(&rows, &rotation)?;
        rows.extend(writes.into_iter().map(|row| (row.id, row)));
        if self.has(Fault::RotatedIsForgotten) {
            rows.retain(|_, row| !matches!(row.state, RefreshState::Rotated { .. }));
        }
        Ok(answer)
    }

    async fn revoke_refresh(&self, presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError> {
        let stored = match self.find_or_bury(presented, adopts) {
            Ok(stored) => stored,
            Err(answer) => return Ok(answer),
        };
        let ended = self
            .end(|rows| {
                let mut ended = self.ended(rows, &stored);
                ended.retain(|row| row.id == stored.id || !self.has(Fault::RevokeEndsTheTokenAlone));
                ended
            })
            .await;
        if self.has(Fault::RevokeDeletes) {
            self.rows().remove(&stored.id);
        }
        let is_done = ended.iter().any(|row| row.id == stored.id);
        Ok(if is_done { Revocation::Done } else { Revocation::Already })
    }

    async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError> {
        let is_listed = |row: &&RefreshRecord| {
            row.user.as_ref() == Some(user) && (is_live(row) || self.has(Fault::EndedAreListed))
        };
        let mut own: Vec<_> = self.rows().values().filter(is_listed).cloned().collect();
        own.sort_by_key(|row| Reverse(row.created_at));
        if self.has(Fault::OldestFirst) {
            own.reverse();
        }
        Ok(own)
    }

    async fn revoke_refresh_family(&self, user: &UserId, family: &Digest) -> Result<bool, StoreError> {
        let first = RefreshRecord::new(*family, Some(user.clone()), Timestamp::EPOCH, Timestamp::MAX);
        Ok(!self.end(|rows| self.ended(rows, &first)).await.is_empty())
    }

    async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError> {
        let own = |row: &&RefreshRecord| row.user.as_ref() == Some(user);
        let count = self.rows().values().filter(own).count();
        let live = |row: &&RefreshRecord| is_live(row) && own(row);
        let end = |row: &RefreshRecord| with(row.clone(), RefreshState::Revoked);
        let ended = self.end(|rows| rows.values().filter(live).map(end).collect()).await;
        let families: BTreeSet<_> = ended.iter().map(|row| row.family).collect();
        Ok(if self.has(Fault::TokensAreCounted) { count } else { families.len() } as u64)
    }

    async fn purge_refresh(&self, now: Timestamp, most: u32) -> Result<Purged, StoreError> {
        let limit = if self.has(Fault::PurgeHasNoLimit) { usize::MAX } else { most as usize };
        let is_over = |row: &&RefreshRecord| {
            row.expires_at <= now || (self.has(Fault::PurgeTakesTombstones) && !is_live(row))
        };
        let mut rows = self.rows();
        let over: Vec<_> = rows.values().filter(is_over).map(|row| row.id).take(limit).collect();
        rows.retain(|id, _| !over.contains(id));
        let purged = Purged::out_of(most, over.len() as u64);
        let is_done =
            (purged.is_done || self.has(Fault::PurgeIsAlwaysDone)) && !self.has(Fault::PurgeIsNeverDone);
        Ok(Purged { is_done, ..purged })
    }
}
