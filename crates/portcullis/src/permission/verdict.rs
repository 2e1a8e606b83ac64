//! What a permission answers.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::{Denial, Unavailable};

/// What a permission says of a request, or of a request and an object.
///
/// # Examples
///
/// ```
/// use portcullis::{Decision, Denial};
///
/// assert_eq!(Decision::allow_if(true), Decision::Allow);
/// assert_eq!(Decision::allow_if(false), Decision::Deny(Denial::default()));
/// assert_eq!(Decision::deny("Superusers only."), Denial::new("Superusers only.").into());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The act is allowed.
    Allow,
    /// The act is refused.
    Deny(Denial),
    /// Only the object can tell; whoever has no object to show refuses.
    NeedsObject,
}

impl Decision {
    /// Allows where the condition holds, and else denies with the default message.
    #[must_use]
    #[inline]
    pub fn allow_if(condition: bool) -> Self {
        if condition { Self::Allow } else { Self::Deny(Denial::default()) }
    }

    /// Denies with a message.
    #[must_use]
    pub fn deny(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Deny(Denial::new(message))
    }
}

impl From<Denial> for Decision {
    fn from(denial: Denial) -> Self {
        Self::Deny(denial)
    }
}

/// A [`Decision`] made at once, or the wait for one; await it.
///
/// # Examples
///
/// ```
/// use portcullis::{Decision, Unavailable, Verdict};
///
/// let at_once: Verdict<'_> = Decision::Allow.into();
/// assert_eq!(at_once.decided(), Some(&Decision::Allow));
///
/// let later = Verdict::wait(async { Err(Unavailable::new("the database does not answer")) });
/// assert_eq!(later.decided(), None);
/// ```
#[must_use = "a verdict that nobody looks at refuses nobody"]
pub struct Verdict<'a>(State<'a>);

type Wait<'a> = Pin<Box<dyn Future<Output = Result<Decision, Unavailable>> + Send + 'a>>;

enum State<'a> {
    Decided(Decision),
    Waiting(Wait<'a>),
    Taken,
}

impl<'a> Verdict<'a> {
    /// Decides after waiting, for a store for example; boxes the future.
    ///
    /// # Errors
    ///
    /// A future that ends in [`Unavailable`] makes the answer 503; nobody is let in.
    pub fn wait(decision: impl Future<Output = Result<Decision, Unavailable>> + Send + 'a) -> Self {
        Self(State::Waiting(Box::pin(decision)))
    }

    /// Returns the decision where it was made at once; for tests of a permission.
    #[must_use]
    pub const fn decided(&self) -> Option<&Decision> {
        match &self.0 {
            State::Decided(decision) => Some(decision),
            State::Waiting(_) | State::Taken => None,
        }
    }

    /// Goes on from the decision; boxes only where there is something to wait for.
    #[inline]
    pub(super) fn then(self, next: impl FnOnce(Decision) -> Self + Send + 'a) -> Self {
        match self.0 {
            State::Decided(decision) => next(decision),
            State::Waiting(wait) => Self::wait(async move { next(wait.await?).await }),
            State::Taken => self,
        }
    }
}

impl From<Decision> for Verdict<'_> {
    #[inline]
    fn from(decision: Decision) -> Self {
        Self(State::Decided(decision))
    }
}

impl Future for Verdict<'_> {
    type Output = Result<Decision, Unavailable>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let state = &mut self.get_mut().0;
        match mem::replace(state, State::Taken) {
            State::Decided(decision) => Poll::Ready(Ok(decision)),
            State::Waiting(mut wait) => match wait.as_mut().poll(context) {
                Poll::Pending => {
                    *state = State::Waiting(wait);
                    Poll::Pending
                }
                ready @ Poll::Ready(_) => ready,
            },
            State::Taken => Poll::Ready(Err(Unavailable::new("a verdict was asked for twice"))),
        }
    }
}

impl fmt::Debug for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verdict").field(&self.decided()).finish()
    }
}
