//! What the mechanisms need of the world: time, randomness, and somebody to tell.

use std::fmt;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::event::{Event, EventSink};
use crate::random::{Random, SystemRandom};

/// The clock, the randomness and the event sink that the mechanisms share.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use portcullis::{Environment, TracingSink};
///
/// let environment = Environment::default().with_events(Arc::new(TracingSink));
/// # let _ = environment;
/// ```
#[derive(Clone)]
pub struct Environment {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    events: Option<Arc<dyn EventSink>>,
}

impl Default for Environment {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom), events: None }
    }
}

impl Environment {
    /// Replaces the clock; for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Replaces the randomness; for tests.
    #[must_use]
    pub fn with_random(self, random: Arc<dyn Random>) -> Self {
        Self { random, ..self }
    }

    /// Sends the security records somewhere; without a sink they are dropped.
    #[must_use]
    pub fn with_events(self, events: Arc<dyn EventSink>) -> Self {
        Self { events: Some(events), ..self }
    }

    /// Returns the present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lends the randomness.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// Records an event; it is made only where there is a sink.
    pub fn record<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(events) = &self.events {
            let event = Event { at: self.now(), ..event() };
            events.record(&event);
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("events", &self.events.is_some()).finish_non_exhaustive()
    }
}
