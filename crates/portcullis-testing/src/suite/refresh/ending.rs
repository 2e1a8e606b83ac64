//! The end of tokens: revocation, lists, users apart, purges.

use std::sync::Arc;
use std::time::Duration;

use portcullis::store::{Purged, RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, StoreError};
use portcullis::{Digest, UserId};

use super::super::stage::{Check, ROUNDS, ensure, same};
use super::{Stage, create, id, live_of, rotate, rotated, rotation, seconds, state, token};

const REVOKED: Option<RefreshState> = Some(RefreshState::Revoked);

pub(super) async fn a_revocation_ends_whatever_lives_on(stage: &Stage<'_>) -> Check {
    let other = create(stage, "other", "b3a1").await?;
    let live = create(stage, "live", "b3a1").await?;
    for adopts in [false, true] {
        let expected = if adopts { Revocation::Already } else { Revocation::Done };
        same("the revocation", &stage.revoke_refresh(live.clone(), adopts).await?, &expected)?;
        let mut record = live.clone();
        record.state = RefreshState::Revoked;
        same("the token", &stage.refresh(&live.id).await?, &Some(record))?;
    }
    let answer = stage.rotate_refresh(rotation(&live, "next", 1)).await?;
    same("its rotation", &answer, &Rotated::Revoked)?;

    let first = create(stage, "first", "b3a1").await?;
    let second = rotate(stage, &first, "second", 1).await?;
    let third = rotate(stage, &second, "third", 2).await?;
    let mut lie = first.clone();
    (lie.family, lie.user) = (other.id, Some(2.into()));
    same("the revocation of a rotated one", &stage.revoke_refresh(lie, false).await?, &Revocation::Already)?;
    same("the live one of its family", &state(stage, third.id).await?, &REVOKED)?;
    let answer = stage.rotate_refresh(rotation(&second, "next", 3)).await?;
    same("the rotation of a member", &answer, &Rotated::Revoked)?;
    same("what lives", &stage.refresh_of(&"b3a1".into()).await?, &vec![other])
}

pub(super) async fn a_tombstone_is_never_adopted(stage: &Stage<'_>) -> Check {
    let theirs = create(stage, "theirs", 2).await?;
    let mut presented = token("presented", "b3a1");
    presented.deadline = seconds(50_000);
    let mut tombstone = presented.clone();
    tombstone.state = RefreshState::Revoked;
    // What it says of a family and a state is made up.
    (presented.family, presented.state) = (theirs.family, RefreshState::Live);
    for expected in [Revocation::Done, Revocation::Already] {
        let answer = stage.revoke_refresh(presented.clone(), true).await?;
        same("the revocation of a token that no row knew", &answer, &expected)?;
        same("the tombstone", &stage.refresh(&presented.id).await?, &Some(tombstone.clone()))?;
    }
    for adopts in [false, true] {
        let mut adoption = rotation(&presented, "next", 1);
        (adoption.adopts, adoption.grace) = (adopts, Duration::from_secs(60));
        same("its adoption", &stage.rotate_refresh(adoption).await?, &Rotated::Revoked)?;
        same("the token to follow", &stage.refresh(&id("next")).await?, &None)?;
    }
    same("the token of the other", &stage.refresh(&theirs.id).await?, &Some(theirs))
}

/// Ends a family by one of the verbs that do.
async fn end(store: &dyn RefreshStore, how: usize, presented: RefreshRecord) -> Result<(), StoreError> {
    let (user, family) = (UserId::from(1), presented.id);
    match how % 4 {
        0 => store.revoke_refresh_all(&user).await.map(drop),
        1 => store.revoke_refresh_family(&user, &family).await.map(drop),
        2 => store.revoke_refresh(presented, false).await.map(drop),
        _ => store.revoke_refresh(presented, true).await.map(drop),
    }
}

pub(super) async fn a_rotation_that_races_a_revocation_leaves_no_live_token(stage: &Stage<'_>) -> Check {
    for round in 0..ROUNDS {
        let presented = token(round, 1);
        // Every eighth time the race is for the right to adopt.
        let is_known = round % 8 != 7;
        if is_known {
            stage.create_refresh(presented.clone()).await?;
        }
        let (next, ended) = (id(format!("next {round}")), presented.clone());
        let results = stage
            .crowd(2, move |store: Arc<dyn RefreshStore>, task| {
                let presented = ended.clone();
                async move {
                    if task == 0 {
                        return end(&*store, round, presented).await;
                    }
                    let mut rotation = rotation(&presented, format!("next {round}"), 1);
                    rotation.adopts = true;
                    store.rotate_refresh(rotation).await.map(drop)
                }
            })
            .await;
        results.into_iter().collect::<Result<(), _>>()?;
        same("the live tokens", &live_of(stage, 1).await?, &vec![])?;
        for member in [presented.id, next] {
            let is_live = state(stage, member).await? == Some(RefreshState::Live);
            ensure(!is_live, "no token of the family lives")?;
        }
    }
    Ok(())
}

