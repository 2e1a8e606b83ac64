//! The contract of [`SessionStore`].

use std::sync::Arc;

use portcullis::store::{Committed, Purged, SessionChange, SessionRecord, SessionStore, StoreError};
use portcullis::{Digest, Timestamp, UserId};

use super::stage::{self, Check, Clause, POLLS, ROUNDS, abandon, clauses, ensure, let_others_run, same};
use super::{BoxFuture, Broken};

type Stage<'a> = stage::Stage<'a, dyn SessionStore>;

/// Runs the contract; `make` returns an empty store each time it is called.
///
/// # Examples
///
/// See [`suite`](crate::suite).
///
/// # Errors
///
/// [`Broken`] with every clause that does not hold.
pub async fn run<S: SessionStore>(
    make: impl AsyncFn() -> S,
    spawn: impl Fn(BoxFuture<'static, ()>),
) -> Result<(), Broken> {
    let clauses: [Clause<dyn SessionStore>; 21] = clauses![
        a_session_is_answered_as_it_was_created,
        a_change_to_an_unknown_session_makes_none,
        a_key_is_created_only_once,
        of_many_creations_of_one_key_at_once_one_succeeds,
        an_expired_session_is_still_answered,
        a_save_replaces_the_whole_record,
        a_save_moves_a_session_to_its_new_user,
        a_touch_changes_two_moments_and_nothing_else,
        a_cycle_kills_the_old_key,
        a_cycle_to_a_key_that_is_taken_changes_nothing,
        of_many_cycles_of_one_session_at_once_one_succeeds,
        a_flushed_session_is_never_revived,
        a_save_that_races_a_flush_does_not_revive_the_session,
        a_cycle_that_races_a_flush_leaves_one_winner,
        a_save_that_races_the_end_of_all_sessions_does_not_revive_one,
        sessions_are_listed_by_user_the_one_used_last_first,
        nobody_ends_the_session_of_someone_else,
        all_sessions_of_one_user_end_but_the_excepted_one,
        an_exception_of_someone_else_protects_nothing,
        a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else,
        a_cycle_dropped_half_way_is_done_wholly_or_not_at_all,
    ];
    stage::run(&clauses, async || Arc::new(make().await) as _, &spawn).await
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

#[expect(clippy::needless_pass_by_value, reason = "names are texts and numbers alike")]
fn key(name: impl ToString) -> Digest {
    Digest::of(&name.to_string())
}

fn session(user: impl Into<UserId>) -> SessionRecord {
    let mut record = SessionRecord::new(seconds(0), seconds(1_000));
    record.user = Some(user.into());
    record
}

async fn create(stage: &Stage<'_>, name: impl ToString, record: SessionRecord) -> Check {
    let created = stage.commit(SessionChange::Create(key(name), record)).await?;
    same("the creation", &created, &Committed::Done)
}

async fn keys_of(stage: &Stage<'_>, user: impl Into<UserId>) -> Result<Vec<Digest>, StoreError> {
    Ok(stage.sessions_of(&user.into()).await?.into_iter().map(|(key, _)| key).collect())
}

fn done(results: &[Result<Committed, StoreError>]) -> Result<usize, StoreError> {
    let results: Result<Vec<_>, _> = results.iter().cloned().collect();
    Ok(results?.into_iter().filter(|result| *result == Committed::Done).count())
}

async fn a_session_is_answered_as_it_was_created(stage: &Stage<'_>) -> Check {
    let nobody = SessionRecord::new(seconds(0), seconds(60));
    let mut odd = session("Ж\u{301} ’\"\\");
    odd.data = r#"{"cart": [1, 2.50, "📚 e\u0301 é"],  "a":null , "a":1}"#.into();
    odd.label = "Mozilla/5.0 “Ж” e\u{301} \u{e9} ' ; -- \t".into();
    odd.expires_at = Timestamp::from_micros(1_900_000_000_123_457);
    let mut large = session("b3a1");
    large.data = format!("{{\"text\":\"{}\"}}", "é漢🔑".repeat(60 * 1024 / 9)).into();
    let mut earliest = session(i64::MIN);
    earliest.epoch = i64::MIN;
    earliest.created_at = Timestamp::from_micros(i64::MIN);
    earliest.last_seen_at = Timestamp::from_micros(-1);
    let mut latest = session(i64::MAX);
    latest.epoch = i64::MAX;
    (latest.created_at, latest.last_seen_at, latest.expires_at) =
        (Timestamp::MAX, Timestamp::MAX, Timestamp::MAX);
    for (number, record) in [nobody, odd, large, earliest, latest].into_iter().enumerate() {
        create(stage, number, record.clone()).await?;
        same("the session", &stage.session(&key(number)).await?, &Some(record.clone()))?;
        if let Some(user) = &record.user {
            same("the list", &stage.sessions_of(user).await?, &vec![(key(number), record.clone())])?;
        }
    }
    Ok(())
}

async fn a_change_to_an_unknown_session_makes_none(stage: &Stage<'_>) -> Check {
    create(stage, "known", session(1)).await?;
    for change in [
        SessionChange::Save(key("a"), session(2)),
        SessionChange::Touch(key("a"), seconds(1), seconds(2)),
        SessionChange::Cycle(key("a"), key("b"), session(2)),
        SessionChange::Flush(key("a")),
    ] {
        same(&format!("{change:?}"), &stage.commit(change.clone()).await?, &Committed::Gone)?;
        for name in ["a", "b"] {
            same("the session", &stage.session(&key(name)).await?, &None)?;
        }
    }
    same("the sessions of the user", &keys_of(stage, 2).await?, &vec![])?;
    same("the known session", &stage.session(&key("known")).await?, &Some(session(1)))
}

async fn a_key_is_created_only_once(stage: &Stage<'_>) -> Check {
    create(stage, "same", session(1)).await?;
    let again = stage.commit(SessionChange::Create(key("same"), session(2))).await?;
    same("the second creation", &again, &Committed::Taken)?;
    same("the session", &stage.session(&key("same")).await?, &Some(session(1)))?;
    same("the sessions of the other", &keys_of(stage, 2).await?, &vec![])
}

async fn of_many_creations_of_one_key_at_once_one_succeeds(stage: &Stage<'_>) -> Check {
    let made = stage
        .crowd(50, |store, user| async move {
            store.commit(SessionChange::Create(key("same"), session(user))).await
        })
        .await;
    same("the number of winners", &done(&made)?, &1)?;
    let winner = (0_i64..).zip(&made).find(|(_, made)| matches!(made, Ok(Committed::Done)));
    let found = stage.session(&key("same")).await?.and_then(|session| session.user);
    same("the owner", &found, &winner.map(|(user, _)| user.into()))
}

async fn an_expired_session_is_still_answered(stage: &Stage<'_>) -> Check {
    let mut record = session(1);
    record.expires_at = seconds(1);
    create(stage, "expired", record.clone()).await?;
    let mut later = session(1);
    (later.created_at, later.last_seen_at) = (seconds(2), seconds(2));
    create(stage, "later", later).await?;
    same("the session", &stage.session(&key("expired")).await?, &Some(record))
}

async fn a_save_replaces_the_whole_record(stage: &Stage<'_>) -> Check {
    create(stage, "a", session(1)).await?;
    create(stage, "b", session(1)).await?;
    let mut record = session(1);
    record.epoch = 7;
    (record.created_at, record.last_seen_at, record.expires_at) = (seconds(1), seconds(2), seconds(3_000));
    record.data = r#"{"a":1}"#.into();
    record.label = "phone".into();
    let saved = stage.commit(SessionChange::Save(key("a"), record.clone())).await?;
    same("the save", &saved, &Committed::Done)?;
    same("the session", &stage.session(&key("a")).await?, &Some(record))?;
    same("the other session", &stage.session(&key("b")).await?, &Some(session(1)))
}

async fn a_save_moves_a_session_to_its_new_user(stage: &Stage<'_>) -> Check {
    create(stage, "a", SessionRecord::new(seconds(0), seconds(60))).await?;
    for (user, before) in [("1", "2"), ("b3a1", "1")] {
        stage.commit(SessionChange::Save(key("a"), session(user))).await?;
        same("the sessions of the new user", &keys_of(stage, user).await?, &vec![key("a")])?;
        same("the sessions of the user before", &keys_of(stage, before).await?, &vec![])?;
        same("an end by the user before", &stage.end_sessions(&before.into(), None).await?, &0)?;
    }
    same("an end by the new user", &stage.end_sessions(&"b3a1".into(), None).await?, &1)
}

async fn a_touch_changes_two_moments_and_nothing_else(stage: &Stage<'_>) -> Check {
    let mut record = session("b3a1");
    record.epoch = 3;
    record.data = r#"{"a":1}"#.into();
    record.label = "phone".into();
    create(stage, "a", record.clone()).await?;
    (record.last_seen_at, record.expires_at) = (seconds(5), seconds(2_000));
    let touched = stage.commit(SessionChange::Touch(key("a"), seconds(5), seconds(2_000))).await?;
    same("the touch", &touched, &Committed::Done)?;
    same("the session", &stage.session(&key("a")).await?, &Some(record))
}

async fn a_cycle_kills_the_old_key(stage: &Stage<'_>) -> Check {
    create(stage, "old", SessionRecord::new(seconds(0), seconds(60))).await?;
    let mut record = session("b3a1");
    record.data = r#"{"cart":[1]}"#.into();
    let cycled = stage.commit(SessionChange::Cycle(key("old"), key("new"), record.clone())).await?;
    same("the cycle", &cycled, &Committed::Done)?;
    same("the old session", &stage.session(&key("old")).await?, &None)?;
    same("the new session", &stage.session(&key("new")).await?, &Some(record.clone()))?;
    same("the list", &stage.sessions_of(&"b3a1".into()).await?, &vec![(key("new"), record)])?;
    for change in [
        SessionChange::Save(key("old"), session(1)),
        SessionChange::Touch(key("old"), seconds(1), seconds(2)),
        SessionChange::Cycle(key("old"), key("third"), session(1)),
        SessionChange::Flush(key("old")),
    ] {
        same(&format!("{change:?}"), &stage.commit(change.clone()).await?, &Committed::Gone)?;
    }
    same("the old session later", &stage.session(&key("old")).await?, &None)
}

async fn a_cycle_to_a_key_that_is_taken_changes_nothing(stage: &Stage<'_>) -> Check {
    create(stage, "mine", session(1)).await?;
    create(stage, "theirs", session(2)).await?;
    let cycled = stage.commit(SessionChange::Cycle(key("mine"), key("theirs"), session(1))).await?;
    same("the cycle", &cycled, &Committed::Taken)?;
    same("my session", &stage.session(&key("mine")).await?, &Some(session(1)))?;
    same("their session", &stage.session(&key("theirs")).await?, &Some(session(2)))
}

async fn of_many_cycles_of_one_session_at_once_one_succeeds(stage: &Stage<'_>) -> Check {
    create(stage, "old", session(1)).await?;
    let cycled = stage
        .crowd(100, |store, number| async move {
            store.commit(SessionChange::Cycle(key("old"), key(number), session(1))).await
        })
        .await;
    same("the number of winners", &done(&cycled)?, &1)?;
    let winner = (0_i64..).zip(&cycled).find(|(_, cycled)| matches!(cycled, Ok(Committed::Done)));
    let expected: Vec<_> = winner.map(|(number, _)| key(number)).into_iter().collect();
    same("the sessions left", &keys_of(stage, 1).await?, &expected)?;
    same("the old session", &stage.session(&key("old")).await?, &None)
}

async fn a_flushed_session_is_never_revived(stage: &Stage<'_>) -> Check {
    create(stage, "a", session(1)).await?;
    same("the flush", &stage.commit(SessionChange::Flush(key("a"))).await?, &Committed::Done)?;
    for change in [
        SessionChange::Save(key("a"), session(1)),
        SessionChange::Touch(key("a"), seconds(1), seconds(2)),
        SessionChange::Cycle(key("a"), key("b"), session(1)),
        SessionChange::Flush(key("a")),
    ] {
        same(&format!("{change:?}"), &stage.commit(change.clone()).await?, &Committed::Gone)?;
        same("the session", &stage.session(&key("a")).await?, &None)?;
    }
    same("the sessions of the user", &keys_of(stage, 1).await?, &vec![])
}

async fn a_save_that_races_a_flush_does_not_revive_the_session(stage: &Stage<'_>) -> Check {
    for round in 0..ROUNDS {
        let key = key(round);
        create(stage, round, session(1)).await?;
        let changes = [
            SessionChange::Flush(key),
            SessionChange::Save(key, session(1)),
            SessionChange::Touch(key, seconds(1), seconds(2_000)),
        ];
        let results = race(stage, changes).await;
        done(&results)?;
        same("the flush", &results.into_iter().next().transpose()?, &Some(Committed::Done))?;
        same("the session", &stage.session(&key).await?, &None)?;
    }
    same("the sessions of the user", &keys_of(stage, 1).await?, &vec![])
}

async fn a_cycle_that_races_a_flush_leaves_one_winner(stage: &Stage<'_>) -> Check {
    for round in 0..ROUNDS {
        let (old, new) = (key(round), key(format!("new {round}")));
        create(stage, round, session(1)).await?;
        let cycle = SessionChange::Cycle(old, new, session(1));
        let results = race(stage, [SessionChange::Flush(old), cycle]).await;
        same("the number of winners", &done(&results)?, &1)?;
        let cycled = matches!(results.last(), Some(Ok(Committed::Done)));
        same("whether the new session is there", &stage.session(&new).await?.is_some(), &cycled)?;
        same("the old session", &stage.session(&old).await?, &None)?;
    }
    Ok(())
}

async fn race<const N: usize>(
    stage: &Stage<'_>,
    changes: [SessionChange; N],
) -> Vec<Result<Committed, StoreError>> {
    let tasks = changes.map(|change| {
        let store = Arc::clone(&stage.store);
        async move { store.commit(change).await }
    });
    stage.at_once(tasks).await
}

async fn a_save_that_races_the_end_of_all_sessions_does_not_revive_one(stage: &Stage<'_>) -> Check {
    for round in 0..ROUNDS {
        create(stage, round, session(1)).await?;
        let results = stage
            .crowd(2, move |store, task| async move {
                if task == 0 {
                    store.end_sessions(&1.into(), None).await.map(drop)
                } else {
                    store.commit(SessionChange::Save(key(round), session(1))).await.map(drop)
                }
            })
            .await;
        results.into_iter().collect::<Result<(), _>>()?;
        same("the session", &stage.session(&key(round)).await?, &None)?;
    }
    Ok(())
}

async fn sessions_are_listed_by_user_the_one_used_last_first(stage: &Stage<'_>) -> Check {
    for (name, user, seen) in [("b", "1", 2), ("c", "1", 1), ("x", "01", 9), ("a", "1", 3), ("y", "2", 9)] {
        let mut record = session(user);
        record.last_seen_at = seconds(seen);
        create(stage, name, record).await?;
    }
    create(stage, "nobody", SessionRecord::new(seconds(9), seconds(99))).await?;
    same("the list", &keys_of(stage, 1).await?, &["a", "b", "c"].map(key).to_vec())?;
    stage.commit(SessionChange::Touch(key("c"), seconds(4), seconds(2_000))).await?;
    same("the list after a use", &keys_of(stage, 1).await?, &["c", "a", "b"].map(key).to_vec())?;
    same("the list of `01`", &keys_of(stage, "01").await?, &vec![key("x")])?;
    same("the list of ``", &keys_of(stage, "").await?, &vec![])
}

async fn nobody_ends_the_session_of_someone_else(stage: &Stage<'_>) -> Check {
    let nobodys = SessionRecord::new(seconds(0), seconds(99));
    create(stage, "mine", session(1)).await?;
    create(stage, "nobody", nobodys.clone()).await?;
    for other in ["2", "01", "", "b3a1"] {
        for name in ["mine", "nobody"] {
            same("the end", &stage.end_session(&other.into(), &key(name)).await?, &false)?;
        }
        same("the number ended", &stage.end_sessions(&other.into(), None).await?, &0)?;
    }
    same("my session", &stage.session(&key("mine")).await?, &Some(session(1)))?;
    same("the session of nobody", &stage.session(&key("nobody")).await?, &Some(nobodys))?;
    same("the end by its owner", &stage.end_session(&1.into(), &key("mine")).await?, &true)?;
    same("the session", &stage.session(&key("mine")).await?, &None)?;
    same("the end once more", &stage.end_session(&1.into(), &key("mine")).await?, &false)
}

async fn all_sessions_of_one_user_end_but_the_excepted_one(stage: &Stage<'_>) -> Check {
    for (name, user) in [("a", "b3a1"), ("b", "b3a1"), ("c", "b3a1"), ("x", "2")] {
        create(stage, name, session(user)).await?;
    }
    let me = UserId::from("b3a1");
    same("the number ended", &stage.end_sessions(&me, Some(&key("b"))).await?, &2)?;
    same("the sessions left", &keys_of(stage, "b3a1").await?, &vec![key("b")])?;
    same("an ended session", &stage.session(&key("a")).await?, &None)?;
    same("the number ended without exception", &stage.end_sessions(&me, None).await?, &1)?;
    same("the last session", &stage.session(&key("b")).await?, &None)?;
    same("the sessions of the other", &keys_of(stage, 2).await?, &vec![key("x")])
}

async fn an_exception_of_someone_else_protects_nothing(stage: &Stage<'_>) -> Check {
    for (name, user) in [("a", 1), ("b", 1), ("x", 2)] {
        create(stage, name, session(user)).await?;
    }
    same("the number ended", &stage.end_sessions(&1.into(), Some(&key("x"))).await?, &2)?;
    same("the sessions left", &keys_of(stage, 1).await?, &vec![])?;
    same("the sessions of the other", &keys_of(stage, 2).await?, &vec![key("x")])
}

async fn a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else(stage: &Stage<'_>) -> Check {
    for number in 0..10 {
        let mut ended =
            if number % 2 == 0 { session("b3a1") } else { SessionRecord::new(seconds(0), seconds(0)) };
        ended.expires_at = seconds(10);
        create(stage, number, ended).await?;
    }
    let mut alive = session("b3a1");
    alive.expires_at = seconds(12);
    create(stage, "alive", alive.clone()).await?;
    create(stage, "touched", session("b3a1")).await?;
    stage.commit(SessionChange::Touch(key("touched"), seconds(5), seconds(13))).await?;
    let now = seconds(11);
    same("a purge of none", &stage.purge_sessions(now, 0).await?.deleted, &0)?;
    for (limit, purged) in [(4, 4), (4, 4), (100, 2), (100, 0)] {
        same("the purge", &stage.purge_sessions(now, limit).await?, &Purged::out_of(limit, purged))?;
    }
    same("the sessions left", &keys_of(stage, "b3a1").await?, &vec![key("touched"), key("alive")])?;
    same("a session that ended", &stage.session(&key(1)).await?, &None)?;
    same("a session that is alive", &stage.session(&key("alive")).await?, &Some(alive))
}

async fn a_cycle_dropped_half_way_is_done_wholly_or_not_at_all(stage: &Stage<'_>) -> Check {
    for polls in 0..POLLS {
        let (old, new) = (key(polls), key(format!("new {polls}")));
        create(stage, polls, session(1)).await?;
        abandon(stage.commit(SessionChange::Cycle(old, new, session(2))), polls).await;
        let mut whole = false;
        for _ in 0..50 {
            let (before, after) = (stage.session(&old).await?, stage.session(&new).await?);
            whole = (before, after) == (Some(session(1)), None)
                || (stage.session(&old).await?, stage.session(&new).await?) == (None, Some(session(2)));
            if whole {
                break;
            }
            let_others_run().await;
        }
        ensure(whole, "either the old or the new session is there, never both or none")?;
    }
    Ok(())
}
