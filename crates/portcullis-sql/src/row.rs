//! What rows say, read with suspicion.
//!
//! 1. A value of the wrong type, length or range is an outage: a row that Portcullis did not write lets nobody in.
//! 2. Columns are read in the order in which the statement names them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use portcullis::store::{CounterState, RefreshRecord, RefreshState, SessionRecord, StoreError, TokenRecord};
use portcullis::{Account, Digest, Scopes, Timestamp, UserId};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};

/// Reads one row from left to right.
pub(crate) struct Reader<'r> {
    row: &'r SqliteRow,
    column: usize,
}

impl<'r> Reader<'r> {
    pub(crate) const fn new(row: &'r SqliteRow) -> Self {
        Self { row, column: 0 }
    }

    pub(crate) fn optional<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> Result<Option<T>, StoreError> {
        let value = self.row.try_get(self.column).map_err(StoreError::unavailable)?;
        self.column += 1;
        Ok(value)
    }

    pub(crate) fn required<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> Result<T, StoreError> {
        self.optional()?.ok_or_else(|| corrupt("a value is missing"))
    }

    /// Reads a token.
    pub(crate) fn token(&mut self) -> Result<TokenRecord, StoreError> {
        let digest = self.digest()?;
        let user = UserId::from(self.required::<&str>()?);
        let name = self.required()?;
        let scopes = self.optional()?.map(Scopes::parse);
        let mut token = TokenRecord::new(digest, user, self.time()?);
        token.name = name;
        token.scopes = scopes;
        token.expires_at = self.optional()?.map(Timestamp::from_micros);
        token.idle = self.optional()?.map(duration).transpose()?;
        token.last_used_at = self.optional()?.map(Timestamp::from_micros);
        Ok(token)
    }

    /// Reads a session and its key.
    pub(crate) fn session(&mut self) -> Result<(Digest, SessionRecord), StoreError> {
        let key = self.digest()?;
        let user = self.optional::<&str>()?.map(UserId::from);
        let epoch = self.required()?;
        let (created_at, last_seen_at, expires_at) = (self.time()?, self.time()?, self.time()?);
        let mut session = SessionRecord::new(created_at, expires_at);
        session.user = user;
        session.epoch = epoch;
        session.last_seen_at = last_seen_at;
        session.data = self.required::<&str>()?.into();
        session.label = self.required::<&str>()?.into();
        Ok((key, session))
    }

    /// Reads a refresh token.
    pub(crate) fn refresh(&mut self) -> Result<RefreshRecord, StoreError> {
        let (id, family) = (self.digest()?, self.digest()?);
        let user = self.optional::<&str>()?.map(UserId::from);
        let mut token = RefreshRecord::new(id, user, self.time()?, self.time()?);
        token.family = family;
        token.deadline = self.time()?;
        token.state = self.refresh_state()?;
        Ok(token)
    }

    fn refresh_state(&mut self) -> Result<RefreshState, StoreError> {
        let state = self.required::<&str>()?;
        let (at, to) = (self.optional::<i64>()?, self.optional::<&[u8]>()?);
        match (state, at, to) {
            ("live", None, None) => Ok(RefreshState::Live),
            ("rotated", Some(at), Some(to)) => {
                Ok(RefreshState::Rotated { at: Timestamp::from_micros(at), to: digest(to)? })
            }
            ("revoked", None, None) => Ok(RefreshState::Revoked),
            _ => Err(corrupt("a refresh token is in no state")),
        }
    }

    /// Reads the state of a counter.
    pub(crate) fn counter(&mut self) -> Result<CounterState, StoreError> {
        let bytes = self.required::<&[u8]>()?;
        let (numbers, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(corrupt("a counter is not made of whole numbers"));
        }
        Ok(CounterState::from_micros(numbers.iter().map(|number| i64::from_be_bytes(*number)).collect()))
    }

    /// Reads an account; nothing when the statement found none to join.
    pub(crate) fn account(&mut self) -> Result<Option<Arc<Account>>, StoreError> {
        let Some(id) = self.optional::<i64>()? else { return Ok(None) };
        let mut account = Account::new(id, self.required::<&str>()?);
        account.email = self.required()?;
        account.is_active = self.flag()?;
        account.is_staff = self.flag()?;
        account.is_superuser = self.flag()?;
        account.auth_epoch = self.required()?;
        account.created_at = self.time()?;
        account.groups = self.names()?;
        account.codenames = self.names()?;
        Ok(Some(Arc::new(account)))
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, StoreError> {
        digest(self.required()?)
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.required().map(Timestamp::from_micros)
    }

    fn flag(&mut self) -> Result<bool, StoreError> {
        match self.required::<i64>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(corrupt("a flag is neither 0 nor 1")),
        }
    }

    fn names(&mut self) -> Result<HashSet<String>, StoreError> {
        match self.required::<&str>()? {
            "[]" => Ok(HashSet::new()),
            json => serde_json::from_str(json).map_err(StoreError::unavailable),
        }
    }
}

fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    bytes.try_into().map(Digest::from_bytes).map_err(|_| corrupt("a digest is not 32 bytes long"))
}

fn duration(micros: i64) -> Result<Duration, StoreError> {
    u64::try_from(micros).map(Duration::from_micros).map_err(|_| corrupt("a duration is negative"))
}

fn corrupt(what: &'static str) -> StoreError {
    StoreError::unavailable(what)
}

/// Writes names for the database to take apart. A name with NUL is refused: the database would cut it there, and make
/// of it another name.
pub(crate) fn names(names: &BTreeSet<String>) -> Result<String, StoreError> {
    if names.iter().any(|name| name.contains('\0')) {
        return Err(StoreError::unavailable("a name holds NUL"));
    }
    serde_json::to_string(names).map_err(StoreError::unavailable)
}
