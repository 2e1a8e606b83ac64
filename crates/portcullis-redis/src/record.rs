//! Records at rest, read with suspicion.
//!
//! 1. A session or a refresh token is a hash with a version and all of its fields, no more and no less; a number is
//!    written as Rust writes it. What is written otherwise was not written by Portcullis: it is an outage, and lets nobody in.
//! 2. Records carry their expiry, which the clock of Portcullis judges. The server's time to live only collects: it is
//!    a duration, since the two clocks need not agree, and it has a margin.

use std::time::Duration;

use portcullis::store::{CounterState, Limit, RefreshRecord, RefreshState, SessionRecord, StoreError};
use portcullis::{Digest, Timestamp, UserId};
use redis::Value;

use crate::error::corrupt;

/// The form of the records.
const VERSION: &str = "1";
/// How long a session or a refresh token stays after its end.
const MARGIN: Duration = Duration::from_secs(86_400);
/// How long a counter stays after its end.
const COUNTER_MARGIN: Duration = Duration::from_secs(3_600);
/// What lives longer is not collected at all.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Writes how many milliseconds a key lives; nothing for ever.
pub(crate) fn time_to_live(from: Timestamp, to: Timestamp) -> String {
    with_margin(from, to, MARGIN)
}

/// Writes how many milliseconds the pointer to a refresh token lives: longer than the token.
pub(crate) fn pointer_time_to_live(from: Timestamp, to: Timestamp) -> String {
    with_margin(from, to, MARGIN * 2)
}

fn with_margin(from: Timestamp, to: Timestamp, margin: Duration) -> String {
    let life = to.since(from);
    if to == Timestamp::MAX || life > FOR_EVER {
        String::new()
    } else {
        (life + margin).as_millis().to_string()
    }
}

/// Writes whose a session is.
pub(crate) fn owner(user: Option<&UserId>) -> String {
    user.map(|user| format!("={user}")).unwrap_or_default()
}

/// Writes the fields of a session with their values; the user comes first.
pub(crate) fn session_fields(record: &SessionRecord) -> [String; 16] {
    [
        ("u", owner(record.user.as_ref())),
        ("v", VERSION.to_owned()),
        ("e", record.epoch.to_string()),
        ("c", record.created_at.as_micros().to_string()),
        ("s", record.last_seen_at.as_micros().to_string()),
        ("x", record.expires_at.as_micros().to_string()),
        ("d", record.data.to_string()),
        ("l", record.label.to_string()),
    ]
    .map(|(name, value)| [name.to_owned(), value])
    .as_flattened()
    .to_vec()
    .try_into()
    .unwrap_or_else(|_: Vec<String>| Default::default())
}

/// Reads a session; a claim is none yet.
pub(crate) fn session(value: &Value) -> Result<Option<SessionRecord>, StoreError> {
    let mut fields = Fields::read(value)?;
    if fields.is_empty() || fields.is_claim() {
        return Ok(None);
    }
    fields.expect_version()?;
    let user = user(fields.text("u")?)?;
    let (epoch, created_at) = (fields.number("e")?, fields.time("c")?);
    let last_seen_at = fields.time("s")?;
    let mut record = SessionRecord::new(created_at, fields.time("x")?);
    record.user = user;
    record.epoch = epoch;
    record.last_seen_at = last_seen_at;
    record.data = fields.text("d")?.into();
    record.label = fields.text("l")?.into();
    fields.end()?;
    Ok(Some(record))
}

/// Writes the values of a refresh token in the order in which the scripts have their fields.
pub(crate) fn refresh_values(record: &RefreshRecord) -> [String; 9] {
    let (state, at, to) = match &record.state {
        RefreshState::Live => ("live", String::new(), String::new()),
        RefreshState::Rotated { at, to } => ("rotated", at.as_micros().to_string(), to.to_string()),
        RefreshState::Revoked => ("revoked", String::new(), String::new()),
    };
    [
        VERSION.to_owned(),
        record.family.to_string(),
        owner(record.user.as_ref()),
        record.created_at.as_micros().to_string(),
        record.expires_at.as_micros().to_string(),
        record.deadline.as_micros().to_string(),
        state.to_owned(),
        at,
        to,
    ]
}

/// Reads a refresh token.
pub(crate) fn refresh(id: &Digest, value: &Value) -> Result<Option<RefreshRecord>, StoreError> {
    let mut fields = Fields::read(value)?;
    if fields.is_empty() {
        return Ok(None);
    }
    fields.expect_version()?;
    let family = digest(fields.text("f")?)?;
    let user = user(fields.text("u")?)?;
    let mut record = RefreshRecord::new(*id, user, fields.time("c")?, fields.time("x")?);
    record.family = family;
    record.deadline = fields.time("m")?;
    record.state = match (fields.text("s")?, fields.text("a")?, fields.text("t")?) {
        ("live", "", "") => RefreshState::Live,
        ("rotated", at, to) => {
            RefreshState::Rotated { at: Timestamp::from_micros(number(at)?), to: digest(to)? }
        }
        ("revoked", "", "") => RefreshState::Revoked,
        _ => return Err(corrupt("a refresh token is in no state")),
    };
    fields.end()?;
    Ok(Some(record))
}

/// Writes a counter: when it ends, and its numbers.
pub(crate) fn counter_text(state: &CounterState, limit: &Limit) -> String {
    let numbers: Vec<String> = state.as_micros().iter().map(ToString::to_string).collect();
    format!("{}:{}", state.ends_at(limit).as_micros(), numbers.join(","))
}

