//! Refresh tokens.
//!
//! 1. A rotation, a revocation, the end of a family or of all families of a user is one script, thus one step.
//! 2. Rows of tokens that were rotated or revoked stay until the token has expired, by the server's time to live.
//! 3. The row is believed, not what is presented: of the latter only a token that no row knows, and is adopted, is read.

use async_trait::async_trait;
use portcullis::store::{
    Purged, RefreshRecord, RefreshState, RefreshStore, Revocation, Rotated, Rotation, StoreError,
};
use portcullis::{Digest, Timestamp, UserId};
use redis::{Value, cmd};

use crate::error::corrupt;
use crate::key::Tag;
use crate::record::{self, owner, pointer_time_to_live, refresh_values, time_to_live};
use crate::script::{
    REFRESH_ALL, REFRESH_CREATE, REFRESH_FAMILY, REFRESH_LIST, REFRESH_REVOKE, REFRESH_ROTATE,
};
use crate::store::RedisStore;

#[async_trait]
impl RefreshStore for RedisStore {
    async fn create_refresh(&self, record: RefreshRecord) -> Result<(), StoreError> {
        self.0.redis.within(self.create_token(&record)).await
    }

    async fn refresh(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        self.0.redis.within(self.find_token(id)).await
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.0.redis.within(self.rotate(&rotation)).await
    }

