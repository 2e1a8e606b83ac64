//! What a route holds: one tree of permissions, asked in both phases.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::sync::Arc;

use super::verdict::{Decision, Verdict};
use super::{ObjectPermission, Permission};
use crate::error::Denial;
use crate::request::AuthRequest;
use crate::user::{Account, User};

/// An object whose type is known to the permission that looks at it.
type Object = dyn Any + Send + Sync;

/// What a route demands: a permission, or a composition of several.
///
/// # Examples
///
/// ```
/// use portcullis::permission::{IsAdminUser, IsAuthenticated, IsSuperuser, Permissions};
/// use portcullis::{Account, AuthRequest, Decision, Denial};
///
/// let permissions: Permissions<Account> = Permissions::new((IsAuthenticated & !IsAdminUser) | IsSuperuser)?;
/// assert_eq!(permissions.describe(), "(IsAuthenticated & !IsAdminUser) | IsSuperuser");
///
/// let (parts, ()) = http::Request::get("/books").body(()).unwrap().into_parts();
/// let request = AuthRequest::new(&parts.method, &parts.uri, &parts.headers, None, None);
/// assert_eq!(permissions.check(&request).decided(), Some(&Denial::default().into()));
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
pub struct Permissions<U = Account>(Arc<Rule<U>>);

pub(super) enum Rule<U> {
    Request(Box<dyn Permission<U>>),
    Object(Box<dyn ObjectRule<U>>),
    And(Permissions<U>, Permissions<U>),
    Or(Permissions<U>, Permissions<U>),
    Not(Permissions<U>),
    /// DRF's list: as `And`, but the refusal keeps its own message.
    List(Permissions<U>, Permissions<U>),
    WithMessage(Permissions<U>, Denial),
}

impl<U: User> Permissions<U> {
    /// Prepares a permission, or a composition, for a route.
    ///
    /// # Errors
    ///
    /// Refuses a composition whose parts look at objects of different types: no object could satisfy both.
    pub fn new<M>(permission: impl IntoPermission<U, M>) -> Result<Self, PermissionError> {
        let permissions = permission.into_permission();
        let mut objects = Vec::new();
        permissions.collect_objects(&mut objects);
        match objects.windows(2).find_map(|pair| match pair {
            [first, second] if first.id != second.id => {
                Some(PermissionError { first: first.name, second: second.name })
            }
            _ => None,
        }) {
            Some(error) => Err(error),
            None => Ok(permissions),
        }
    }