/// Writes how many milliseconds a counter lives.
pub(crate) fn counter_time_to_live(state: &CounterState, limit: &Limit, now: Timestamp) -> String {
    with_margin(now, state.ends_at(limit), COUNTER_MARGIN)
}

/// Reads a counter: when it ends, and its state.
pub(crate) fn counter(text: &str) -> Result<(Timestamp, CounterState), StoreError> {
    let (ends_at, numbers) = text.split_once(':').ok_or_else(|| corrupt("a counter is corrupt"))?;
    let numbers = match numbers {
        "" => Vec::new(),
        numbers => numbers.split(',').map(number).collect::<Result<_, _>>()?,
    };
    Ok((Timestamp::from_micros(number(ends_at)?), CounterState::from_micros(numbers)))
}

/// Reads whose something is.
pub(crate) fn user(text: &str) -> Result<Option<UserId>, StoreError> {
    match (text, text.strip_prefix('=')) {
        ("", _) => Ok(None),
        (_, Some(id)) => Ok(Some(UserId::from(id))),
        (_, None) => Err(corrupt("a user is corrupt")),
    }
}

pub(crate) fn digest(text: &str) -> Result<Digest, StoreError> {
    text.parse().map_err(|_| corrupt("a digest is corrupt"))
}

pub(crate) fn time(text: &str) -> Result<Timestamp, StoreError> {
    number(text).map(Timestamp::from_micros)
}

/// Reads a number; `+1`, `01` and `-0` were not written here.
fn number(text: &str) -> Result<i64, StoreError> {
    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    number.ok_or_else(|| corrupt("a number is corrupt"))
}

/// Reads a text.
pub(crate) fn text(value: &Value) -> Result<&str, StoreError> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).map_err(|_| corrupt("a text is not UTF-8")),
        Value::SimpleString(text) => Ok(text),
        _ => Err(corrupt("a text is missing")),
    }
}

/// Reads a list.
pub(crate) fn list(value: &Value) -> Result<&[Value], StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(corrupt("a list is missing")),
    }
}

/// Reads how many a script changed.
pub(crate) fn count(value: &Value) -> Result<u64, StoreError> {
    match value {
        Value::Int(number) => u64::try_from(*number).map_err(|_| corrupt("a count is negative")),
        _ => Err(corrupt("a count is missing")),
    }
}

/// The fields of a hash that nobody has asked for yet.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    fn read(value: &'a Value) -> Result<Self, StoreError> {
        let (pairs, rest) = list(value)?.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(corrupt("a hash is corrupt"));
        }
        pairs.iter().map(|[name, value]| Ok((text(name)?, text(value)?))).collect::<Result<_, _>>().map(Self)
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether this is the place of a session to come.
    fn is_claim(&self) -> bool {
        matches!(self.0.as_slice(), [("claim", _)])
    }

    fn expect_version(&mut self) -> Result<(), StoreError> {
        match self.text("v")? {
            VERSION => Ok(()),
            _ => Err(corrupt("a record is of a form that this version does not know")),
        }
    }

    fn text(&mut self, name: &str) -> Result<&'a str, StoreError> {
        let at = self.0.iter().position(|(other, _)| *other == name);
        at.map(|at| self.0.swap_remove(at).1).ok_or_else(|| corrupt("a field is missing"))
    }

    fn number(&mut self, name: &str) -> Result<i64, StoreError> {
        number(self.text(name)?)
    }

    fn time(&mut self, name: &str) -> Result<Timestamp, StoreError> {
        self.number(name).map(Timestamp::from_micros)
    }

    fn end(self) -> Result<(), StoreError> {
        if self.0.is_empty() { Ok(()) } else { Err(corrupt("a record has a field too many")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lives_longer_than_its_record_whatever_the_clocks_say() {
        let day = 86_400_000_u64;
        for (name, from, to, expected) in [
            ("a minute", 0, 60_000_000, (day + 60_000).to_string()),
            ("a minute in 1970", i64::MIN, i64::MIN + 60_000_000, (day + 60_000).to_string()),
            ("ended before it began", 60_000_000, 0, day.to_string()),
            ("never", 0, i64::MAX, String::new()),
            ("never, from never", i64::MAX, i64::MAX, String::new()),
            ("longer than anybody lives", 0, i64::MAX - 1, String::new()),
            ("all of time", i64::MIN, 0, String::new()),
        ] {
            let (from, to) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
            assert_eq!(time_to_live(from, to), expected, "{name}");
            let pointer = pointer_time_to_live(from, to);
            assert!(
                pointer.is_empty() || pointer.parse::<u64>().unwrap() >= expected.parse().unwrap(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        for good in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
            assert!(number(good).is_ok(), "{good}");
        }
        for bad in ["", "+1", "01", "-0", " 1", "1 ", "1.0", "1e3", "9223372036854775808", "0x1", "nan"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_counter_is_read_as_it_was_written_and_not_otherwise() {
        for good in ["0:", "-1:5", "1:9223372036854775807,-9223372036854775808"] {
            assert!(counter(good).is_ok(), "{good}");
        }
        for bad in ["", "1", ":", "1:,", "1:1,", "1:,1", "x:1", "1:x", "1:1;2", "1:1,+2"] {
            assert!(counter(bad).is_err(), "{bad}");
        }
    }
}
