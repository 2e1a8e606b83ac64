//! One token in the place of another: rotation, replay and adoption.

use std::time::Duration;

use portcullis::Timestamp;
use portcullis::store::{RefreshRecord, RefreshState, Rotated, Rotation, StoreError};

use super::super::stage::{Check, Failure, POLLS, abandon, ensure, let_others_run, same};
use super::{
    Stage, create, id, live_of, reused, rotate, rotated, rotation, seconds, state, successor, token,
};

/// How often a crowd meets.
const CROWDS: usize = 5;
const CROWD: i64 = 100;

pub(super) async fn a_rotation_puts_a_new_token_in_the_place_of_the_old_one(stage: &Stage<'_>) -> Check {
    let mut first = token("first", "b3a1");
    first.deadline = seconds(50_000);
    stage.create_refresh(first.clone()).await?;
    let other = create(stage, "other", "b3a1").await?;
    let second = rotate(stage, &first, "second", 5).await?;
    same("the new token", &stage.refresh(&second.id).await?, &Some(second.clone()))?;
    first.state = RefreshState::Rotated { at: seconds(5), to: second.id };
    same("the old token", &stage.refresh(&first.id).await?, &Some(first.clone()))?;

    // The token may say what it likes: the row is believed.
    let mut lie = token("second", 2);
    (lie.family, lie.deadline, lie.created_at) = (other.id, Timestamp::MAX, seconds(7));
    (lie.expires_at, lie.state) = (Timestamp::MAX, RefreshState::Revoked);
    let third = successor(&second, "third", 6);
    let answer = stage.rotate_refresh(rotation(&lie, "third", 6)).await?;
    same("the rotation of a token that lies", &answer, &Rotated::Done(third.clone()))?;
    same("the third token", &stage.refresh(&third.id).await?, &Some(third.clone()))?;
    same("the live ones", &stage.refresh_of(&"b3a1".into()).await?, &vec![third, other])
}

pub(super) async fn a_family_never_outlives_its_deadline(stage: &Stage<'_>) -> Check {
    let end = Timestamp::from_micros(1_700_000_000_000_123);
    for (name, next_ends, expires_at) in [
        ("before", end.before(Duration::from_micros(1)), Timestamp::from_micros(1_700_000_000_000_122)),
        ("at the deadline", end, end),
        ("after", Timestamp::from_micros(1_700_000_000_000_124), end),
        ("never", Timestamp::MAX, end),
    ] {
        let mut first = token(name, 1);
        first.deadline = end;
        stage.create_refresh(first.clone()).await?;
        let mut adopted = first.clone();
        adopted.id = id(format!("adopted {name}"));
        for (presented, next) in
            [(first, format!("next {name}")), (adopted, format!("next of adopted {name}"))]
        {
            let mut rotation = rotation(&presented, &next, 1);
            (rotation.next_expires_at, rotation.adopts) = (next_ends, true);
            stage.rotate_refresh(rotation).await?;
            let found = stage.refresh(&id(next)).await?.map(|token| (token.expires_at, token.deadline));
            same(name, &found, &Some((expires_at, end)))?;
        }
    }
    Ok(())
}

pub(super) async fn a_replayed_token_ends_its_family(stage: &Stage<'_>) -> Check {
    for replayed in 0..2 {
        let name = |part: &str| format!("{part} {replayed}");
        let first = create(stage, name("first"), 1).await?;
        let second = rotate(stage, &first, name("second"), 1).await?;
        let third = rotate(stage, &second, name("third"), 2).await?;
        let other = create(stage, name("other"), 1).await?;
        let family = [first, second, third];
        let Some(replay) = family.get(replayed) else { continue };
        let answer = stage.rotate_refresh(rotation(replay, name("stolen"), 3)).await?;
        same("the replay", &answer, &reused(replay))?;
        for (number, member) in family.iter().enumerate() {
            let is_live = state(stage, member.id).await? == Some(RefreshState::Live);
            ensure(!is_live, &format!("token {number} of the family has ended"))?;
            let answer = stage.rotate_refresh(rotation(member, name("later"), 4)).await?;
            same("a second report of one family", &answer, &Rotated::Revoked)?;
        }
        for never_made in [name("stolen"), name("later")] {
            same("the token of a thief", &stage.refresh(&id(never_made)).await?, &None)?;
        }
        same("another login of the user", &stage.refresh(&other.id).await?, &Some(other.clone()))?;
        same("the live tokens", &live_of(stage, 1).await?, &vec![other.id])?;
        stage.revoke_refresh(other, false).await?;
    }
    Ok(())
}

