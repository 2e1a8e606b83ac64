//! Purges.
//!
//! 1. The server's time to live collects almost everything; a purge deletes early what has ended.
//! 2. Each master is walked by SCAN in bounded steps, and all of them for a third of the time-out a call. The next call goes
//!    on; a round is done when each master was walked from its beginning to its end.
//! 3. What is deleted is looked at once more in the same step: a session that was used meanwhile stays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis::Timestamp;
use portcullis::store::{Purged, StoreError};
use redis::{Cmd, Value, cmd};
use tokio::time::Instant;

use crate::connection::answer_of;
use crate::error::corrupt;
use crate::node::{Lane, Node};
use crate::record;
use crate::script::{COUNTER_PURGE, INDEX_OLD, REFRESH_PURGE, SESSION_PURGE, Script};
use crate::session::{OLD, digests};
use crate::store::RedisStore;

/// How many keys the server looks at in one step.
const STEP: u32 = 500;
/// How many entries of one index are looked at in one step.
const ENTRIES: usize = 100;

/// How far the round of each kind has come.
#[derive(Default)]
pub(crate) struct Rounds(Mutex<Places>);

#[derive(Default)]
struct Places {
    /// The cursor on each master, and none at its end.
    cursors: HashMap<(Kind, String), Option<String>>,
    /// How many rounds have ended: two purges at once share a round, and the slower one must not shorten the next.
    ended: HashMap<Kind, u64>,
}

/// What is purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Session,
    Index,
    Refresh,
    Counter,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "s",
            Self::Index => "su",
            Self::Refresh => "r",
            Self::Counter => "c",
        }
    }
}

/// One purge under way.
struct Purge {
    kind: Kind,
    now: Timestamp,
    left: u64,
    began: Instant,
    patience: Duration,
}

impl Purge {
    /// Tells whether to stop: as many as were asked for are deleted, or what is left is for the next time.
    fn is_over(&self) -> bool {
        self.left == 0 || self.began.elapsed() >= self.patience
    }
}

impl RedisStore {
    pub(crate) async fn purge_sessions_by(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let verb = async {
            let purged = self.purge(Kind::Session, now, limit).await?;
            if !purged.is_done {
                return Ok(purged);
            }
            // What indices name too much can wait until nothing else is left.
            let is_done = self.purge(Kind::Index, now, u32::MAX).await?.is_done;
            if is_done {
                self.0.rounds.end(&[Kind::Session, Kind::Index]);
            }
            Ok(Purged { is_done, ..purged })
        };
        self.0.redis.within(verb).await
    }

    pub(crate) async fn purge_refresh_by(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.redis.within(self.purge_round(Kind::Refresh, now, limit)).await
    }

    pub(crate) async fn purge_counters_by(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.redis.within(self.purge_round(Kind::Counter, now, limit)).await
    }

    async fn purge_round(&self, kind: Kind, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let purged = self.purge(kind, now, limit).await?;
        if purged.is_done {
            self.0.rounds.end(&[kind]);
        }
        Ok(purged)
    }

    async fn purge(&self, kind: Kind, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let masters = self.0.redis.masters().await?;
        // Each has its share: one that is long to walk and has nothing to delete must not starve the others.
        let share = self.0.redis.timeout() / 3 / u32::try_from(masters.len()).unwrap_or(u32::MAX).max(1);
        let mut purge = Purge { kind, now, left: limit.into(), began: Instant::now(), patience: share };
        let mut is_done = true;
        for node in masters {
            purge.began = Instant::now();
            is_done &= self.walk(&node, &mut purge).await?;
        }
        Ok(Purged { deleted: u64::from(limit) - purge.left, is_done })
    }