pub(super) async fn live_tokens_are_listed_by_user_the_newest_first(stage: &Stage<'_>) -> Check {
    for (name, user, created) in [("b", "1", 2), ("c", "1", 1), ("x", "01", 9), ("a", "1", 3), ("y", "2", 9)]
    {
        let mut record = token(name, user);
        record.created_at = seconds(created);
        stage.create_refresh(record).await?;
    }
    stage.create_refresh(RefreshRecord::new(id("nobody's"), None, seconds(9), seconds(99))).await?;
    same("the list", &live_of(stage, 1).await?, &["a", "b", "c"].map(id).to_vec())?;
    rotate(stage, &token("c", 1), "d", 4).await?;
    same("the list after a rotation", &live_of(stage, 1).await?, &["d", "a", "b"].map(id).to_vec())?;
    stage.revoke_refresh(token("a", 1), false).await?;
    same("the list after a revocation", &live_of(stage, 1).await?, &["d", "b"].map(id).to_vec())?;
    same("the list of `01`", &live_of(stage, "01").await?, &vec![id("x")])?;
    same("the list of ``", &live_of(stage, "").await?, &vec![])
}

pub(super) async fn nobody_ends_the_family_of_someone_else(stage: &Stage<'_>) -> Check {
    let mine = create(stage, "mine", 1).await?;
    let nobodys = RefreshRecord::new(id("nobody's"), None, seconds(0), seconds(99));
    stage.create_refresh(nobodys.clone()).await?;
    for other in ["2", "01", "+1", "1 ", "", "b3a1"] {
        for family in [mine.family, nobodys.family] {
            same("the end", &stage.revoke_refresh_family(&other.into(), &family).await?, &false)?;
        }
        same("the number ended", &stage.revoke_refresh_all(&other.into()).await?, &0)?;
    }
    same(
        "an end of nobody's by me",
        &stage.revoke_refresh_family(&1.into(), &nobodys.family).await?,
        &false,
    )?;
    same("my token", &stage.refresh(&mine.id).await?, &Some(mine.clone()))?;
    same("the token of nobody", &stage.refresh(&nobodys.id).await?, &Some(nobodys))?;
    let second = rotate(stage, &mine, "second", 1).await?;
    let by_member = stage.revoke_refresh_family(&1.into(), &second.id).await?;
    same("an end by the id of a later token", &by_member, &false)?;
    same("the end by its owner", &stage.revoke_refresh_family(&1.into(), &mine.family).await?, &true)?;
    same("the token", &state(stage, second.id).await?, &REVOKED)?;
    same("the end once more", &stage.revoke_refresh_family(&1.into(), &mine.family).await?, &false)
}

pub(super) async fn all_families_of_one_user_end_at_once(stage: &Stage<'_>) -> Check {
    for name in ["a", "b", "c"] {
        create(stage, name, "b3a1").await?;
    }
    let theirs = create(stage, "theirs", 2).await?;
    rotate(stage, &token("b", "b3a1"), "b2", 1).await?;
    stage.revoke_refresh(token("c", "b3a1"), false).await?;
    let me = UserId::from("b3a1");
    same("the number ended", &stage.revoke_refresh_all(&me).await?, &2)?;
    same("what lives", &stage.refresh_of(&me).await?, &vec![])?;
    for ended in ["a", "b2", "c"] {
        same("a token", &state(stage, id(ended)).await?, &REVOKED)?;
    }
    same("the number ended again", &stage.revoke_refresh_all(&me).await?, &0)?;
    same("the token of the other", &stage.refresh_of(&2.into()).await?, &vec![theirs])
}

pub(super) async fn a_purge_deletes_what_has_expired_within_its_limit_and_nothing_else(
    stage: &Stage<'_>,
) -> Check {
    let expiring = |name: Digest, at| {
        let mut record = token(name, "b3a1");
        (record.id, record.family, record.expires_at) = (name, name, seconds(at));
        record
    };
    for number in 0..10 {
        let mut ended = expiring(id(number), 10);
        ended.state = match number % 3 {
            0 => RefreshState::Live,
            1 => RefreshState::Rotated { at: seconds(0), to: id("unknown") },
            _ => RefreshState::Revoked,
        };
        stage.create_refresh(ended).await?;
    }
    let (alive, replayed, revoked) =
        (expiring(id("alive"), 12), expiring(id("replayed"), 12), expiring(id("revoked"), 12));
    for record in [&alive, &replayed, &revoked] {
        stage.create_refresh(record.clone()).await?;
    }
    rotate(stage, &replayed, "next", 1).await?;
    stage.revoke_refresh(revoked.clone(), false).await?;
    let now = seconds(11);
    same("a purge of none", &stage.purge_refresh(now, 0).await?.deleted, &0)?;
    for (limit, purged) in [(4, 4), (4, 4), (100, 2), (100, 0)] {
        same("the purge", &stage.purge_refresh(now, limit).await?, &Purged::out_of(limit, purged))?;
    }
    same("a token that expired", &stage.refresh(&id(1)).await?, &None)?;
    same("a token that is alive", &stage.refresh(&alive.id).await?, &Some(alive))?;
    same("a token that was rotated", &state(stage, replayed.id).await?, &rotated(1, "next"))?;
    let mut adoption = rotation(&revoked, "later", 11);
    adoption.adopts = true;
    same("a token that was revoked", &stage.rotate_refresh(adoption).await?, &Rotated::Revoked)?;
    same("a purge at the very end", &stage.purge_refresh(seconds(12), 100).await?.deleted, &3)?;
    same("what lives", &live_of(stage, "b3a1").await?, &vec![id("next")])
}