/// One wins, the next one is the replay that ends the family, and the others come too late.
fn counted(answers: Vec<Result<Rotated, StoreError>>) -> Result<[usize; 4], StoreError> {
    let mut counts = [0; 4];
    for answer in answers {
        let [done, reused, revoked, unknown] = &mut counts;
        *match answer? {
            Rotated::Done(_) => done,
            Rotated::Reused { .. } => reused,
            Rotated::Revoked => revoked,
            Rotated::Unknown => unknown,
        } += 1;
    }
    Ok(counts)
}

async fn one_wins(stage: &Stage<'_>, presented: &RefreshRecord, adopts: bool) -> Check {
    let rotation = |number| {
        let mut rotation = rotation(presented, format!("{} {number}", presented.id), 1);
        rotation.adopts = adopts;
        rotation
    };
    let answers = stage
        .crowd(CROWD, |store, number| {
            let rotation = rotation(number);
            async move { store.rotate_refresh(rotation).await }
        })
        .await;
    let crowd = answers.len();
    same(
        "those that won, were reported, were refused",
        &counted(answers)?,
        &[1, 1, crowd.saturating_sub(2), 0],
    )?;
    same("the live tokens", &stage.refresh_of(&1.into()).await?, &vec![])
}

pub(super) async fn of_many_rotations_of_one_token_at_once_exactly_one_wins(stage: &Stage<'_>) -> Check {
    for round in 0..CROWDS {
        let presented = create(stage, round, 1).await?;
        one_wins(stage, &presented, round % 2 == 1).await?;
    }
    Ok(())
}

pub(super) async fn of_many_adoptions_of_one_token_at_once_exactly_one_wins(stage: &Stage<'_>) -> Check {
    for round in 0..CROWDS {
        one_wins(stage, &token(round, 1), true).await?;
    }
    Ok(())
}

pub(super) async fn a_rotation_to_an_id_that_is_taken_changes_nothing(stage: &Stage<'_>) -> Check {
    let live = create(stage, "live", 1).await?;
    let again = create(stage, "again", 1).await?;
    let second = rotate(stage, &again, "second", 1).await?;
    let theirs = create(stage, "theirs", 2).await?;
    let unknown = token("unknown", 1);
    let before = stage.refresh_of(&1.into()).await?;
    for presented in [&live, &again, &second, &unknown] {
        for taken in [theirs.id, presented.id, live.id, again.id] {
            let mut rotation = rotation(presented, "", 1);
            (rotation.next, rotation.adopts, rotation.grace) = (taken, true, Duration::from_secs(60));
            let answer = stage.rotate_refresh(rotation).await;
            ensure(matches!(answer, Err(StoreError::Conflict)), "the id is taken")?;
        }
    }
    same("the tokens", &stage.refresh_of(&1.into()).await?, &before)?;
    same("the rotated token", &state(stage, again.id).await?, &rotated(1, "second"))?;
    same("the unknown token", &stage.refresh(&unknown.id).await?, &None)?;
    same("the token of the other", &stage.refresh(&theirs.id).await?, &Some(theirs))
}

pub(super) async fn a_token_of_nobody_is_like_any_other(stage: &Stage<'_>) -> Check {
    let nobodys = |name: &str| RefreshRecord::new(id(name), None, seconds(0), seconds(10_000));
    let (first, other, theirs) = (nobodys("first"), nobodys("other"), create(stage, "theirs", 1).await?);
    for record in [&first, &other] {
        stage.create_refresh(record.clone()).await?;
    }
    let second = rotate(stage, &first, "second", 1).await?;
    same("the new token", &stage.refresh(&second.id).await?, &Some(second.clone()))?;
    for user in ["", "None", "null", "1"] {
        same("an end by somebody", &stage.revoke_refresh_family(&user.into(), &first.id).await?, &false)?;
    }
    same("the replay", &stage.rotate_refresh(rotation(&first, "third", 2)).await?, &reused(&first))?;
    same("the second token", &state(stage, second.id).await?, &Some(RefreshState::Revoked))?;
    let mut adoption = rotation(&nobodys("unknown"), "adopted", 3);
    adoption.adopts = true;
    same(
        "the adoption",
        &stage.rotate_refresh(adoption).await?,
        &Rotated::Done(successor(&nobodys("unknown"), "adopted", 3)),
    )?;
    for alive in [other, theirs] {
        same("another family", &stage.refresh(&alive.id).await?, &Some(alive))?;
    }
    Ok(())
}

