//! The contract of [`RefreshStore`].

mod ending;
mod grace;
mod rotation;

use std::sync::Arc;

use portcullis::store::{
    RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, Rotation, StoreError,
};
use portcullis::{Digest, Timestamp, UserId};

use self::ending::{
    a_purge_deletes_what_has_expired_within_its_limit_and_nothing_else, a_revocation_ends_whatever_lives_on,
    a_rotation_that_races_a_revocation_leaves_no_live_token, a_tombstone_is_never_adopted,
    all_families_of_one_user_end_at_once, live_tokens_are_listed_by_user_the_newest_first,
    nobody_ends_the_family_of_someone_else,
};
use self::grace::{
    a_lost_answer_is_forgiven_within_the_grace_and_no_longer, a_superseded_token_ends_the_family,
    a_used_successor_ends_the_grace, of_many_rotations_within_the_grace_at_once_one_token_lives,
    the_grace_does_not_begin_anew,
};
use self::rotation::{
    a_family_never_outlives_its_deadline, a_replayed_token_ends_its_family,
    a_rotation_dropped_half_way_is_done_wholly_or_not_at_all,
    a_rotation_puts_a_new_token_in_the_place_of_the_old_one,
    a_rotation_to_an_id_that_is_taken_changes_nothing, a_token_of_nobody_is_like_any_other,
    an_unknown_token_is_adopted_when_asked, of_many_adoptions_of_one_token_at_once_exactly_one_wins,
    of_many_rotations_of_one_token_at_once_exactly_one_wins,
};
use super::stage::{self, Check, Clause, Failure, clauses, ensure, same};
use super::{BoxFuture, Broken};

type Stage<'a> = stage::Stage<'a, dyn RefreshStore>;

