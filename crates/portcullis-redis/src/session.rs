//! Sessions.
//!
//! 1. A session is one key, found by one round trip. A user's index names his sessions; it is written first and cleared
//!    last, so that it never misses one. What it names too much is passed over, and swept an hour later.
//!    Where index and session lie on two masters, the index is written durably: a fail-over must not lose it alone.
//! 2. Save and touch ask in the same step whether the session is still there: nothing revives one (CVE-2024-35220).
//! 3. A cycle is one step on one server. In a cluster two keys may lie on two masters; there the new key is claimed, the
//!    old session is ended, and the claim becomes the session. Never do both live; where the process dies in between,
//!    neither does, and nobody got an answer.
//! 4. The end of all reads the index until it names nothing new. What it names and is not there may be on its way (a
//!    login, a change of key): its key is taken for a minute, so that it cannot come afterwards.

use std::collections::HashSet;

use async_trait::async_trait;
use portcullis::store::{Committed, Purged, SessionChange, SessionRecord, SessionStore, StoreError};
use portcullis::{Digest, Timestamp, UserId};
use redis::{Value, cmd};

use crate::error::corrupt;
use crate::record::{self, owner, session_fields, time_to_live};
use crate::script::{
    INDEX_ADD, INDEX_DROP, SESSION_CLAIM, SESSION_CREATE, SESSION_CYCLE, SESSION_END, SESSION_FILL,
    SESSION_FLUSH, SESSION_RELEASE, SESSION_SAVE, SESSION_TOUCH, Script,
};
use crate::store::RedisStore;
use crate::sweep::readable;

/// After how many seconds no creation is under way any more.
pub(crate) const OLD: &str = "3600";
/// How many milliseconds a claim outlives the verb that made it, at least.
const CLAIM: u128 = 60_000;
/// In how many rounds of an end of all keys are taken that are not there: fewer than a login draws keys.
const CLOSING_ROUNDS: u32 = 2;
/// How many sessions are ended before the index forgets them.
const CHUNK: usize = 200;

#[async_trait]
impl SessionStore for RedisStore {
    async fn session(&self, key: &Digest) -> Result<Option<SessionRecord>, StoreError> {
        let key = self.0.names.session(key);
        let mut get = cmd("HGETALL");
        get.arg(&key);
        let answer = self.0.redis.within(self.0.redis.read(&key, get)).await?;
        record::session(&answer)
    }

    async fn commit(&self, change: SessionChange) -> Result<Committed, StoreError> {
        let redis = &self.0.redis;
        match change {
            SessionChange::Create(key, record) => redis.within(self.create(&key, &record)).await,
            SessionChange::Save(key, record) => redis.within(self.save(&key, &record)).await,
            SessionChange::Touch(key, last_seen_at, expires_at) => {
                redis.within(self.touch(&key, last_seen_at, expires_at)).await
            }
            SessionChange::Cycle(from, to, record) if redis.is_cluster() => {
                self.wholly(|store| async move { store.cycle_in_cluster(&from, &to, &record).await }).await
            }
            SessionChange::Cycle(from, to, record) => redis.within(self.cycle(&from, &to, &record)).await,
            SessionChange::Flush(key) => redis.within(self.flush(&key)).await,
            _ => Err(StoreError::Unsupported("commit")),
        }
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        let verb = async {
            let keys = self.indexed(user).await?;
            let mut found = self.records(&keys).await?;
            found.retain(|(_, record)| record.user.as_ref() == Some(user));
            found.sort_by(|(left, a), (right, b)| b.last_seen_at.cmp(&a.last_seen_at).then(left.cmp(right)));
            Ok(found)
        };
        self.0.redis.within(verb).await
    }

    async fn end_session(&self, user: &UserId, key: &Digest) -> Result<bool, StoreError> {
        let (key, owner) = (self.0.names.session(key), owner(Some(user)));
        let (keys, arguments) = ([key.as_str()], [owner.as_str(), ""]);
        let end = self.0.redis.durable(&SESSION_END, &keys, &arguments);
        Ok(record::count(&self.0.redis.within(end).await?)? > 0)
    }

    async fn end_sessions(&self, user: &UserId, except: Option<&Digest>) -> Result<u64, StoreError> {
        let (user, except) = (user.clone(), except.copied());
        self.wholly(|store| async move { store.end_all(&user, except).await }).await
    }

    async fn purge_sessions(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.purge_sessions_by(now, limit).await
    }
}

impl RedisStore {
    async fn create(&self, key: &Digest, record: &SessionRecord) -> Result<Committed, StoreError> {
        self.index(key, record).await?;
        let key = self.0.names.session(key);
        let answer = self.put(&SESSION_CREATE, &[&key], &[], record, false).await?;
        committed(&answer, Committed::Taken)
    }

