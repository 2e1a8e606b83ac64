//! The client whose answer was lost, and who else may say so.

use std::time::Duration;

use portcullis::Timestamp;
use portcullis::store::{RefreshRecord, RefreshState, Revocation, Rotated, Rotation};

use super::super::stage::{Check, Failure, same};
use super::{Stage, create, id, live_of, reused, rotate, rotated, rotation, seconds, state, successor};

const GRACE: Duration = Duration::from_secs(10);

fn patient(presented: &RefreshRecord, next: impl ToString, now: i64) -> Rotation {
    let mut rotation = rotation(presented, next, now);
    rotation.grace = GRACE;
    rotation
}

/// Makes a family whose first token was rotated at 0.
async fn begin(stage: &Stage<'_>, name: &str) -> Result<[RefreshRecord; 2], Failure> {
    let first = create(stage, format!("{name} first"), name).await?;
    let second = rotate(stage, &first, format!("{name} second"), 0).await?;
    Ok([first, second])
}

pub(super) async fn a_lost_answer_is_forgiven_within_the_grace_and_no_longer(stage: &Stage<'_>) -> Check {
    let micro = Duration::from_micros(1);
    let rotated_at = seconds(0);
    for (name, grace, now, is_forgiven) in [
        ("at once", GRACE, rotated_at, true),
        ("at the last moment", GRACE, rotated_at.after(GRACE), true),
        ("a moment late", GRACE, rotated_at.after(GRACE).after(micro), false),
        ("late", GRACE, seconds(3_600), false),
        ("a clock that went back", GRACE, rotated_at.before(micro), false),
        ("a clock that went far back", Duration::MAX, Timestamp::from_micros(i64::MIN), false),
        ("no grace", Duration::ZERO, rotated_at, false),
        ("no grace, later", Duration::ZERO, rotated_at.after(micro), false),
        ("the least grace", micro, rotated_at.after(micro), true),
        ("an endless grace", Duration::MAX, seconds(100_000_000), true),
    ] {
        let [first, second] = begin(stage, name).await?;
        let mut again = rotation(&first, format!("{name} third"), 0);
        (again.now, again.grace) = (now, grace);
        let mut third = successor(&first, format!("{name} third"), 0);
        third.created_at = now;
        let (answer, live, successor) = if is_forgiven {
            (Rotated::Done(third.clone()), vec![third.clone()], third.id)
        } else {
            (reused(&first), vec![], second.id)
        };
        same(name, &stage.rotate_refresh(again).await?, &answer)?;
        same(name, &stage.refresh_of(&name.into()).await?, &live)?;
        same(name, &state(stage, second.id).await?, &Some(RefreshState::Revoked))?;
        if is_forgiven {
            let found = state(stage, first.id).await?;
            same(name, &found, &Some(RefreshState::Rotated { at: rotated_at, to: successor }))?;
        }
    }
    Ok(())
}

pub(super) async fn the_grace_does_not_begin_anew(stage: &Stage<'_>) -> Check {
    let [first, _] = begin(stage, "john").await?;
    let third = successor(&first, "third", 8);
    same("within it", &stage.rotate_refresh(patient(&first, "third", 8)).await?, &Rotated::Done(third))?;
    same("the first token", &state(stage, first.id).await?, &rotated(0, "third"))?;
    same("after it", &stage.rotate_refresh(patient(&first, "fourth", 12)).await?, &reused(&first))?;
    same("the live tokens", &live_of(stage, "john").await?, &vec![])
}

/// The thief was quick, or the owner was: whoever comes second is told apart from a lost answer.
pub(super) async fn a_superseded_token_ends_the_family(stage: &Stage<'_>) -> Check {
    for name in ["rotated", "revoked"] {
        let [first, second] = begin(stage, name).await?;
        let third = successor(&first, format!("{name} third"), 1);
        let answer = stage.rotate_refresh(patient(&first, format!("{name} third"), 1)).await?;
        same("the rotation", &answer, &Rotated::Done(third.clone()))?;
        if name == "rotated" {
            let answer = stage.rotate_refresh(patient(&second, "stolen", 2)).await?;
            same("a rotation of the superseded token", &answer, &reused(&first))?;
        } else {
            let answer = stage.revoke_refresh(second, false).await?;
            same("a revocation of the superseded token", &answer, &Revocation::Already)?;
        }
        same("the third token", &state(stage, third.id).await?, &Some(RefreshState::Revoked))?;
        same("the live tokens", &live_of(stage, name).await?, &vec![])?;
        let answer = stage.rotate_refresh(patient(&first, "later", 3)).await?;
        same("the first token, which is within its grace", &answer, &Rotated::Revoked)?;
    }
    same("the token of a thief", &stage.refresh(&id("stolen")).await?, &None)
}

pub(super) async fn a_used_successor_ends_the_grace(stage: &Stage<'_>) -> Check {
    let [first, second] = begin(stage, "rotated").await?;
    rotate(stage, &second, "third", 1).await?;
    let answer = stage.rotate_refresh(patient(&first, "fourth", 2)).await?;
    same("a successor that was rotated", &answer, &reused(&first))?;

    let [first, second] = begin(stage, "revoked").await?;
    stage.revoke_refresh(second, false).await?;
    let answer = stage.rotate_refresh(patient(&first, "fourth", 2)).await?;
    same("a successor that was revoked", &answer, &Rotated::Revoked)?;

    let first = create(stage, "purged first", "purged").await?;
    let mut brief = rotation(&first, "purged second", 0);
    brief.next_expires_at = seconds(1);
    stage.rotate_refresh(brief).await?;
    same("the purge", &stage.purge_refresh(seconds(1), 10).await?.deleted, &1)?;
    let answer = stage.rotate_refresh(patient(&first, "fourth", 2)).await?;
    same("a successor that was purged", &answer, &Rotated::Revoked)?;
    same("the token to follow", &stage.refresh(&id("fourth")).await?, &None)
}

pub(super) async fn of_many_rotations_within_the_grace_at_once_one_token_lives(stage: &Stage<'_>) -> Check {
    for round in 0..5 {
        let first = create(stage, round, 1).await?;
        let answers = stage
            .crowd(20, |store, number| {
                let rotation = patient(&first, format!("{round} {number}"), 1);
                async move { store.rotate_refresh(rotation).await }
            })
            .await;
        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let done = answers.iter().filter(|answer| matches!(answer, Rotated::Done(_))).count();
        same("those that were answered", &done, &answers.len())?;
        let live = live_of(stage, 1).await?;
        same("the number of live tokens", &live.len(), &1)?;
        for last in live {
            let expected = RefreshState::Rotated { at: seconds(1), to: last };
            same("the first token", &state(stage, first.id).await?, &Some(expected))?;
        }
        same("the end of the family", &stage.revoke_refresh_family(&1.into(), &first.id).await?, &true)?;
    }
    Ok(())
}