/// Runs the contract; `make` returns an empty store each time it is called.
///
/// # Examples
///
/// See [`suite`](crate::suite).
///
/// # Errors
///
/// [`Broken`] with every clause that does not hold.
pub async fn run<S: RefreshStore>(
    make: impl AsyncFn() -> S,
    spawn: impl Fn(BoxFuture<'static, ()>),
) -> Result<(), Broken> {
    let clauses: [Clause<dyn RefreshStore>; 26] = clauses![
        a_token_is_answered_as_it_was_created,
        an_unknown_id_names_no_token,
        an_id_is_created_only_once,
        of_many_creations_of_one_id_at_once_one_succeeds,
        an_expired_token_is_still_answered,
        a_rotation_puts_a_new_token_in_the_place_of_the_old_one,
        a_family_never_outlives_its_deadline,
        a_replayed_token_ends_its_family,
        of_many_rotations_of_one_token_at_once_exactly_one_wins,
        a_rotation_to_an_id_that_is_taken_changes_nothing,
        a_token_of_nobody_is_like_any_other,
        an_unknown_token_is_adopted_when_asked,
        of_many_adoptions_of_one_token_at_once_exactly_one_wins,
        a_rotation_dropped_half_way_is_done_wholly_or_not_at_all,
        a_lost_answer_is_forgiven_within_the_grace_and_no_longer,
        the_grace_does_not_begin_anew,
        a_superseded_token_ends_the_family,
        a_used_successor_ends_the_grace,
        of_many_rotations_within_the_grace_at_once_one_token_lives,
        a_revocation_ends_whatever_lives_on,
        a_tombstone_is_never_adopted,
        a_rotation_that_races_a_revocation_leaves_no_live_token,
        live_tokens_are_listed_by_user_the_newest_first,
        nobody_ends_the_family_of_someone_else,
        all_families_of_one_user_end_at_once,
        a_purge_deletes_what_has_expired_within_its_limit_and_nothing_else,
    ];
    stage::run(&clauses, async || Arc::new(make().await) as _, &spawn).await
}

const ENDS: i64 = 10_000;

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

#[expect(clippy::needless_pass_by_value, reason = "names are texts and numbers alike")]
fn id(name: impl ToString) -> Digest {
    Digest::of(&name.to_string())
}

/// The first token of a family.
fn token(name: impl ToString, user: impl Into<UserId>) -> RefreshRecord {
    RefreshRecord::new(id(name), Some(user.into()), seconds(0), seconds(ENDS))
}

fn rotation(presented: &RefreshRecord, next: impl ToString, now: i64) -> Rotation {
    Rotation::new(presented.clone(), id(next), seconds(now + ENDS), seconds(now))
}

/// What must take the place of `old`.
fn successor(old: &RefreshRecord, next: impl ToString, now: i64) -> RefreshRecord {
    let expires_at = seconds(now + ENDS).min(old.deadline);
    let mut new = RefreshRecord::new(id(next), old.user.clone(), seconds(now), expires_at);
    (new.family, new.deadline) = (old.family, old.deadline);
    new
}

/// Creates the first token of a family.
async fn create(
    stage: &Stage<'_>,
    name: impl ToString,
    user: impl Into<UserId>,
) -> Result<RefreshRecord, Failure> {
    let first = token(name, user);
    stage.create_refresh(first.clone()).await?;
    Ok(first)
}

/// Rotates a live token, and insists on the answer.
async fn rotate(
    stage: &Stage<'_>,
    old: &RefreshRecord,
    next: impl ToString,
    now: i64,
) -> Result<RefreshRecord, Failure> {
    let next = next.to_string();
    let new = successor(old, &next, now);
    let answer = stage.rotate_refresh(rotation(old, &next, now)).await?;
    same("the rotation", &answer, &Rotated::Done(new.clone()))?;
    Ok(new)
}

fn reused(token: &RefreshRecord) -> Rotated {
    Rotated::Reused { user: token.user.clone(), family: token.family }
}

fn rotated(at: i64, to: impl ToString) -> Option<RefreshState> {
    Some(RefreshState::Rotated { at: seconds(at), to: id(to) })
}

async fn state(stage: &Stage<'_>, id: Digest) -> Result<Option<RefreshState>, StoreError> {
    Ok(stage.refresh(&id).await?.map(|token| token.state))
}

async fn live_of(stage: &Stage<'_>, user: impl Into<UserId>) -> Result<Vec<Digest>, StoreError> {
    Ok(stage.refresh_of(&user.into()).await?.into_iter().map(|token| token.id).collect())
}

async fn a_token_is_answered_as_it_was_created(stage: &Stage<'_>) -> Check {
    let plain = token("plain", "b3a1");
    let mut of_nobody = token("of nobody", 0);
    of_nobody.user = None;
    let mut odd = token("odd", "Ж\u{301} ’\"\\");
    odd.family = id("another");
    odd.deadline = Timestamp::from_micros(1_900_000_000_123_457);
    let mut earliest = token("earliest", i64::MIN);
    (earliest.created_at, earliest.expires_at) =
        (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(-1));
    earliest.deadline = Timestamp::from_micros(i64::MIN);
    let mut latest = token("latest", i64::MAX);
    (latest.created_at, latest.expires_at) = (Timestamp::MAX, Timestamp::MAX);
    let mut rotated = token("rotated", "01");
    rotated.state = RefreshState::Rotated { at: Timestamp::from_micros(-1), to: id("unknown") };
    let mut revoked = token("revoked", "");
    revoked.state = RefreshState::Revoked;
    for record in [plain, of_nobody, odd, earliest, latest, rotated, revoked] {
        stage.create_refresh(record.clone()).await?;
        same("the token", &stage.refresh(&record.id).await?, &Some(record.clone()))?;
        if let Some(user) = &record.user {
            let live = if record.state == RefreshState::Live { vec![record.clone()] } else { vec![] };
            same("the list", &stage.refresh_of(user).await?, &live)?;
        }
    }
    Ok(())
}

async fn an_unknown_id_names_no_token(stage: &Stage<'_>) -> Check {
    let known = create(stage, "known", 1).await?;
    let mut near = *known.id.as_bytes();
    near.reverse();
    for unknown in [id("unknown"), Digest::from_bytes([0; 32]), Digest::from_bytes(near)] {
        let mut presented = known.clone();
        presented.id = unknown;
        same("the token", &stage.refresh(&unknown).await?, &None)?;
        let answer = stage.rotate_refresh(rotation(&presented, "next", 1)).await?;
        same("its rotation", &answer, &Rotated::Unknown)?;
        let answer = stage.revoke_refresh(presented, false).await?;
        same("its revocation", &answer, &Revocation::Unknown)?;
        same("the end of its family", &stage.revoke_refresh_family(&1.into(), &unknown).await?, &false)?;
        for never_made in [unknown, id("next")] {
            same("the token afterwards", &stage.refresh(&never_made).await?, &None)?;
        }
    }
    same("the tokens of its user", &stage.refresh_of(&1.into()).await?, &vec![known])?;
    same("the tokens of nobody", &stage.refresh_of(&2.into()).await?, &vec![])
}

async fn an_id_is_created_only_once(stage: &Stage<'_>) -> Check {
    let live = create(stage, "live", 1).await?;
    let rotated = create(stage, "rotated", 1).await?;
    rotate(stage, &rotated, "next", 1).await?;
    let revoked = create(stage, "revoked", 1).await?;
    stage.revoke_refresh(revoked.clone(), false).await?;
    for taken in [live, rotated, revoked] {
        let before = stage.refresh(&taken.id).await?;
        for user in [1, 2] {
            let mut again = taken.clone();
            again.user = Some(user.into());
            let again = stage.create_refresh(again).await;
            ensure(matches!(again, Err(StoreError::Conflict)), "a second creation is a conflict")?;
        }
        same("the token", &stage.refresh(&taken.id).await?, &before)?;
    }
    same("the tokens of the other", &stage.refresh_of(&2.into()).await?, &vec![])
}

async fn of_many_creations_of_one_id_at_once_one_succeeds(stage: &Stage<'_>) -> Check {
    let create =
        |store: Arc<dyn RefreshStore>, user| async move { store.create_refresh(token("same", user)).await };
    let made = stage.crowd(50, create).await;
    let winners: Vec<_> =
        (0_i64..).zip(&made).filter(|(_, made)| made.is_ok()).map(|(user, _)| user).collect();
    same("the number of winners", &winners.len(), &1)?;
    let conflicts = made.iter().filter(|made| matches!(made, Err(StoreError::Conflict))).count();
    same("the number of conflicts", &conflicts, &49)?;
    let owner = stage.refresh(&id("same")).await?.and_then(|token| token.user?.as_number());
    same("the owner", &owner, &winners.first().copied())
}

async fn an_expired_token_is_still_answered(stage: &Stage<'_>) -> Check {
    let mut expired = token("expired", 1);
    (expired.expires_at, expired.deadline) = (seconds(1), seconds(1));
    stage.create_refresh(expired.clone()).await?;
    let mut later = token("later", 1);
    later.created_at = seconds(2);
    stage.create_refresh(later.clone()).await?;
    same("the token", &stage.refresh(&expired.id).await?, &Some(expired.clone()))?;
    same("the list", &stage.refresh_of(&1.into()).await?, &vec![later, expired])
}
