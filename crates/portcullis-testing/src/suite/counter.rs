//! The contract of [`CounterStore`].

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use portcullis::store::{Algorithm, CounterStore, Limit, Purged, Reserved, StoreError};
use portcullis::{Digest, Timestamp};

use super::stage::{self, Check, Clause, POLLS, abandon, clauses, ensure, let_others_run, same};
use super::{BoxFuture, Broken};

type Stage<'a> = stage::Stage<'a, dyn CounterStore>;

/// Runs the contract; `make` returns an empty store each time it is called.
///
/// # Examples
///
/// See [`suite`](crate::suite).
///
/// # Errors
///
/// [`Broken`] with every clause that does not hold.
pub async fn run<S: CounterStore>(
    make: impl AsyncFn() -> S,
    spawn: impl Fn(BoxFuture<'static, ()>),
) -> Result<(), Broken> {
    let clauses: [Clause<dyn CounterStore>; 11] = clauses![
        a_counter_grants_its_limit_and_no_more,
        a_refusal_tells_the_wait_of_the_limit,
        a_refusal_prolongs_nothing,
        a_crowd_at_once_gets_the_limit_exactly,
        a_try_that_is_given_back_can_be_taken_again,
        of_a_crowd_that_gives_back_all_tries_are_there_again,
        a_try_given_back_to_an_unknown_counter_makes_none,
        keys_are_counted_apart,
        a_clock_that_jumps_back_opens_nothing_and_locks_for_one_period_at_most,
        a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else,
        a_try_dropped_half_way_is_taken_wholly_or_not_at_all,
    ];
    stage::run(&clauses, async || Arc::new(make().await) as _, &spawn).await
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

/// So many tries in a minute, by both algorithms.
fn limits(tries: u32) -> [Limit; 2] {
    let tries = NonZeroU32::MIN.saturating_add(tries.saturating_sub(1));
    let limit = Limit::new(tries, Duration::from_secs(60));
    [limit, limit.with_algorithm(Algorithm::Log)]
}

/// A key of its own for each algorithm.
fn key(name: &str, limit: &Limit) -> Digest {
    Digest::of(&format!("{name} {:?}", limit.algorithm))
}

async fn granted(
    stage: &Stage<'_>,
    key: &Digest,
    limit: &Limit,
    now: Timestamp,
    tries: usize,
) -> Result<usize, StoreError> {
    let mut granted = 0;
    for _ in 0..tries {
        granted += usize::from(stage.reserve(key, limit, now).await? == Reserved::Granted);
    }
    Ok(granted)
}

async fn a_counter_grants_its_limit_and_no_more(stage: &Stage<'_>) -> Check {
    for limit in limits(5) {
        let key = key("one", &limit);
        same("the tries granted", &granted(stage, &key, &limit, seconds(0), 9).await?, &5)?;
        same("the tries a moment later", &granted(stage, &key, &limit, seconds(1), 9).await?, &0)?;
        same("the tries after a period", &granted(stage, &key, &limit, seconds(60), 9).await?, &5)?;
    }
    Ok(())
}

async fn a_refusal_tells_the_wait_of_the_limit(stage: &Stage<'_>) -> Check {
    for (limit, wait) in limits(3).iter().zip([20, 60]) {
        let key = key("one", limit);
        granted(stage, &key, limit, seconds(0), 3).await?;
        for passed in [0, 5] {
            let refused = Reserved::Refused { wait: Duration::from_secs(wait - passed) };
            let now = seconds(0).after(Duration::from_secs(passed));
            same("the answer", &stage.reserve(&key, limit, now).await?, &refused)?;
        }
    }
    Ok(())
}

async fn a_refusal_prolongs_nothing(stage: &Stage<'_>) -> Check {
    for limit in limits(3) {
        let key = key("one", &limit);
        granted(stage, &key, &limit, seconds(0), 3).await?;
        for second in 0..20 {
            same("the tries granted", &granted(stage, &key, &limit, seconds(second), 5).await?, &0)?;
        }
        same("the tries after a period", &granted(stage, &key, &limit, seconds(60), 9).await?, &3)?;
    }
    Ok(())
}

async fn a_crowd_at_once_gets_the_limit_exactly(stage: &Stage<'_>) -> Check {
    for limit in limits(10) {
        let key = key("one", &limit);
        let answers = stage
            .crowd(100, move |store, _| async move { store.reserve(&key, &limit, seconds(0)).await })
            .await;
        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let granted = answers.iter().filter(|answer| **answer == Reserved::Granted).count();
        same("the tries granted to a hundred", &granted, &10)?;
    }
    Ok(())
}

async fn a_try_that_is_given_back_can_be_taken_again(stage: &Stage<'_>) -> Check {
    for limit in limits(3) {
        let key = key("one", &limit);
        granted(stage, &key, &limit, seconds(0), 3).await?;
        stage.give_back(&key, &limit, seconds(0)).await?;
        same("the tries left", &granted(stage, &key, &limit, seconds(0), 9).await?, &1)?;
        same("the tries a period later", &granted(stage, &key, &limit, seconds(90), 3).await?, &3)?;
        stage.give_back(&key, &limit, seconds(0)).await?;
        same("the tries after an old one", &granted(stage, &key, &limit, seconds(90), 9).await?, &0)?;
    }
    Ok(())
}

async fn of_a_crowd_that_gives_back_all_tries_are_there_again(stage: &Stage<'_>) -> Check {
    for limit in limits(50) {
        let key = key("one", &limit);
        let answers = stage
            .crowd(50, move |store, _| async move {
                let reserved = store.reserve(&key, &limit, seconds(0)).await?;
                store.give_back(&key, &limit, seconds(0)).await?;
                Ok::<_, StoreError>(reserved)
            })
            .await;
        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        ensure(answers.iter().all(|answer| *answer == Reserved::Granted), "each of fifty has its try")?;
        same("the tries left", &granted(stage, &key, &limit, seconds(0), 99).await?, &50)?;
    }
    Ok(())
}

async fn a_try_given_back_to_an_unknown_counter_makes_none(stage: &Stage<'_>) -> Check {
    for limit in limits(3) {
        let key = key("one", &limit);
        stage.give_back(&key, &limit, seconds(0)).await?;
        same("the tries", &granted(stage, &key, &limit, seconds(0), 9).await?, &3)?;
    }
    same("the counters purged", &stage.purge_counters(Timestamp::MAX, 100).await?.deleted, &2)
}

async fn keys_are_counted_apart(stage: &Stage<'_>) -> Check {
    for limit in limits(2) {
        for first in [0, u8::MAX] {
            // They differ in the last byte alone.
            let tag = u8::from(limit.algorithm == Algorithm::Log);
            for last in 0..20 {
                let mut bytes = [first; 32];
                (bytes[1], bytes[31]) = (tag, last);
                let key = Digest::from_bytes(bytes);
                same("the tries", &granted(stage, &key, &limit, seconds(0), 4).await?, &2)?;
            }
        }
    }
    Ok(())
}

async fn a_clock_that_jumps_back_opens_nothing_and_locks_for_one_period_at_most(stage: &Stage<'_>) -> Check {
    for limit in limits(3) {
        let key = key("one", &limit);
        granted(stage, &key, &limit, seconds(1_000_000), 3).await?;
        same("the tries after the jump", &granted(stage, &key, &limit, seconds(0), 9).await?, &0)?;
        same("the tries after a period", &granted(stage, &key, &limit, seconds(61), 9).await?, &3)?;
    }
    Ok(())
}

async fn a_purge_deletes_what_has_ended_within_its_limit_and_nothing_else(stage: &Stage<'_>) -> Check {
    for limit in limits(2) {
        // What is alive first: a store may sweep what has ended while it adds.
        let alive = key("alive", &limit);
        same("the tries", &granted(stage, &alive, &limit, seconds(30), 2).await?, &2)?;
        for number in 0..9 {
            granted(stage, &key(&number.to_string(), &limit), &limit, seconds(-40), 1).await?;
        }
        let now = seconds(29);
        same("a purge of none", &stage.purge_counters(now, 0).await?.deleted, &0)?;
        for (size, purged) in [(4, 4), (4, 4), (100, 1), (100, 0)] {
            same("the purge", &stage.purge_counters(now, size).await?, &Purged::out_of(size, purged))?;
        }
        same("the tries of what is alive", &granted(stage, &alive, &limit, seconds(30), 9).await?, &0)?;
        let _ = stage.purge_counters(Timestamp::MAX, 100).await?;
    }
    Ok(())
}

async fn a_try_dropped_half_way_is_taken_wholly_or_not_at_all(stage: &Stage<'_>) -> Check {
    for limit in limits(3) {
        for polls in 0..POLLS {
            let key = key(&polls.to_string(), &limit);
            abandon(stage.reserve(&key, &limit, seconds(0)), polls).await;
            for _ in 0..50 {
                let_others_run().await;
            }
            let left = granted(stage, &key, &limit, seconds(0), 9).await?;
            ensure(left == 2 || left == 3, "one try is gone, or none")?;
        }
    }
    Ok(())
}