    async fn revoke_refresh(&self, presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError> {
        self.0.redis.within(self.revoke(presented, adopts)).await
    }

    async fn refresh_of(&self, user: &UserId) -> Result<Vec<RefreshRecord>, StoreError> {
        let tag = Tag::of_user(user);
        let (live, prefix) = (self.0.names.live(&tag), self.0.names.refresh_prefix(&tag));
        let (keys, arguments) = ([live.as_str()], [prefix.as_str()]);
        let answer = self.0.redis.within(self.0.redis.read_by(&REFRESH_LIST, &keys, &arguments)).await?;
        let mut tokens = Vec::new();
        let (rows, _) = record::list(&answer)?.as_chunks::<2>();
        for [id, row] in rows {
            let id = record::digest(record::text(id)?)?;
            tokens.extend(record::refresh(&id, row)?);
        }
        tokens.retain(|token| token.state == RefreshState::Live && token.user.as_ref() == Some(user));
        tokens.sort_by(|a, b| b.created_at.cmp(&a.created_at).then(a.id.cmp(&b.id)));
        Ok(tokens)
    }

    async fn revoke_refresh_family(&self, user: &UserId, family: &Digest) -> Result<bool, StoreError> {
        let tag = Tag::of_user(user);
        let (live, prefix) = (self.0.names.live(&tag), self.0.names.refresh_prefix(&tag));
        let family = family.to_string();
        let (keys, arguments) = ([live.as_str()], [prefix.as_str(), &family]);
        let end = self.0.redis.durable(&REFRESH_FAMILY, &keys, &arguments);
        Ok(record::count(&self.0.redis.within(end).await?)? > 0)
    }

    async fn revoke_refresh_all(&self, user: &UserId) -> Result<u64, StoreError> {
        let tag = Tag::of_user(user);
        let (live, prefix) = (self.0.names.live(&tag), self.0.names.refresh_prefix(&tag));
        let (keys, arguments) = ([live.as_str()], [prefix.as_str()]);
        let end = self.0.redis.durable(&REFRESH_ALL, &keys, &arguments);
        record::count(&self.0.redis.within(end).await?)
    }

    async fn purge_refresh(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.purge_refresh_by(now, limit).await
    }
}

impl RedisStore {
    async fn create_token(&self, record: &RefreshRecord) -> Result<(), StoreError> {
        let tag = Tag::of_record(record);
        let pointer_life = pointer_time_to_live(record.created_at, record.expires_at);
        if self.point(&record.id, &tag, &pointer_life).await?.is_some() {
            return Err(StoreError::Conflict);
        }
        let (id, life) = (record.id.to_string(), time_to_live(record.created_at, record.expires_at));
        let values = refresh_values(record);
        let mut arguments = vec![id.as_str(), &life];
        arguments.extend(values.iter().map(String::as_str));
        let (row, live) = (self.0.names.refresh(&tag, &record.id), self.0.names.live(&tag));
        match record::count(&self.0.redis.write(&REFRESH_CREATE, &[&row, &live], &arguments).await?)? {
            0 => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }

    async fn find_token(&self, id: &Digest) -> Result<Option<RefreshRecord>, StoreError> {
        let Some(tag) = self.tag_of(id).await? else { return Ok(None) };
        let row = self.0.names.refresh(&tag, id);
        let mut get = cmd("HGETALL");
        get.arg(&row);
        let found = record::refresh(id, &self.0.redis.read(&row, get).await?)?;
        match found {
            Some(record) if Tag::of_record(&record) != tag => {
                Err(corrupt("a refresh token is another user's"))
            }
            found => Ok(found),
        }
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let (presented, next) = (&rotation.presented, &rotation.next);
        if presented.id == *next {
            return Err(StoreError::Conflict);
        }
        let tag = match self.tag_of(&presented.id).await? {
            Some(tag) => tag,
            None if rotation.adopts => self.adopt(presented).await?,
            None if self.find_token(next).await?.is_some() => return Err(StoreError::Conflict),
            None => return Ok(Rotated::Unknown),
        };
        let next_life = pointer_time_to_live(rotation.now, rotation.next_expires_at);
        if self.point(next, &tag, &next_life).await?.is_some() {
            return Err(StoreError::Conflict);
        }
        let rotated = self.rotate_under(&tag, rotation).await;
        if matches!(rotated, Ok(Rotated::Reused { .. } | Rotated::Revoked | Rotated::Unknown)) {
            // No token will lie there; a pointer that stays does no harm.
            let _ = self.unpoint(next).await;
        }
        rotated
    }

    /// Sets the pointer of a token that is to be adopted; another node may have done so a moment before.
    async fn adopt(&self, presented: &RefreshRecord) -> Result<Tag, StoreError> {
        // Of a token that no row knows the family is not believed: it is the first of its own.
        let tag = Tag::of(presented.user.as_ref(), &presented.id);
        let life = pointer_time_to_live(presented.created_at, presented.expires_at);
        Ok(self.point(&presented.id, &tag, &life).await?.unwrap_or(tag))
    }

    async fn rotate_under(&self, tag: &Tag, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let (presented, now) = (&rotation.presented, rotation.now.as_micros().to_string());
        // `Rotation::forgives`, as a bound: the scripts compare, they do not subtract.
        let earliest = rotation.now.before(rotation.grace).as_micros().to_string();
        let is_adoptable = rotation.adopts && *tag == Tag::of(presented.user.as_ref(), &presented.id);
        let arguments = [
            presented.id.to_string(),
            rotation.next.to_string(),
            now,
            if rotation.grace.is_zero() { String::new() } else { earliest },
            u8::from(is_adoptable).to_string(),
            rotation.next_expires_at.as_micros().to_string(),
            time_to_live(rotation.now, rotation.next_expires_at),
            time_to_live(presented.created_at, presented.expires_at),
            owner(presented.user.as_ref()),
            presented.created_at.as_micros().to_string(),
            presented.expires_at.as_micros().to_string(),
            presented.deadline.as_micros().to_string(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (row, next) =
            (self.0.names.refresh(tag, &presented.id), self.0.names.refresh(tag, &rotation.next));
        let keys = [row.as_str(), &next, &self.0.names.live(tag)];
        let answer = self.0.redis.durable(&REFRESH_ROTATE, &keys, &arguments).await?;
        rotated(rotation, &answer)
    }

    async fn revoke(&self, mut presented: RefreshRecord, adopts: bool) -> Result<Revocation, StoreError> {
        let tag = match self.tag_of(&presented.id).await? {
            Some(tag) => tag,
            None if adopts => self.adopt(&presented).await?,
            None => return Ok(Revocation::Unknown),
        };
        presented.family = presented.id;
        presented.state = RefreshState::Revoked;
        let adopts = if adopts && tag == Tag::of_record(&presented) { "1" } else { "0" };
        let (id, life) = (presented.id.to_string(), time_to_live(presented.created_at, presented.expires_at));
        let values = refresh_values(&presented);
        let mut arguments = vec![id.as_str(), adopts, &life];
        arguments.extend(values.iter().map(String::as_str));
        let (row, live) = (self.0.names.refresh(&tag, &presented.id), self.0.names.live(&tag));
        let answer = self.0.redis.durable(&REFRESH_REVOKE, &[&row, &live], &arguments).await?;
        match record::text(&answer)? {
            "done" => Ok(Revocation::Done),
            "already" => Ok(Revocation::Already),
            "unknown" => Ok(Revocation::Unknown),
            _ => Err(corrupt("a revocation is corrupt")),
        }
    }
}

fn rotated(rotation: &Rotation, answer: &Value) -> Result<Rotated, StoreError> {
    let parts = record::list(answer)?.iter().map(record::text).collect::<Result<Vec<_>, _>>()?;
    match parts.as_slice() {
        ["done", user, family, created_at, expires_at, deadline] => {
            let (created_at, expires_at) = (record::time(created_at)?, record::time(expires_at)?);
            let mut new = RefreshRecord::new(rotation.next, record::user(user)?, created_at, expires_at);
            new.family = record::digest(family)?;
            new.deadline = record::time(deadline)?;
            Ok(Rotated::Done(new))
        }
        ["reused", user, family] => {
            Ok(Rotated::Reused { user: record::user(user)?, family: record::digest(family)? })
        }
        ["revoked", ..] => Ok(Rotated::Revoked),
        ["unknown"] => Ok(Rotated::Unknown),
        ["conflict"] => Err(StoreError::Conflict),
        _ => Err(corrupt("a rotation is corrupt")),
    }
}