    async fn save(&self, key: &Digest, record: &SessionRecord) -> Result<Committed, StoreError> {
        let name = self.0.names.session(key);
        let is_indexed = if record.user.is_none() { "1" } else { "0" };
        let mut answer = self.put(&SESSION_SAVE, &[&name], &[is_indexed], record, false).await?;
        if answer == Value::Int(2) {
            self.index(key, record).await?;
            answer = self.put(&SESSION_SAVE, &[&name], &["1"], record, false).await?;
        }
        committed(&answer, Committed::Gone)
    }

    async fn touch(
        &self,
        key: &Digest,
        last_seen_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Committed, StoreError> {
        let key = self.0.names.session(key);
        let (seen, ends) = (last_seen_at.as_micros().to_string(), expires_at.as_micros().to_string());
        let life = time_to_live(last_seen_at, expires_at);
        let answer = self.0.redis.write(&SESSION_TOUCH, &[&key], &[&life, &seen, &ends]).await?;
        committed(&answer, Committed::Gone)
    }

    async fn flush(&self, key: &Digest) -> Result<Committed, StoreError> {
        let key = self.0.names.session(key);
        committed(&self.0.redis.durable(&SESSION_FLUSH, &[&key], &[]).await?, Committed::Gone)
    }

    async fn cycle(
        &self,
        from: &Digest,
        to: &Digest,
        record: &SessionRecord,
    ) -> Result<Committed, StoreError> {
        self.index(to, record).await?;
        let (from, to) = (self.0.names.session(from), self.0.names.session(to));
        match self.put(&SESSION_CYCLE, &[&from, &to], &[], record, true).await? {
            Value::Int(2) => Ok(Committed::Taken),
            answer => committed(&answer, Committed::Gone),
        }
    }

    async fn cycle_in_cluster(
        &self,
        from: &Digest,
        to: &Digest,
        record: &SessionRecord,
    ) -> Result<Committed, StoreError> {
        self.index(to, record).await?;
        let (claim, name) = (from.to_string(), self.0.names.session(to));
        let life = self.claim_life();
        let claimed = self.0.redis.write(&SESSION_CLAIM, &[&name], &[&claim, &life]).await?;
        if record::count(&claimed)? == 0 {
            let is_there = self.session(from).await?.is_some();
            return Ok(if is_there { Committed::Taken } else { Committed::Gone });
        }
        match self.flush(from).await {
            Ok(Committed::Done) => {}
            otherwise => {
                self.0.redis.write(&SESSION_RELEASE, &[&name], &[&claim]).await?;
                return otherwise;
            }
        }
        match self.put(&SESSION_FILL, &[&name], &[&claim], record, true).await? {
            Value::Int(1) => Ok(Committed::Done),
            // An end of all sessions came in between.
            _ => Ok(Committed::Gone),
        }
    }

    /// Writes a whole record by a script: arguments of its own, the time to live, and the fields.
    async fn put(
        &self,
        script: &Script,
        keys: &[&str],
        own: &[&str],
        record: &SessionRecord,
        is_durable: bool,
    ) -> Result<Value, StoreError> {
        let life = time_to_live(record.last_seen_at, record.expires_at);
        let fields = session_fields(record);
        let mut arguments = vec![life.as_str()];
        arguments.extend_from_slice(own);
        arguments.extend(fields.iter().map(String::as_str));
        if is_durable {
            self.0.redis.durable(script, keys, &arguments).await
        } else {
            self.0.redis.write(script, keys, &arguments).await
        }
    }

    /// Names a session in the index of its user, before it is there.
    async fn index(&self, key: &Digest, record: &SessionRecord) -> Result<(), StoreError> {
        let Some(user) = &record.user else { return Ok(()) };
        let index = self.0.names.sessions_of(&user.to_string());
        let (redis, key) = (&self.0.redis, key.to_string());
        let (keys, arguments) = ([index.as_str()], [key.as_str(), OLD]);
        let answer = if redis.is_cluster() {
            redis.durable(&INDEX_ADD, &keys, &arguments).await?
        } else {
            redis.write(&INDEX_ADD, &keys, &arguments).await?
        };
        let [before, old] = record::list(&answer)? else { return Err(corrupt("an index is corrupt")) };
        let (before, old) = (record::text(before)?.to_owned(), digests(old)?);
        if !old.is_empty() {
            let owner = owner(Some(user));
            self.beside(|store| async move { store.sweep_index(&index, &owner, &before, old).await });
        }
        Ok(())
    }

    /// Takes those out of an index that are not there, or are another user's.
    pub(crate) async fn sweep_index(
        &self,
        index: &str,
        owner: &str,
        before: &str,
        keys: Vec<Digest>,
    ) -> Result<(), StoreError> {
        let lookups = keys.iter().map(|key| {
            let name = self.0.names.session(key);
            let mut get = cmd("HGET");
            get.arg(&name).arg("u");
            (name, get)
        });
        let owners = readable(self.0.redis.answers(lookups.collect()).await?)?;
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let mut arguments = vec![before];
        for (key, found) in keys.iter().zip(&owners) {
            // What cannot be read stays where the end of all finds it.
            let is_there =
                found.as_ref().is_none_or(|found| record::text(found).is_ok_and(|found| found == owner));
            arguments.extend([key.as_str(), if is_there { "0" } else { "1" }]);
        }
        self.0.redis.write(&INDEX_DROP, &[index], &arguments).await.map(drop)
    }

    /// Lists what a user's index names, also what is not there (yet, or any more).
    async fn indexed(&self, user: &UserId) -> Result<Vec<Digest>, StoreError> {
        let index = self.0.names.sessions_of(&user.to_string());
        let mut range = cmd("ZRANGE");
        range.arg(&index).arg(0).arg(-1);
        digests(&self.0.redis.read(&index, range).await?)
    }

    async fn records(&self, keys: &[Digest]) -> Result<Vec<(Digest, SessionRecord)>, StoreError> {
        let lookups = keys.iter().map(|key| {
            let name = self.0.names.session(key);
            let mut get = cmd("HGETALL");
            get.arg(&name);
            (name, get)
        });
        let answers = self.0.redis.read_all(lookups.collect()).await?;
        let mut found = Vec::new();
        for (key, answer) in keys.iter().zip(&answers) {
            found.extend(record::session(answer)?.map(|record| (*key, record)));
        }
        Ok(found)
    }

    async fn end_all(&self, user: &UserId, except: Option<Digest>) -> Result<u64, StoreError> {
        let (mut seen, mut ended): (HashSet<_>, _) = (except.into_iter().collect(), 0);
        for round in 0.. {
            let mut keys = self.indexed(user).await?;
            keys.retain(|key| seen.insert(*key));
            if keys.is_empty() {
                break;
            }
            // A login that began meanwhile may come afterwards: it is not chased from key to key.
            let is_closed = round < CLOSING_ROUNDS;
            let mut outage = None;
            for keys in keys.chunks(CHUNK) {
                match self.end_each(user, keys, is_closed).await {
                    Ok(count) => ended += count,
                    Err(error) => outage = Some(error),
                }
            }
            if let Some(outage) = outage {
                return Err(outage);
            }
        }
        Ok(ended)
    }

    /// Ends some sessions, and takes them out of the index at once: where one call has too little time for all, the next
    /// one must come further.
    async fn end_each(&self, user: &UserId, keys: &[Digest], is_closed: bool) -> Result<u64, StoreError> {
        let (owner, closed) = (owner(Some(user)), self.claim_life());
        let names: Vec<String> = keys.iter().map(|key| self.0.names.session(key)).collect();
        let arguments = [owner.as_str(), if is_closed { &closed } else { "" }];
        let answers = self.0.redis.durable_all(&SESSION_END, &names, &arguments).await?;
        let mut ended = Vec::new();
        for (key, answer) in keys.iter().zip(&answers) {
            if record::count(answer)? > 0 {
                ended.push(key.to_string());
            }
        }
        if !ended.is_empty() {
            // Those that are gone now; what was not there may be a creation under way, and keeps its place.
            let index = self.0.names.sessions_of(&user.to_string());
            let mut arguments = vec!["+inf"];
            arguments.extend(ended.iter().flat_map(|key| [key.as_str(), "1"]));
            // What the index names too much does no harm.
            let _ = self.0.redis.write(&INDEX_DROP, &[&index], &arguments).await;
        }
        Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX))
    }

    /// Writes how many milliseconds a key is taken: longer than any verb that may want it.
    fn claim_life(&self) -> String {
        (self.0.redis.timeout().as_millis() * 2).max(CLAIM).to_string()
    }
}

fn committed(answer: &Value, otherwise: Committed) -> Result<Committed, StoreError> {
    Ok(if record::count(answer)? == 1 { Committed::Done } else { otherwise })
}

/// Reads the members of an index.
pub(crate) fn digests(value: &Value) -> Result<Vec<Digest>, StoreError> {
    record::list(value)?.iter().map(|member| record::digest(record::text(member)?)).collect()
}
