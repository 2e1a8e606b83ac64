//! The methods of one path as they are declared.

use std::fmt;

use http::Method;

use crate::guard::Policy;
use crate::user::{Account, User};

/// Handlers by method, and what they all ask.
///
/// A word about the policy comes after the last method: `get(a).public().post(b)` would read as if `b` were not public,
/// so it is an error when the router is built.
///
/// # Examples
///
/// See [`Routes`](super::Routes).
#[must_use = "methods do nothing before they are given to a router"]
pub struct Methods<H, U = Account> {
    entries: Vec<Entry<H, U>>,
    said: Policy<U>,
    has_said: bool,
    /// A policy was spoken of, and a method came after it.
    is_late: bool,
}

/// One handler; without a method it answers every method that has no handler of its own.
///
/// # Examples
///
/// See [`Routes::entries`](super::Routes::entries).
pub struct Entry<H, U = Account> {
    method: Option<Method>,
    policy: Policy<U>,
    handler: H,
}

impl<H, U> fmt::Debug for Methods<H, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.entries.iter().map(Entry::name).collect();
        f.debug_struct("Methods").field("methods", &methods).finish_non_exhaustive()
    }
}

impl<H, U> fmt::Debug for Entry<H, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<H, U> Entry<H, U> {
    /// Returns the method; `None` for all others.
    #[must_use]
    pub const fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// Names the method; `*` for all others.
    #[must_use]
    pub fn name(&self) -> &str {
        self.method.as_ref().map_or("*", Method::as_str)
    }

    /// Lends what the method asks itself.
    #[must_use]
    pub const fn policy(&self) -> &Policy<U> {
        &self.policy
    }

    /// Lends the handler.
    #[must_use]
    pub const fn handler(&self) -> &H {
        &self.handler
    }
}

/// Hands the methods that have a function of their own to a macro of an adapter: name, constant, and words for its doc.
///
/// For adapters; see [`Methods`](crate::routing::Methods).
///
/// # Examples
///
/// ```
/// macro_rules! functions {
///     ($($name:ident $method:ident $text:literal),*) => {
///         $(fn $name() -> http::Method {
///             http::Method::$method
///         })*
///     };
/// }
/// portcullis::method_words!(functions);
/// assert_eq!([get(), post(), put(), patch(), delete(), head(), options()].len(), 7);
/// ```
#[macro_export]
macro_rules! method_words {
    ($functions:ident) => {
        $functions! {
            get GET "GET and HEAD",
            post POST "POST",
            put PUT "PUT",
            patch PATCH "PATCH",
            delete DELETE "DELETE",
            head HEAD "HEAD apart from GET",
            options OPTIONS "OPTIONS"
        }
    };
}

impl<H, U: User> Methods<H, U> {
    /// Begins without methods, for adapters whose methods come later.
    pub fn none() -> Self {
        Self { entries: Vec::new(), said: Policy::default(), has_said: false, is_late: false }
    }

    /// Answers one method.
    pub fn on(method: Method, handler: H) -> Self {
        Self::none().and(method, handler)
    }

    /// Answers every method, also invented ones; methods added to it go first.
    pub fn any(handler: H) -> Self {
        Self::none().with(None, Policy::default(), handler)
    }

    /// Answers one more method.
    pub fn and(mut self, method: Method, handler: H) -> Self {
        self.is_late |= self.has_said;
        self.with(Some(method), Policy::default(), handler)
    }

    /// Answers one more method, or all others, which asks something of its own.
    pub fn with(mut self, method: Option<Method>, policy: Policy<U>, handler: H) -> Self {
        self.entries.push(Entry { method, policy, handler });
        self
    }

    crate::policy_words!(say);

    /// Changes what the methods ask, for the words of an adapter's own type.
    pub fn say(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self { said: word(self.said), has_said: true, ..self }
    }

    /// Lends the handlers with their methods.
    #[must_use]
    pub fn entries(&self) -> &[Entry<H, U>] {
        &self.entries
    }

    pub(super) const fn said(&self) -> &Policy<U> {
        &self.said
    }

    pub(super) const fn is_late(&self) -> bool {
        self.is_late
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = (Option<Method>, H)> {
        self.entries.into_iter().map(|entry| (entry.method, entry.handler))
    }
}