    /// Decides on a request.
    pub fn check<'a>(&'a self, request: &'a AuthRequest<'a, U>) -> Verdict<'a> {
        self.verdict(request, None)
    }

    /// Decides on a request and an object.
    ///
    /// # Security
    ///
    /// An object of another type than the permission looks at (an `Arc` of the right one, too) leaves it undecided
    /// ([`Decision::NeedsObject`]); the caller refuses what is undecided.
    pub fn check_object<'a>(
        &'a self,
        request: &'a AuthRequest<'a, U>,
        object: &'a (dyn Any + Send + Sync),
    ) -> Verdict<'a> {
        self.verdict(request, Some(object))
    }

    /// Tells whether a part looks at objects.
    #[must_use]
    pub fn looks_at_objects(&self) -> bool {
        match &*self.0 {
            Rule::Request(_) => false,
            Rule::Object(_) => true,
            Rule::And(left, right) | Rule::Or(left, right) | Rule::List(left, right) => {
                left.looks_at_objects() || right.looks_at_objects()
            }
            Rule::Not(inner) | Rule::WithMessage(inner, _) => inner.looks_at_objects(),
        }
    }

    /// Tells whether it denies everybody without credentials, as far as its parts say so.
    #[must_use]
    pub fn needs_identity(&self) -> bool {
        match &*self.0 {
            Rule::Request(permission) => permission.needs_identity(),
            Rule::Object(_) | Rule::Not(_) => false,
            Rule::And(left, right) | Rule::List(left, right) => {
                left.needs_identity() || right.needs_identity()
            }
            Rule::Or(left, right) => left.needs_identity() && right.needs_identity(),
            Rule::WithMessage(inner, _) => inner.needs_identity(),
        }
    }

    /// Returns the permission as it was written, for the table of routes and for logs.
    #[must_use]
    pub fn describe(&self) -> String {
        match &*self.0 {
            Rule::Request(permission) => permission.name(),
            Rule::Object(permission) => permission.name(),
            Rule::And(left, right) => format!("{} & {}", left.operand('&'), right.operand('&')),
            Rule::Or(left, right) => format!("{} | {}", left.operand('|'), right.operand('|')),
            Rule::Not(inner) => format!("!{}", inner.operand('!')),
            Rule::List(left, right) => format!("({}, {})", left.describe(), right.describe()),
            Rule::WithMessage(inner, _) => inner.describe(),
        }
    }

    pub(super) fn of(rule: Rule<U>) -> Self {
        Self(Arc::new(rule))
    }

    fn verdict<'a>(&'a self, request: &'a AuthRequest<'a, U>, object: Option<&'a Object>) -> Verdict<'a> {
        match &*self.0 {
            Rule::Request(permission) => permission.check(request),
            Rule::Object(permission) => match object {
                None => permission.check(request),
                Some(object) => permission.check(request).then(move |decision| match decision {
                    // DRF issue 7117: a part that refused the request must not come back when an object is shown.
                    Decision::Deny(_) => decision.into(),
                    Decision::Allow | Decision::NeedsObject => permission.check_object(request, object),
                }),
            },
            Rule::And(left, right) => all(left, right, request, object).then(without_text),
            Rule::List(left, right) => all(left, right, request, object),
            Rule::Or(left, right) => any(left, right, request, object),
            Rule::Not(inner) => inner.verdict(request, object).then(|decision| match decision {
                Decision::Allow => Decision::allow_if(false).into(),
                Decision::Deny(_) => Decision::Allow.into(),
                Decision::NeedsObject => decision.into(),
            }),
            Rule::WithMessage(inner, own) => {
                inner.verdict(request, object).then(move |decision| match decision {
                    Decision::Deny(denial) if denial.is_hidden() => Decision::Deny(own.clone().hide()).into(),
                    Decision::Deny(_) => Decision::Deny(own.clone()).into(),
                    Decision::Allow | Decision::NeedsObject => decision.into(),
                })
            }
        }
    }

    /// Describes a part, in parentheses where another operator would tear it apart.
    fn operand(&self, operator: char) -> String {
        let own = self.operator();
        if own.is_some_and(|own| own != operator) {
            format!("({})", self.describe())
        } else {
            self.describe()
        }
    }

    fn operator(&self) -> Option<char> {
        match &*self.0 {
            Rule::And(..) => Some('&'),
            Rule::Or(..) => Some('|'),
            Rule::WithMessage(inner, _) => inner.operator(),
            Rule::Request(_) | Rule::Object(_) | Rule::Not(_) | Rule::List(..) => None,
        }
    }

    fn collect_objects(&self, objects: &mut Vec<ObjectType>) {
        match &*self.0 {
            Rule::Request(_) => {}
            Rule::Object(permission) => objects.push(permission.object()),
            Rule::And(left, right) | Rule::Or(left, right) | Rule::List(left, right) => {
                left.collect_objects(objects);
                right.collect_objects(objects);
            }
            Rule::Not(inner) | Rule::WithMessage(inner, _) => inner.collect_objects(objects),
        }
    }
}

impl<U> Clone for Permissions<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U: User> fmt::Debug for Permissions<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permissions({})", self.describe())
    }
}

fn all<'a, U: User>(
    left: &'a Permissions<U>,
    right: &'a Permissions<U>,
    request: &'a AuthRequest<'a, U>,
    object: Option<&'a Object>,
) -> Verdict<'a> {
    left.verdict(request, object).then(move |left| match left {
        Decision::Deny(_) => left.into(),
        Decision::Allow => right.verdict(request, object),
        Decision::NeedsObject => right.verdict(request, object).then(|right| match right {
            Decision::Deny(_) => right.into(),
            Decision::Allow | Decision::NeedsObject => Decision::NeedsObject.into(),
        }),
    })
}

fn any<'a, U: User>(
    left: &'a Permissions<U>,
    right: &'a Permissions<U>,
    request: &'a AuthRequest<'a, U>,
    object: Option<&'a Object>,
) -> Verdict<'a> {
    left.verdict(request, object).then(move |left| match left {
        Decision::Allow => left.into(),
        Decision::NeedsObject => right.verdict(request, object).then(|right| match right {
            Decision::Allow => right.into(),
            Decision::Deny(_) | Decision::NeedsObject => Decision::NeedsObject.into(),
        }),
        Decision::Deny(denial) => right.verdict(request, object).then(move |right| match right {
            Decision::Deny(_) if denial.is_hidden() => without_text(denial.into()),
            right => without_text(right),
        }),
    })
}

/// Denies as DRF's compositions do, which lose the texts of their parts; what was hidden stays hidden.
#[inline]
fn without_text<'a>(decision: Decision) -> Verdict<'a> {
    match decision {
        Decision::Deny(denial) if denial.is_hidden() => Decision::Deny(Denial::default().hide()),
        Decision::Deny(_) => Decision::Deny(Denial::default()),
        Decision::Allow | Decision::NeedsObject => decision,
    }
    .into()
}