    /// Walks one master on from where the round has come there, and tells whether it is at the end.
    async fn walk(&self, node: &Arc<Node>, purge: &mut Purge) -> Result<bool, StoreError> {
        let place = (purge.kind, node.address.to_string());
        let (round, cursor) = self.0.rounds.cursor(&place);
        let Some(mut cursor) = cursor else { return Ok(true) };
        let mut is_done = false;
        while !is_done && !purge.is_over() {
            let (next, keys) = self.scan(node, purge.kind, &cursor).await?;
            if self.purge_keys(&keys, purge).await? {
                is_done = next == "0";
                cursor = next;
                // At once: what fails later does not begin here again.
                self.0.rounds.set(round, &place, (!is_done).then(|| cursor.clone()));
            }
        }
        Ok(is_done)
    }

    async fn scan(
        &self,
        node: &Arc<Node>,
        kind: Kind,
        cursor: &str,
    ) -> Result<(String, Vec<String>), StoreError> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.0.names.pattern(kind.name())).arg("COUNT").arg(STEP);
        let sent = node.send(Lane::Quick, &[scan]).await;
        let (_, answers) = sent.map_err(|_| StoreError::unavailable("a master did not answer"))?;
        let answer = answer_of(answers.into_iter().next().unwrap_or_default())?;
        let [next, keys] = record::list(&answer)? else { return Err(corrupt("a scan is corrupt")) };
        // A key that is no text is not of Portcullis.
        let keys = record::list(keys)?.iter().filter_map(|key| record::text(key).ok().map(str::to_owned));
        Ok((record::text(next)?.to_owned(), keys.collect()))
    }

    /// Tells whether nothing is left of these keys.
    async fn purge_keys(&self, keys: &[String], purge: &mut Purge) -> Result<bool, StoreError> {
        match purge.kind {
            Kind::Session => {
                let keys = keys.iter().filter(|key| self.0.names.digest_in("s", key).is_some());
                self.purge_ended(keys, &["HGET", "x"], &SESSION_PURGE, purge).await
            }
            Kind::Counter => {
                let keys = keys.iter().filter(|key| self.0.names.digest_in("c", key).is_some());
                self.purge_ended(keys, &["GET"], &COUNTER_PURGE, purge).await
            }
            Kind::Refresh => {
                let keys = keys.iter().filter(|key| self.0.names.refresh_in(key).is_some());
                self.purge_ended(keys, &["HGET", "x"], &REFRESH_PURGE, purge).await
            }
            Kind::Index => self.purge_indexes(keys, purge).await,
        }
    }

    /// Deletes those whose end has passed. What cannot be read stays: to look it up is an outage.
    async fn purge_ended(
        &self,
        keys: impl Iterator<Item = &String>,
        get: &[&str],
        script: &Script,
        purge: &mut Purge,
    ) -> Result<bool, StoreError> {
        let keys: Vec<&String> = keys.collect();
        let lookups = keys.iter().map(|key| {
            let (name, field) = get.split_first().unwrap_or((&"GET", &[]));
            let mut lookup = cmd(name);
            lookup.arg(key).arg(field);
            ((*key).clone(), lookup)
        });
        let values = readable(self.0.redis.answers(lookups.collect()).await?)?;
        let ended = keys.into_iter().zip(&values).filter_map(|(key, value)| {
            let seen = record::text(value.as_ref()?).ok()?;
            has_ended(purge.kind, seen, purge.now).then_some(())?;
            Some((key.clone(), self.purge_one(key, seen, script)))
        });
        let deletions: Vec<_> = ended.take(usize::try_from(purge.left).unwrap_or(usize::MAX)).collect();
        // Each looks again before it deletes, so that one that is sent twice does no harm.
        for answer in self.0.redis.read_all(deletions).await? {
            purge.left = purge.left.saturating_sub(record::count(&answer)?);
        }
        Ok(purge.left > 0)
    }

    fn purge_one(&self, key: &str, seen: &str, script: &Script) -> Cmd {
        match self.0.names.refresh_in(key) {
            Some((tag, id)) => script.by_text(&[key, &self.0.names.live(&tag)], &[&id.to_string(), seen]),
            None => script.by_text(&[key], &[seen]),
        }
    }

    /// Takes out of indices what has not been there for long. Whatever is looked at once more is there, or is gone, so
    /// that each step comes further.
    async fn purge_indexes(&self, keys: &[String], purge: &Purge) -> Result<bool, StoreError> {
        let most = ENTRIES.to_string();
        let lookups = keys.iter().map(|index| (index.clone(), INDEX_OLD.by_text(&[index], &[OLD, &most])));
        let answers = readable(self.0.redis.answers(lookups.collect()).await?)?;
        let mut is_clean = true;
        for (index, answer) in keys.iter().zip(&answers) {
            let Some(answer) = answer else { continue };
            let [before, old] = record::list(answer)? else { return Err(corrupt("an index is corrupt")) };
            // To end all sessions of whose index this is is an outage.
            let Ok(old) = digests(old) else { continue };
            let Some(owner) = self.0.names.owner_in(index).filter(|_| !old.is_empty()) else { continue };
            if !is_clean && purge.is_over() {
                break;
            }
            is_clean &= old.len() < ENTRIES && !purge.is_over();
            self.sweep_index(index, &owner, record::text(before)?, old).await?;
        }
        Ok(is_clean)
    }
}

