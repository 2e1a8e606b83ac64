//! Counters of tries.
//!
//! 1. Apply in Rust, then put in the place of what was seen, if that is still there: two nodes never both take the last
//!    try. Who comes second is told what is there by then, and applies once more.
//! 2. A refusal that changes nothing writes nothing.
//! 3. A counter is one key that expires by itself. It is not replicated in step: a fail-over may give tries back.

use async_trait::async_trait;
use portcullis::store::{CounterState, CounterStore, Limit, Purged, Reserved, StoreError};
use portcullis::{Digest, Timestamp};
use redis::{Value, cmd};

use crate::record;
use crate::script::COUNTER_SWAP;
use crate::store::RedisStore;

#[async_trait]
impl CounterStore for RedisStore {
    async fn reserve(&self, key: &Digest, limit: &Limit, now: Timestamp) -> Result<Reserved, StoreError> {
        let verb = async {
            let key = self.0.names.counter(key);
            // Most counters are new, or have been forgotten: the first guess is that nothing is there.
            let mut seen = String::new();
            loop {
                let found = load(&seen)?;
                let mut state = found.clone().unwrap_or_default();
                let reserved = limit.reserve(&mut state, now);
                if found.as_ref() == Some(&state) {
                    return Ok(reserved);
                }
                match self.swap(&key, &seen, &state, limit, now).await? {
                    None => return Ok(reserved),
                    Some(other) => seen = other,
                }
            }
        };
        self.0.redis.within(verb).await
    }

    async fn give_back(&self, key: &Digest, limit: &Limit, at: Timestamp) -> Result<(), StoreError> {
        let verb = async {
            let key = self.0.names.counter(key);
            let mut get = cmd("GET");
            get.arg(&key);
            let mut seen = match self.0.redis.read(&key, get).await? {
                Value::Nil => return Ok(()),
                value => record::text(&value)?.to_owned(),
            };
            while let Some(found) = load(&seen)? {
                let mut state = found.clone();
                limit.give_back(&mut state, at);
                if found == state {
                    break;
                }
                match self.swap(&key, &seen, &state, limit, at).await? {
                    None => break,
                    Some(other) => seen = other,
                }
            }
            Ok(())
        };
        self.0.redis.within(verb).await
    }

    async fn purge_counters(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.purge_counters_by(now, limit).await
    }
}

impl RedisStore {
    /// Puts a state in the place of what was seen, or returns what is there by now (nothing is an empty text).
    async fn swap(
        &self,
        key: &str,
        seen: &str,
        state: &CounterState,
        limit: &Limit,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let (new, life) =
            (record::counter_text(state, limit), record::counter_time_to_live(state, limit, now));
        let answer = self.0.redis.write(&COUNTER_SWAP, &[key], &[seen, &new, &life]).await?;
        match record::list(&answer)? {
            [Value::Int(1), _] => Ok(None),
            [_, other] => Ok(Some(record::text(other)?.to_owned())),
            _ => Err(crate::error::corrupt("a counter is corrupt")),
        }
    }
}

fn load(seen: &str) -> Result<Option<CounterState>, StoreError> {
    if seen.is_empty() { Ok(None) } else { record::counter(seen).map(|(_, state)| Some(state)) }
}
