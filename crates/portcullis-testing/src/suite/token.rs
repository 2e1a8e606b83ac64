//! The contract of [`TokenStore`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis::store::{Purged, StoreError, TokenRecord, TokenStore};
use portcullis::{Digest, Scopes, Timestamp, UserId};

use super::stage::{self, Check, Clause, POLLS, ROUNDS, abandon, clauses, ensure, let_others_run, same};
use super::{BoxFuture, Broken};

type Stage<'a> = stage::Stage<'a, dyn TokenStore>;

/// Runs the contract; `make` returns an empty store each time it is called.
///
/// # Examples
///
/// See [`suite`](crate::suite).
///
/// # Errors
///
/// [`Broken`] with every clause that does not hold.
pub async fn run<S: TokenStore>(
    make: impl AsyncFn() -> S,
    spawn: impl Fn(BoxFuture<'static, ()>),
) -> Result<(), Broken> {
    let clauses: [Clause<dyn TokenStore>; 19] = clauses![
        a_token_is_answered_as_it_was_created,
        an_unknown_digest_names_no_token,
        a_digest_is_created_only_once,
        of_many_creations_of_one_digest_at_once_one_succeeds,
        an_expired_token_is_still_answered,
        a_use_is_noted_and_nothing_else_changes,
        a_use_does_not_revive_a_revoked_token,
        a_use_that_races_a_revocation_does_not_revive_the_token,
        tokens_are_listed_by_user_oldest_first,
        a_revoked_token_is_gone,
        nobody_revokes_the_token_of_someone_else,
        all_tokens_of_one_user_are_revoked_at_once,
        of_many_revocations_of_one_token_at_once_one_succeeds,
        keep_revokes_the_oldest_tokens_of_the_user_alone,
        keep_never_revokes_the_new_token,
        a_refused_creation_revokes_nothing,
        keep_holds_after_many_creations_at_once,
        a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else,
        a_creation_dropped_half_way_is_done_wholly_or_not_at_all,
    ];
    stage::run(&clauses, async || Arc::new(make().await) as _, &spawn).await
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

#[expect(clippy::needless_pass_by_value, reason = "names are texts and numbers alike")]
fn digest(name: impl ToString) -> Digest {
    Digest::of(&name.to_string())
}

fn token(name: impl ToString, user: impl Into<UserId>, created: i64) -> TokenRecord {
    TokenRecord::new(digest(name), user.into(), seconds(created))
}

async fn names_of(stage: &Stage<'_>, user: impl Into<UserId>) -> Result<BTreeSet<Digest>, StoreError> {
    Ok(stage.tokens_of(&user.into()).await?.into_iter().map(|token| token.digest).collect())
}

fn digests<const N: usize>(names: [&str; N]) -> BTreeSet<Digest> {
    names.into_iter().map(digest).collect()
}

async fn a_token_is_answered_as_it_was_created(stage: &Stage<'_>) -> Check {
    let plain = token("plain", "b3a1", 0);
    let mut odd = token("odd", "Ж\u{301} ’\"\\", 0);
    odd.name = "📱 e\u{301} \u{e9}\t\r\n' ; -- ".into();
    odd.scopes = Some(["books:read", "кни́ги", "%'\"\\"].into_iter().collect());
    odd.expires_at = Some(Timestamp::from_micros(1_900_000_000_123_457));
    odd.idle = Some(Duration::from_micros(1_209_600_000_001));
    odd.last_used_at = Some(Timestamp::from_micros(1_700_000_000_000_001));
    let mut none_allowed = token("none allowed", i64::MAX, 0);
    none_allowed.scopes = Some(Scopes::default());
    none_allowed.name = "long ".repeat(12_000);
    let mut earliest = token("earliest", i64::MIN, 0);
    earliest.created_at = Timestamp::from_micros(i64::MIN);
    earliest.last_used_at = Some(Timestamp::from_micros(-1));
    let mut latest = token("latest", "01", 0);
    latest.created_at = Timestamp::MAX;
    latest.expires_at = Some(Timestamp::MAX);
    latest.last_used_at = Some(Timestamp::MAX);
    for record in [plain, odd, none_allowed, earliest, latest] {
        stage.create_token(record.clone(), None).await?;
        same("the token", &stage.token(&record.digest).await?, &Some(record.clone()))?;
        same("the list", &stage.tokens_of(&record.user).await?, &vec![record])?;
    }
    Ok(())
}

async fn an_unknown_digest_names_no_token(stage: &Stage<'_>) -> Check {
    stage.create_token(token("known", 1, 0), None).await?;
    let mut near = *digest("known").as_bytes();
    near.reverse();
    for unknown in [digest("unknown"), Digest::from_bytes([0; 32]), Digest::from_bytes(near)] {
        same("the token", &stage.token(&unknown).await?, &None)?;
        stage.touch_token(&unknown, seconds(1)).await?;
        same("the token after a use", &stage.token(&unknown).await?, &None)?;
        same("its revocation", &stage.revoke_token(&1.into(), &unknown).await?, &false)?;
    }
    same("the tokens of nobody", &stage.tokens_of(&2.into()).await?, &vec![])
}

async fn a_digest_is_created_only_once(stage: &Stage<'_>) -> Check {
    let first = token("same", 1, 0);
    stage.create_token(first.clone(), None).await?;
    for user in [1, 2] {
        let again = stage.create_token(token("same", user, 9), None).await;
        ensure(matches!(again, Err(StoreError::Conflict)), "a second creation is a conflict")?;
    }
    same("the token", &stage.token(&first.digest).await?, &Some(first))?;
    same("the tokens of the other", &stage.tokens_of(&2.into()).await?, &vec![])
}

async fn of_many_creations_of_one_digest_at_once_one_succeeds(stage: &Stage<'_>) -> Check {
    let made = stage
        .crowd(50, |store, user| async move { store.create_token(token("same", user, 0), None).await })
        .await;
    let winners: Vec<_> =
        (0_i64..).zip(&made).filter(|(_, made)| made.is_ok()).map(|(user, _)| user).collect();
    same("the number of winners", &winners.len(), &1)?;
    let conflicts = made.iter().filter(|made| matches!(made, Err(StoreError::Conflict))).count();
    same("the number of conflicts", &conflicts, &49)?;
    let owner = stage.token(&digest("same")).await?.and_then(|token| token.user.as_number());
    same("the owner", &owner, &winners.first().copied())
}

async fn an_expired_token_is_still_answered(stage: &Stage<'_>) -> Check {
    let mut expired = token("expired", 1, 0);
    expired.expires_at = Some(seconds(1));
    let mut idle = token("idle", 1, 0);
    idle.idle = Some(Duration::from_secs(1));
    for record in [expired, idle] {
        stage.create_token(record.clone(), None).await?;
        stage.create_token(token(record.digest, 2, 2), None).await?;
        same("the token", &stage.token(&record.digest).await?, &Some(record))?;
    }
    Ok(())
}

async fn a_use_is_noted_and_nothing_else_changes(stage: &Stage<'_>) -> Check {
    let mut record = token("used", "b3a1", 0);
    record.name = "phone".into();
    record.idle = Some(Duration::from_secs(60));
    stage.create_token(record.clone(), None).await?;
    stage.create_token(token("other", "b3a1", 0), None).await?;
    record.last_used_at = Some(seconds(5));
    stage.touch_token(&record.digest, seconds(5)).await?;
    same("the token", &stage.token(&record.digest).await?, &Some(record))?;
    same("the other token", &stage.token(&digest("other")).await?, &Some(token("other", "b3a1", 0)))
}

async fn a_use_does_not_revive_a_revoked_token(stage: &Stage<'_>) -> Check {
    stage.create_token(token("revoked", 1, 0), None).await?;
    stage.revoke_token(&1.into(), &digest("revoked")).await?;
    stage.touch_token(&digest("revoked"), seconds(1)).await?;
    same("the token", &stage.token(&digest("revoked")).await?, &None)
}

async fn a_use_that_races_a_revocation_does_not_revive_the_token(stage: &Stage<'_>) -> Check {
    for round in 0..ROUNDS {
        let digest = digest(round);
        stage.create_token(token(round, 1, 0), None).await?;
        let results = stage
            .crowd(2, move |store, task| async move {
                if task == 0 {
                    store.touch_token(&digest, seconds(1)).await
                } else {
                    store.revoke_token(&1.into(), &digest).await.map(drop)
                }
            })
            .await;
        results.into_iter().collect::<Result<(), _>>()?;
        same("the token", &stage.token(&digest).await?, &None)?;
    }
    Ok(())
}

async fn tokens_are_listed_by_user_oldest_first(stage: &Stage<'_>) -> Check {
    for (name, user, created) in [("c", "1", 3), ("a", "1", 1), ("x", "01", 0), ("b", "1", 2), ("y", "2", 0)]
    {
        stage.create_token(token(name, user, created), None).await?;
    }
    let listed: Vec<_> = stage.tokens_of(&1.into()).await?.into_iter().map(|token| token.digest).collect();
    same("the list", &listed, &["a", "b", "c"].map(digest).to_vec())?;
    same("the list of `01`", &names_of(stage, "01").await?, &digests(["x"]))
}

async fn a_revoked_token_is_gone(stage: &Stage<'_>) -> Check {
    stage.create_token(token("a", "b3a1", 0), None).await?;
    stage.create_token(token("b", "b3a1", 0), None).await?;
    same("the revocation", &stage.revoke_token(&"b3a1".into(), &digest("a")).await?, &true)?;
    same("the token", &stage.token(&digest("a")).await?, &None)?;
    same("the list", &names_of(stage, "b3a1").await?, &digests(["b"]))?;
    same("a second revocation", &stage.revoke_token(&"b3a1".into(), &digest("a")).await?, &false)
}

async fn nobody_revokes_the_token_of_someone_else(stage: &Stage<'_>) -> Check {
    let mine = token("mine", "1", 0);
    stage.create_token(mine.clone(), None).await?;
    for other in ["2", "01", "+1", "1 ", "", "b3a1"] {
        same("the revocation", &stage.revoke_token(&other.into(), &mine.digest).await?, &false)?;
        same("the number revoked", &stage.revoke_tokens(&other.into()).await?, &0)?;
    }
    same("the token", &stage.token(&mine.digest).await?, &Some(mine))
}

async fn all_tokens_of_one_user_are_revoked_at_once(stage: &Stage<'_>) -> Check {
    for (name, user) in [("a", 1), ("b", 1), ("c", 1), ("x", 2)] {
        stage.create_token(token(name, user, 0), None).await?;
    }
    same("the number revoked", &stage.revoke_tokens(&1.into()).await?, &3)?;
    same("the tokens left", &names_of(stage, 1).await?, &digests([]))?;
    same("a token", &stage.token(&digest("b")).await?, &None)?;
    same("the tokens of the other", &names_of(stage, 2).await?, &digests(["x"]))?;
    same("the number revoked again", &stage.revoke_tokens(&1.into()).await?, &0)
}

async fn of_many_revocations_of_one_token_at_once_one_succeeds(stage: &Stage<'_>) -> Check {
    stage.create_token(token("a", 1, 0), None).await?;
    let revoked =
        stage.crowd(20, |store, _| async move { store.revoke_token(&1.into(), &digest("a")).await }).await;
    let revoked = revoked.into_iter().collect::<Result<Vec<_>, _>>()?;
    same("the number of winners", &revoked.iter().filter(|revoked| **revoked).count(), &1)
}

async fn keep_revokes_the_oldest_tokens_of_the_user_alone(stage: &Stage<'_>) -> Check {
    for (name, user, created) in [("b", 1, 2), ("a", 1, 1), ("c", 1, 3), ("x", 2, 0)] {
        stage.create_token(token(name, user, created), None).await?;
    }
    stage.create_token(token("d", 1, 4), Some(3)).await?;
    same("the tokens", &names_of(stage, 1).await?, &digests(["b", "c", "d"]))?;
    stage.create_token(token("e", 1, 5), Some(9)).await?;
    same("the tokens within the limit", &names_of(stage, 1).await?, &digests(["b", "c", "d", "e"]))?;
    stage.create_token(token("f", 1, 6), Some(1)).await?;
    same("the only token", &names_of(stage, 1).await?, &digests(["f"]))?;
    same("the tokens of the other", &names_of(stage, 2).await?, &digests(["x"]))
}

async fn keep_never_revokes_the_new_token(stage: &Stage<'_>) -> Check {
    for number in 0..20 {
        stage.create_token(token(number, 1, 0), Some(2)).await?;
        let kept = names_of(stage, 1).await?;
        ensure(kept.contains(&digest(number)), "the newest of tokens made at one moment is kept")?;
        ensure(kept.len() <= 2, "no more are kept than asked, also when all were made at one moment")?;
    }
    stage.create_token(token("clock went back", 1, -60), Some(2)).await?;
    let kept = names_of(stage, 1).await?;
    ensure(kept.contains(&digest("clock went back")), "a new token is kept though the clock went back")?;
    same("the number kept", &kept.len(), &2)
}

async fn a_refused_creation_revokes_nothing(stage: &Stage<'_>) -> Check {
    for (name, user, created) in [("a", 1, 1), ("b", 1, 2), ("x", 2, 3)] {
        stage.create_token(token(name, user, created), None).await?;
    }
    for taken in ["x", "a"] {
        let refused = stage.create_token(token(taken, 1, 9), Some(1)).await;
        ensure(matches!(refused, Err(StoreError::Conflict)), "the digest is taken")?;
    }
    same("the tokens", &names_of(stage, 1).await?, &digests(["a", "b"]))
}

async fn keep_holds_after_many_creations_at_once(stage: &Stage<'_>) -> Check {
    let made = stage
        .crowd(20, |store, number| async move { store.create_token(token(number, 1, number), Some(3)).await })
        .await;
    made.into_iter().collect::<Result<(), _>>()?;
    stage.create_token(token("last", 1, 99), Some(3)).await?;
    let kept = names_of(stage, 1).await?;
    same("the number kept", &kept.len(), &3)?;
    ensure(kept.contains(&digest("last")), "the last token is kept")
}

async fn a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else(stage: &Stage<'_>) -> Check {
    let mut alive = BTreeSet::new();
    for number in 0..10 {
        let mut ended = token(number, "b3a1", 0);
        if number % 2 == 0 {
            ended.expires_at = Some(seconds(10))
        } else {
            ended.idle = Some(Duration::from_secs(10))
        }
        stage.create_token(ended, None).await?;
    }
    let lease = |name, expires: Option<i64>, idle: Option<u64>, used: Option<i64>| {
        let mut record = token(name, "b3a1", 0);
        record.expires_at = expires.map(seconds);
        record.idle = idle.map(Duration::from_secs);
        record.last_used_at = used.map(seconds);
        record
    };
    for record in [
        lease("endless", None, None, None),
        lease("absolute", Some(12), None, None),
        lease("idle", None, Some(12), None),
        lease("used", None, Some(3), Some(9)),
        lease("both", Some(13), Some(5), Some(8)),
    ] {
        alive.insert(record.digest);
        stage.create_token(record, None).await?;
    }
    let now = seconds(11);
    same("a purge of none", &stage.purge_tokens(now, 0).await?.deleted, &0)?;
    for (limit, purged) in [(4, 4), (4, 4), (100, 2), (100, 0)] {
        same("the purge", &stage.purge_tokens(now, limit).await?, &Purged::out_of(limit, purged))?;
    }
    same("the tokens left", &names_of(stage, "b3a1").await?, &alive)
}

async fn a_creation_dropped_half_way_is_done_wholly_or_not_at_all(stage: &Stage<'_>) -> Check {
    for polls in 0..POLLS {
        let user = i64::try_from(polls).unwrap_or(0);
        let (old, new) = (format!("old {polls}"), format!("new {polls}"));
        stage.create_token(token(&old, user, 0), None).await?;
        abandon(stage.create_token(token(&new, user, 1), Some(1)), polls).await;
        let mut whole = false;
        for _ in 0..50 {
            let kept = names_of(stage, user).await?;
            whole = kept == digests([&old]) || kept == digests([&new]);
            if whole {
                break;
            }
            let_others_run().await;
        }
        ensure(whole, "either the old or the new token is there, never both or none")?;
    }
    Ok(())
}
