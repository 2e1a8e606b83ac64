//! What one request knows and changes of its session.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::secret::{Digest, Secret};
use crate::session::SessionId;
use crate::store::SessionRecord;

/// The longest label that is kept, in characters.
const MAX_LABEL: usize = 200;

/// A session that is there.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) id: SessionId,
    pub(crate) key: Digest,
    pub(crate) record: SessionRecord,
}

/// What was seen, loaded and changed.
#[derive(Debug, Default)]
pub(crate) struct SessionState {
    seen: Seen,
    current: Option<Box<Current>>,
    data: Option<Map<String, Value>>,
    data_changed: bool,
    touched: bool,
    cookie: CookieChange,
    label: Option<Arc<str>>,
    csrf: CsrfState,
}

#[derive(Debug, Default)]
enum Seen {
    #[default]
    NotLooked,
    /// No cookie, or two that differ.
    Nothing,
    /// A cookie that names a session, which was not looked up yet.
    Unread(SessionId),
    /// A cookie whose session was looked up, or that cannot name one.
    Cookie,
}

/// What the answer says of the session's cookie.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieChange {
    #[default]
    Keep,
    Send,
    Delete,
}

/// What a request brought of a CSRF cookie, and what the answer sends.
#[derive(Debug, Default)]
pub(crate) struct CsrfState {
    pub(crate) presented: Option<Secret>,
    pub(crate) send: Option<Secret>,
}

impl SessionState {
    pub(crate) fn looked(&self) -> bool {
        !matches!(self.seen, Seen::NotLooked)
    }

    pub(crate) fn see_nothing(&mut self) {
        self.seen = Seen::Nothing;
    }

    /// Notes a cookie; one that cannot name a session is taken back.
    pub(crate) fn see(&mut self, id: Option<SessionId>) {
        self.seen = id.map_or(Seen::Cookie, Seen::Unread);
    }

    pub(crate) fn has_unread(&self) -> bool {
        matches!(self.seen, Seen::Unread(_))
    }

    /// Returns the id that nobody has looked up yet.
    pub(crate) fn unread(&self) -> Option<SessionId> {
        match &self.seen {
            Seen::Unread(id) => Some(id.clone()),
            Seen::NotLooked | Seen::Nothing | Seen::Cookie => None,
        }
    }

    /// Notes what the store answered. Not before: an outage must not take the cookie of a living session back.
    pub(crate) fn looked_up(&mut self, current: Option<Current>) {
        self.seen = Seen::Cookie;
        self.current = current.map(Box::new);
    }

    pub(crate) fn current(&self) -> Option<&Current> {
        self.current.as_deref()
    }

    pub(crate) fn touch(&mut self) {
        self.touched = true;
    }

    pub(crate) fn note_label(&mut self, label: &str) {
        self.label =
            Some(label.chars().filter(|c| !c.is_control()).take(MAX_LABEL).collect::<String>().into());
    }

    pub(crate) fn label(&self) -> Arc<str> {
        self.label.clone().unwrap_or_default()
    }

    /// Takes a session that the store has under a new id.
    pub(crate) fn replace(&mut self, id: SessionId, record: SessionRecord) {
        self.data = None;
        self.current = Some(Box::new(Current { key: id.key(), id, record }));
        self.seen = Seen::Cookie;
        self.saved_with(CookieChange::Send);
    }

    /// Forgets a session that the store has no more.
    pub(crate) fn end(&mut self) {
        self.data = None;
        self.current = None;
        self.saved_with(CookieChange::Delete);
    }

    pub(crate) fn saved(&mut self, record: SessionRecord) {
        if let Some(current) = &mut self.current {
            current.record = record;
        }
        self.saved_with(CookieChange::Send);
    }

    fn saved_with(&mut self, cookie: CookieChange) {
        self.data_changed = false;
        self.touched = false;
        self.cookie = cookie;
    }

    /// Tells whether there is something to write: changed data, or a use that is worth a note.
    pub(crate) fn has_changes(&self) -> bool {
        self.touched && self.current.is_some() || self.data_changed
    }

    pub(crate) const fn data_changed(&self) -> bool {
        self.data_changed
    }

    /// Lends the data, decoded once; what is not a JSON object counts as empty.
    pub(crate) fn data(&mut self) -> &mut Map<String, Value> {
        let record = self.current.as_ref().map(|current| &current.record);
        self.data.get_or_insert_with(|| {
            record.and_then(|record| serde_json::from_str(&record.data).ok()).unwrap_or_default()
        })
    }

    pub(crate) fn change_data(&mut self) -> &mut Map<String, Value> {
        self.data_changed = true;
        self.data()
    }

    pub(crate) fn encoded_data(&self) -> Arc<str> {
        match (&self.data, &self.current) {
            (Some(data), _) if data.is_empty() => "".into(),
            (Some(data), _) => Value::Object(data.clone()).to_string().into(),
            (None, Some(current)) => Arc::clone(&current.record.data),
            (None, None) => "".into(),
        }
    }

    /// What the answer says of the cookie: one that names no session is taken back.
    pub(crate) fn cookie(&self) -> CookieChange {
        let stale = matches!(self.seen, Seen::Cookie) && self.current.is_none();
        if self.cookie == CookieChange::Keep && stale { CookieChange::Delete } else { self.cookie }
    }

    /// Tells whether the answer says anything of a cookie; most do not.
    pub(crate) fn has_cookies(&self) -> bool {
        self.cookie() != CookieChange::Keep || self.csrf.send.is_some()
    }

    pub(crate) fn csrf(&mut self) -> &mut CsrfState {
        &mut self.csrf
    }
}
