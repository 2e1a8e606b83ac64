//! The methods of one route and what they ask.
//!
//! What they do is in [`portcullis::routing`].
//!
//! 1. A policy holds for all methods of the route, also for those that it does not have (401 comes before 405).
//! 2. GET answers HEAD (RFC 9110 section 9.3.2) under the same policy; OPTIONS is a method like any other.
//! 3. A word about the policy comes after the last method. `get(a).public().post(b)` would read as if `b` were not
//!    public; it is an error when the layer is built.

use std::fmt;

use http::Method;
use portcullis::routing::{Entry, Methods};
use portcullis::{Account, Policy, User};

use crate::table::Target;

/// Tags by method, and the policy of them all.
///
/// # Examples
///
/// ```
/// use portcullis_tower::{MethodRouter, get};
/// use portcullis_tower::portcullis::permission::IsAdminUser;
///
/// #[derive(Clone)]
/// enum Page {
///     List,
///     Create,
/// }
///
/// let reports: MethodRouter<Page> = get(Page::List).post(Page::Create).require(IsAdminUser);
/// # let _ = reports;
/// ```
#[must_use = "a method router does nothing before it is given to `Router::route`"]
pub struct MethodRouter<T = (), U = Account>(pub(crate) Methods<Target<T, U>, U>);

impl<T, U: User> Default for MethodRouter<T, U> {
    fn default() -> Self {
        Self(Methods::none())
    }
}

impl<T, U: User> fmt::Debug for MethodRouter<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.0.entries().iter().map(Entry::name).collect();
        f.debug_struct("MethodRouter").field("methods", &methods).finish_non_exhaustive()
    }
}

macro_rules! methods {
    ($($name:ident $method:ident $text:literal),*) => {
        $(
            #[doc = concat!("Answers ", $text, " with a tag; see [`MethodRouter`].")]
            pub fn $name<T, U: User>(tag: T) -> MethodRouter<T, U> {
                on(Method::$method, tag)
            }
        )*

        impl<T, U: User> MethodRouter<T, U> {
            $(
                #[doc = concat!("Answers ", $text, " as well; see [`MethodRouter`].")]
                pub fn $name(self, tag: T) -> Self {
                    self.on(Method::$method, tag)
                }
            )*
        }
    };
}

portcullis::method_words!(methods);

/// Answers one method with a tag; see [`MethodRouter`].
pub fn on<T, U: User>(method: Method, tag: T) -> MethodRouter<T, U> {
    MethodRouter(Methods::on(method, Target::Tag(tag)))
}

/// Answers every method with a tag, also invented ones; methods chained to it go first. See [`MethodRouter`].
pub fn any<T, U: User>(tag: T) -> MethodRouter<T, U> {
    MethodRouter(Methods::any(Target::Tag(tag)))
}

impl<T, U: User> MethodRouter<T, U> {
    /// Answers one more method; see [`MethodRouter`].
    pub fn on(self, method: Method, tag: T) -> Self {
        Self(self.0.and(method, Target::Tag(tag)))
    }

    portcullis::policy_words!(say);

    fn say(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self(self.0.say(word))
    }
}