fn adoption(presented: &RefreshRecord, next: impl ToString, now: i64) -> Rotation {
    let mut rotation = rotation(presented, next, now);
    rotation.adopts = true;
    rotation
}

pub(super) async fn an_unknown_token_is_adopted_when_asked(stage: &Stage<'_>) -> Check {
    let theirs = create(stage, "theirs", 2).await?;
    let mut first = token("first", "b3a1");
    first.deadline = seconds(50_000);
    let mut presented = first.clone();
    // What it says of a family and a state is made up.
    (presented.family, presented.state) = (theirs.family, RefreshState::Revoked);
    let second = successor(&first, "second", 5);
    let answer = stage.rotate_refresh(adoption(&presented, "second", 5)).await?;
    same("the adoption", &answer, &Rotated::Done(second.clone()))?;
    same("the new token", &stage.refresh(&second.id).await?, &Some(second.clone()))?;
    first.state = RefreshState::Rotated { at: seconds(5), to: second.id };
    same("the adopted token", &stage.refresh(&first.id).await?, &Some(first.clone()))?;
    let answer = stage.rotate_refresh(adoption(&presented, "third", 6)).await?;
    same("a second adoption", &answer, &reused(&first))?;
    same("the live ones", &live_of(stage, "b3a1").await?, &vec![])?;
    same("the token of the other", &stage.refresh(&theirs.id).await?, &Some(theirs))
}

/// A rotation that is to be dropped, the ids it changes, and their states before it.
async fn prepare(stage: &Stage<'_>, kind: usize, polls: usize) -> Result<(Rotation, [String; 3]), Failure> {
    let names = ["first", "second", "third"].map(|name| format!("{name} {kind} {polls}"));
    let [first, second, third] = &names;
    let mut rotation = rotation(&token(first, 1), third, 2);
    match kind {
        0 => drop(create(stage, first, 1).await?),
        1 => {
            let live = create(stage, first, 1).await?;
            rotate(stage, &live, second, 1).await?;
            rotation.grace = Duration::from_secs(10);
        }
        _ => rotation.adopts = true,
    }
    Ok((rotation, names))
}

pub(super) async fn a_rotation_dropped_half_way_is_done_wholly_or_not_at_all(stage: &Stage<'_>) -> Check {
    for (polls, kind) in (0..POLLS).flat_map(|polls| (0..3).map(move |kind| (polls, kind))) {
        let (rotation, names) = prepare(stage, kind, polls).await?;
        let [_, second, third] = &names;
        let live = Some(RefreshState::Live);
        let (before, after) = match kind {
            0 => ([live, None, None], [rotated(2, third), None, live]),
            1 => ([rotated(1, second), live, None], [rotated(1, third), Some(RefreshState::Revoked), live]),
            _ => ([None, None, None], [rotated(2, third), None, live]),
        };
        abandon(stage.rotate_refresh(rotation), polls).await;
        let mut whole = false;
        for _ in 0..50 {
            // Read twice: between two look-ups what is under way may become true.
            whole = states(stage, &names).await? == before || states(stage, &names).await? == after;
            if whole {
                break;
            }
            let_others_run().await;
        }
        ensure(whole, "the rotation is there with all it changes, or nothing of it")?;
    }
    Ok(())
}

async fn states(stage: &Stage<'_>, names: &[String; 3]) -> Result<[Option<RefreshState>; 3], StoreError> {
    let [first, second, third] = names;
    Ok([state(stage, id(first)).await?, state(stage, id(second)).await?, state(stage, id(third)).await?])
}