/// An object permission that has forgotten its object's type.
pub(super) trait ObjectRule<U>: Send + Sync {
    fn check<'a>(&'a self, request: &'a AuthRequest<'a, U>) -> Verdict<'a>;
    fn check_object<'a>(&'a self, request: &'a AuthRequest<'a, U>, object: &'a Object) -> Verdict<'a>;
    fn object(&self) -> ObjectType;
    fn name(&self) -> String;
}

impl<U, P: ObjectPermission<U>> ObjectRule<U> for P {
    fn check<'a>(&'a self, request: &'a AuthRequest<'a, U>) -> Verdict<'a> {
        ObjectPermission::check(self, request)
    }

    fn check_object<'a>(&'a self, request: &'a AuthRequest<'a, U>, object: &'a Object) -> Verdict<'a> {
        match object.downcast_ref::<P::Object>() {
            Some(object) => ObjectPermission::check_object(self, request, object),
            None => {
                tracing::warn!(
                    permission = ObjectPermission::name(self),
                    expects = type_name::<P::Object>(),
                    "a handler shows an object of another type; it counts as unchecked",
                );
                Decision::NeedsObject.into()
            }
        }
    }

    fn object(&self) -> ObjectType {
        ObjectType { id: TypeId::of::<P::Object>(), name: type_name::<P::Object>() }
    }

    fn name(&self) -> String {
        ObjectPermission::name(self)
    }
}

pub(super) struct ObjectType {
    id: TypeId,
    name: &'static str,
}

/// A permission cannot be used on a route.
///
/// # Examples
///
/// ```
/// # use portcullis::{AuthRequest, Decision, ObjectPermission, Permissions, Verdict};
/// # struct Book; struct Author;
/// struct IsDraft;
/// # impl ObjectPermission for IsDraft {
/// #     type Object = Book;
/// #     fn check_object(&self, _: &AuthRequest, _: &Book) -> Verdict<'_> { Decision::Allow.into() }
/// # }
/// struct IsMyself;
/// # impl ObjectPermission for IsMyself {
/// #     type Object = Author;
/// #     fn check_object(&self, _: &AuthRequest, _: &Author) -> Verdict<'_> { Decision::Allow.into() }
/// # }
/// // One looks at books, the other at authors.
/// assert!(Permissions::new((IsDraft, IsMyself)).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("permissions on {first} and on {second} cannot be combined, a route checks objects of one type")]
pub struct PermissionError {
    first: &'static str,
    second: &'static str,
}

/// Everything that a route takes as its permission: a [`Permission`], an [`ObjectPermission`], compositions, tuples.
///
/// The compiler finds `M`, which tells the kinds apart; nobody else names it.
///
/// # Examples
///
/// ```
/// use portcullis::permission::{HasScope, IntoPermission, IsAuthenticated, PermissionError, Permissions};
///
/// fn require<M>(permission: impl IntoPermission<portcullis::Account, M>) -> Result<Permissions, PermissionError> {
///     Permissions::new(permission)
/// }
///
/// assert!(!require(IsAuthenticated & HasScope::new("books:read"))?.looks_at_objects());
/// # Ok::<(), PermissionError>(())
/// ```
///
/// ```compile_fail,E0277
/// portcullis::Permissions::<portcullis::Account>::new("IsAuthenticated");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a permission",
    label = "neither `Permission<{U}>` nor `ObjectPermission<{U}>`",
    note = "implement `Permission`, or `ObjectPermission` where the object decides, for this type and for each part of a composition",
    note = "a closure becomes one by `permission_fn(|request| ...)`; a route for everybody says `.public()`",
    note = "an impl that names no users is about `Account`: `impl Permission<MyUser> for ...` is about yours"
)]
pub trait IntoPermission<U, M> {
    /// Makes what a route holds; call [`Permissions::new`] instead, which refuses what can never be satisfied.
    fn into_permission(self) -> Permissions<U>;
}

/// Marks what is a permission on requests.
///
/// See [`IntoPermission`].
#[derive(Debug)]
pub struct OfRequest(());

/// Marks what is a permission on objects.
///
/// See [`IntoPermission`].
#[derive(Debug)]
pub struct OfObject(());

impl<U: User, P: Permission<U>> IntoPermission<U, OfRequest> for P {
    fn into_permission(self) -> Permissions<U> {
        Permissions::of(Rule::Request(Box::new(self)))
    }
}

impl<U: User, P: ObjectPermission<U>> IntoPermission<U, OfObject> for P {
    fn into_permission(self) -> Permissions<U> {
        Permissions::of(Rule::Object(Box::new(self)))
    }
}

impl<U: User> IntoPermission<U, Self> for Permissions<U> {
    fn into_permission(self) -> Self {
        self
    }
}