/// Leaves out what is of another type than what Portcullis writes: it stays, and keeps nothing else.
pub(crate) fn readable(answers: Vec<Value>) -> Result<Vec<Option<Value>>, StoreError> {
    let read = |answer| match answer {
        // Redis 6 wraps what a script was answered.
        Value::ServerError(error)
            if error.code() == "WRONGTYPE" || error.details().is_some_and(|it| it.contains("WRONGTYPE")) =>
        {
            Ok(None)
        }
        answer => answer_of(answer).map(Some),
    };
    answers.into_iter().map(read).collect()
}

impl Rounds {
    /// Returns which round this is, and from where it goes on.
    fn cursor(&self, place: &(Kind, String)) -> (u64, Option<String>) {
        let places = self.places();
        let cursor = places.cursors.get(place).cloned().unwrap_or_else(|| Some("0".to_owned()));
        (places.ended.get(&place.0).copied().unwrap_or_default(), cursor)
    }

    fn set(&self, round: u64, place: &(Kind, String), cursor: Option<String>) {
        let mut places = self.places();
        if places.ended.get(&place.0).copied().unwrap_or_default() == round {
            places.cursors.insert(place.clone(), cursor);
        }
    }

    fn end(&self, kinds: &[Kind]) {
        let mut places = self.places();
        places.cursors.retain(|(kind, _), _| !kinds.contains(kind));
        for kind in kinds {
            *places.ended.entry(*kind).or_default() += 1;
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_ended(kind: Kind, seen: &str, now: Timestamp) -> bool {
    let ends_at = match kind {
        Kind::Counter => record::counter(seen).map(|(ends_at, _)| ends_at),
        Kind::Session | Kind::Index | Kind::Refresh => record::time(seen),
    };
    ends_at.is_ok_and(|ends_at| ends_at <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_two_purges_does_not_shorten_the_round_that_follows() {
        let (rounds, place) = (Rounds::default(), (Kind::Session, "a:1".to_owned()));
        let (slow, _) = rounds.cursor(&place);
        rounds.set(slow, &place, Some("7".to_owned()));
        let (fast, cursor) = rounds.cursor(&place);
        assert_eq!((fast, cursor.as_deref()), (slow, Some("7")), "they share a round");
        rounds.set(fast, &place, None);
        rounds.end(&[Kind::Session]);
        rounds.set(slow, &place, Some("9".to_owned()));
        let (next, cursor) = rounds.cursor(&place);
        assert_eq!(cursor.as_deref(), Some("0"), "the next one begins at the beginning");
        rounds.set(next, &place, Some("3".to_owned()));
        rounds.end(&[Kind::Refresh]);
        assert_eq!(rounds.cursor(&place), (next, Some("3".to_owned())), "another kind has rounds of its own");
    }
}
