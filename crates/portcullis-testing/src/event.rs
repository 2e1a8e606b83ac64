//! Events kept for assertions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis::{Event, EventKind, EventSink, Scheme, Timestamp, UserId};

/// What an [`EventLog`] keeps of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// The user concerned.
    pub user: Option<UserId>,
    /// The name that was tried.
    pub username: Option<String>,
    /// The scheme of the credential.
    pub scheme: Option<Scheme>,
    /// The code of the refusal.
    pub code: Option<String>,
    /// The whole event as it prints, to search for what must not stand in it.
    pub text: String,
}

/// An event sink that remembers; clones share one memory.
///
/// # Examples
///
/// ```
/// use portcullis::{Event, EventKind, EventSink};
/// use portcullis_testing::EventLog;
///
/// let log = EventLog::default();
/// log.record(&Event::new(EventKind::LoginFailed).with_username("john").with_code("password"));
/// log.assert_kinds(&[EventKind::LoginFailed]);
/// log.assert_never_contains("secret123");
/// assert_eq!(log.last().unwrap().username.as_deref(), Some("john"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct EventLog(Arc<Mutex<Vec<Recorded>>>);

impl EventLog {
    /// Returns all events, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    /// Returns the newest event.
    #[must_use]
    pub fn last(&self) -> Option<Recorded> {
        self.lock().last().cloned()
    }

    /// Returns what happened, oldest first.
    #[must_use]
    pub fn kinds(&self) -> Vec<EventKind> {
        self.lock().iter().map(|event| event.kind).collect()
    }

    /// Counts the events of a kind.
    #[must_use]
    pub fn count(&self, kind: EventKind) -> usize {
        self.lock().iter().filter(|event| event.kind == kind).count()
    }

    /// Returns all events and forgets them.
    #[must_use]
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.lock())
    }

    /// Asserts what happened, in order and nothing else.
    ///
    /// # Panics
    ///
    /// When anything else happened.
    #[track_caller]
    pub fn assert_kinds(&self, expected: &[EventKind]) {
        assert_eq!(self.kinds(), expected, "the events were {:#?}", self.all());
    }

    /// Asserts that a secret stands in no event.
    ///
    /// # Panics
    ///
    /// When it does.
    #[track_caller]
    pub fn assert_never_contains(&self, secret: &str) {
        let telling = self.all().into_iter().find(|event| event.text.contains(secret));
        assert!(telling.is_none(), "an event tells a secret: {telling:?}");
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for EventLog {
    fn record(&self, event: &Event<'_>) {
        self.lock().push(Recorded {
            kind: event.kind,
            at: event.at,
            user: event.user.clone(),
            username: event.username.map(Into::into),
            scheme: event.scheme,
            code: event.code.map(Into::into),
            text: event.to_string(),
        });
    }
}
