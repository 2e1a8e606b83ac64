//! May they? Permissions decide on a request, and on the object that it is about.
//!
//! 1. A permission answers [`Decision::Allow`], [`Decision::Deny`] or [`Decision::NeedsObject`]; what is undecided at
//!    the end is refused by whoever asked.
//! 2. There are two phases. In the first there is only the request; in the second a handler shows an object. A
//!    [`Permission`] repeats its verdict in the second phase, so that `|` and `!` stay true there (in DRF they did not:
//!    its issues 7117 and 7720). An [`ObjectPermission`] whose `check` denies denies every object; else its
//!    `check_object` answers.
//! 3. `&`, `|` and `!` follow three-valued logic: for `&` a denial weighs most, for `|` an Allow, and `NeedsObject` is
//!    neither; parts are asked from left to right, and no further than needed.
//! 4. A composition loses the messages of its parts, as in DRF: it denies with the default message, or with its own
//!    ([`with_message`](And::with_message)). A denial that hides (404) keeps hiding: where the part of an `&` that
//!    denied hides, and where any part of an `|` does. A tuple `(A, B)` is DRF's list `[A, B]`: all must allow, and the
//!    first refusal answers with its own message.
//! 5. A store that does not answer makes the verdict [`Unavailable`](crate::Unavailable), whatever parts to the right
//!    would have said; parts to the left that decided alone have decided.
//!
//! | DRF, Django OAuth Toolkit | here |
//! |---|---|
//! | `BasePermission.has_permission` | [`Permission`] |
//! | `BasePermission.has_object_permission` | [`ObjectPermission`] |
//! | `permission_classes = [A, B]` | `(A, B)` |
//! | `A & B`, `A \| B`, `~A` | `A & B`, `A \| B`, `!A` |
//! | `DjangoModelPermissions` and its kin | [`ModelPermissions`], [`ModelPermissionsOrAnonReadOnly`], [`ModelObjectPermissions`] |
//! | `TokenHasScope`, `TokenHasReadWriteScope` | [`HasScope`], [`HasReadWriteScope`] |

mod builtin;
mod compose;
mod model;
mod route;
mod scope;
#[cfg(test)]
mod tests;
mod verdict;

use std::any::type_name;

pub use builtin::{
    AllowAny, FreshWithin, InGroup, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly, IsSuperuser,
    PermissionFn, permission_fn,
};
pub use compose::{And, Not, Or, Permit, WithMessage, permit};
pub use model::{
    ModelObjectPermissions, ModelPermissions, ModelPermissionsOrAnonReadOnly, NoObjectCodenames,
    ObjectCodenames,
};
pub use route::{IntoPermission, OfObject, OfRequest, PermissionError, Permissions};
pub use scope::{HasReadWriteScope, HasScope};
pub use verdict::{Decision, Verdict};

use crate::request::AuthRequest;
use crate::user::Account;

/// Decides on a request alone.
///
/// # Examples
///
/// An implementation that never waits may drop the lifetimes:
///
/// ```
/// use portcullis::{AuthRequest, Decision, Permission, Verdict};
///
/// struct IsJohn;
///
/// impl Permission for IsJohn {
///     fn check(&self, request: &AuthRequest) -> Verdict<'_> {
///         Decision::allow_if(request.user().is_some_and(|user| user.username == "john")).into()
///     }
/// }
/// ```
///
/// One that asks a store keeps them:
///
/// ```
/// use portcullis::{AuthRequest, Decision, Permission, Unavailable, UserId, Verdict};
/// # struct Subscriptions;
/// # impl Subscriptions { async fn is_paid(&self, _: &UserId) -> Result<bool, Unavailable> { Ok(true) } }
///
/// struct HasPaid(Subscriptions);
///
/// impl Permission for HasPaid {
///     fn check<'a>(&'a self, request: &'a AuthRequest<'a>) -> Verdict<'a> {
///         let Some(user) = request.user() else { return Decision::allow_if(false).into() };
///         Verdict::wait(async move { Ok(Decision::allow_if(self.0.is_paid(&user.id).await?)) })
///     }
/// }
/// ```
pub trait Permission<U = Account>: Send + Sync + 'static {
    /// Decides on a request.
    ///
    /// # Security
    ///
    /// A wrong Allow serves whoever asks, also nobody: without credentials `request.user()` is `None`. The same
    /// request must get the same verdict when an object is checked later.
    fn check<'a>(&'a self, request: &'a AuthRequest<'a, U>) -> Verdict<'a>;

    /// Tells whether it denies everybody without credentials, so that a route without authenticators is a mistake.
    fn needs_identity(&self) -> bool {
        false
    }

    /// Returns the name for the table of routes and for logs: the type's, unless overridden.
    fn name(&self) -> String {
        short_name::<Self>()
    }
}

/// Decides on a request and the object that it is about.
///
/// # Examples
///
/// ```
/// use portcullis::{AuthRequest, Decision, ObjectPermission, UserId, Verdict};
///
/// struct Book {
///     owner: UserId,
/// }
///
/// struct IsOwnerOrReadOnly;
///
/// impl ObjectPermission for IsOwnerOrReadOnly {
///     type Object = Book;
///
///     fn check_object(&self, request: &AuthRequest, book: &Book) -> Verdict<'_> {
///         Decision::allow_if(request.is_safe() || request.user().is_some_and(|user| user.id == book.owner)).into()
///     }
/// }
/// ```
pub trait ObjectPermission<U = Account>: Send + Sync + 'static {
    /// What is looked at.
    type Object: Send + Sync + 'static;

    /// Decides on a request before there is an object: not at all, unless overridden.
    ///
    /// # Security
    ///
    /// Override it where the request alone decides. A denial here denies every object. An Allow here lets requests
    /// through on which no object is ever checked, and promises that `check_object` would allow each.
    fn check<'a>(&'a self, request: &'a AuthRequest<'a, U>) -> Verdict<'a> {
        let _ = request;
        Decision::NeedsObject.into()
    }

    /// Decides on a request and an object.
    ///
    /// # Security
    ///
    /// A wrong Allow gives one user's object to another. Without credentials `request.user()` is `None`.
    fn check_object<'a>(&'a self, request: &'a AuthRequest<'a, U>, object: &'a Self::Object) -> Verdict<'a>;

    /// Returns the name for the table of routes and for logs: the type's, unless overridden.
    fn name(&self) -> String {
        short_name::<Self>()
    }
}

/// The type's name without its path and its parameters.
fn short_name<T: ?Sized>() -> String {
    let path = type_name::<T>().split('<').next().unwrap_or_default();
    path.rsplit("::").next().unwrap_or_default().to_owned()
}
