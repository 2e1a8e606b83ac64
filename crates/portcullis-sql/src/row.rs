//! What rows say, read with suspicion.
//!
//! 1. A value of the wrong type, length or range is an outage: a row that Portcullis did not write lets nobody in.
//! 2. Columns are read in the order in which the statement names them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use portcullis::store::{CounterState, RefreshRecord, RefreshState, SessionRecord, StoreError, TokenRecord};
use portcullis::{Account, Digest, Scopes, Timestamp, UserId};

use crate::engine::Engine;

/// Reads one row from left to right.
pub(crate) struct Reader<'r, E: Engine> {
    row: &'r E::Row,
    column: usize,
}

impl<'r, E: Engine> Reader<'r, E> {
    pub(crate) const fn new(row: &'r E::Row) -> Self {
        Self { row, column: 0 }
    }

    const fn next(&mut self) -> usize {
        let column = self.column;
        self.column += 1;
        column
    }

    fn int(&mut self) -> Result<Option<i64>, StoreError> {
        let column = self.next();
        E::int(self.row, column)
    }

    pub(crate) fn text(&mut self) -> Result<Option<&'r str>, StoreError> {
        let column = self.next();
        E::text(self.row, column)
    }

    fn bytes(&mut self) -> Result<Option<&'r [u8]>, StoreError> {
        let column = self.next();
        E::bytes(self.row, column)
    }

    fn flag(&mut self) -> Result<bool, StoreError> {
        let column = self.next();
        required(E::flag(self.row, column)?)
    }

    /// Reads a number that is there.
    pub(crate) fn number(&mut self) -> Result<i64, StoreError> {
        required(self.int()?)
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.number().map(Timestamp::from_micros)
    }

    /// Reads a token.
    pub(crate) fn token(&mut self) -> Result<TokenRecord, StoreError> {
        let digest = self.digest()?;
        let user = UserId::from(required(self.text()?)?);
        let name = required(self.text()?)?.to_owned();
        let scopes = self.text()?.map(Scopes::parse);
        let mut token = TokenRecord::new(digest, user, self.time()?);
        token.name = name;
        token.scopes = scopes;
        token.expires_at = self.int()?.map(Timestamp::from_micros);
        token.idle = self.int()?.map(duration).transpose()?;
        token.last_used_at = self.int()?.map(Timestamp::from_micros);
        Ok(token)
    }

    /// Reads a session and its key.
    pub(crate) fn session(&mut self) -> Result<(Digest, SessionRecord), StoreError> {
        let key = self.digest()?;
        let user = self.text()?.map(UserId::from);
        let epoch = self.number()?;
        let (created_at, last_seen_at, expires_at) = (self.time()?, self.time()?, self.time()?);
        let mut session = SessionRecord::new(created_at, expires_at);
        session.user = user;
        session.epoch = epoch;
        session.last_seen_at = last_seen_at;
        session.data = required(self.text()?)?.into();
        session.label = required(self.text()?)?.into();
        Ok((key, session))
    }

    /// Reads a refresh token.
    pub(crate) fn refresh(&mut self) -> Result<RefreshRecord, StoreError> {
        let (id, family) = (self.digest()?, self.digest()?);
        let user = self.text()?.map(UserId::from);
        let mut token = RefreshRecord::new(id, user, self.time()?, self.time()?);
        token.family = family;
        token.deadline = self.time()?;
        token.state = self.refresh_state()?;
        Ok(token)
    }

    fn refresh_state(&mut self) -> Result<RefreshState, StoreError> {
        let state = required(self.text()?)?;
        let (at, to) = (self.int()?, self.bytes()?);
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
        let bytes = required(self.bytes()?)?;
        let (numbers, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(corrupt("a counter is not made of whole numbers"));
        }
        Ok(CounterState::from_micros(numbers.iter().map(|number| i64::from_be_bytes(*number)).collect()))
    }

    /// Reads an account; nothing when the statement found none to join.
    pub(crate) fn account(&mut self) -> Result<Option<Arc<Account>>, StoreError> {
        let Some(id) = self.int()? else { return Ok(None) };
        let mut account = Account::new(id, required(self.text()?)?);
        account.email = required(self.text()?)?.to_owned();
        account.is_active = self.flag()?;
        account.is_staff = self.flag()?;
        account.is_superuser = self.flag()?;
        account.auth_epoch = self.number()?;
        account.created_at = self.time()?;
        account.groups = self.names()?;
        account.codenames = self.names()?;
        Ok(Some(Arc::new(account)))
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, StoreError> {
        digest(required(self.bytes()?)?)
    }

    fn names(&mut self) -> Result<HashSet<String>, StoreError> {
        match required(self.text()?)? {
            "[]" => Ok(HashSet::new()),
            json => serde_json::from_str(json).map_err(StoreError::unavailable),
        }
    }
}

fn required<T>(value: Option<T>) -> Result<T, StoreError> {
    value.ok_or_else(|| corrupt("a value is missing"))
}

fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    bytes.try_into().map(Digest::from_bytes).map_err(|_| corrupt("a digest is not 32 bytes long"))
}

fn duration(micros: i64) -> Result<Duration, StoreError> {
    u64::try_from(micros).map(Duration::from_micros).map_err(|_| corrupt("a duration is negative"))
}

pub(crate) fn corrupt(what: &'static str) -> StoreError {
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
