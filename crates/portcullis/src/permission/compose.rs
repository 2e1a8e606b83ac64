//! `&`, `|` and `!` between permissions, and messages of one's own.

use std::borrow::Cow;
use std::ops::{BitAnd, BitOr, Not as Negate};

use super::builtin::{
    AllowAny, FreshWithin, InGroup, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly, IsSuperuser,
    PermissionFn,
};
use super::model::{ModelObjectPermissions, ModelPermissions, ModelPermissionsOrAnonReadOnly};
use super::route::{IntoPermission, Permissions, Rule};
use super::scope::{HasReadWriteScope, HasScope};
use crate::error::Denial;
use crate::user::User;

/// Allows what both parts allow; written `left & right`.
///
/// # Examples
///
/// ```
/// use portcullis::{IsAdminUser, IsAuthenticated, Permissions};
///
/// let both = IsAuthenticated & !IsAdminUser;
/// assert_eq!(Permissions::<portcullis::Account>::new(both)?.describe(), "IsAuthenticated & !IsAdminUser");
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct And<Left, Right>(Left, Right);

/// Allows what one part allows; written `left | right`. See [`And`].
#[derive(Debug, Clone)]
pub struct Or<Left, Right>(Left, Right);

/// Allows what the part denies; written `!permission`. See [`And`].
///
/// # Security
///
/// Nobody is not an admin either: `!IsAdminUser` alone serves requests without credentials.
#[derive(Debug, Clone)]
pub struct Not<P>(P);

/// A permission of one's own that operators take on their left side; see [`permit`].
#[derive(Debug, Clone)]
pub struct Permit<P>(P);

/// Lets a permission of one's own stand left of `&` and `|`, and right of `!`.
///
/// # Examples
///
/// ```
/// use portcullis::permission::permit;
/// use portcullis::{AuthRequest, Decision, IsAdminUser, Permission, Permissions, Verdict};
///
/// struct IsTeapot;
///
/// impl Permission for IsTeapot {
///     fn check(&self, request: &AuthRequest) -> Verdict<'_> {
///         Decision::allow_if(request.headers().contains_key("teapot")).into()
///     }
/// }
///
/// assert_eq!(Permissions::new(permit(IsTeapot) & IsAdminUser)?.describe(), "IsTeapot & IsAdminUser");
/// assert_eq!(Permissions::new(IsAdminUser | !permit(IsTeapot))?.describe(), "IsAdminUser | !IsTeapot");
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
#[must_use]
pub const fn permit<P>(permission: P) -> Permit<P> {
    Permit(permission)
}

/// A permission that denies with its own message and code.
///
/// # Examples
///
/// ```
/// use portcullis::{Account, AuthRequest, Denial, InGroup, IsAdminUser, Permissions};
///
/// let permission = (InGroup::new("Authors") | IsAdminUser)
///     .with_message("Only authors and staff may do this.", "authors_only");
/// let permissions = Permissions::<Account>::new(permission)?;
///
/// let (parts, ()) = http::Request::get("/").body(()).unwrap().into_parts();
/// let request = AuthRequest::new(&parts.method, &parts.uri, &parts.headers, None, None);
/// let denial = Denial::new("Only authors and staff may do this.").with_code("authors_only");
/// assert_eq!(permissions.check(&request).decided(), Some(&denial.into()));
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct WithMessage<P>(P, Denial);

impl<U: User, A, B, M, N> IntoPermission<U, And<M, N>> for And<A, B>
where
    A: IntoPermission<U, M>,
    B: IntoPermission<U, N>,
{
    fn into_permission(self) -> Permissions<U> {
        Permissions::of(Rule::And(self.0.into_permission(), self.1.into_permission()))
    }
}

impl<U: User, A, B, M, N> IntoPermission<U, Or<M, N>> for Or<A, B>
where
    A: IntoPermission<U, M>,
    B: IntoPermission<U, N>,
{
    fn into_permission(self) -> Permissions<U> {
        Permissions::of(Rule::Or(self.0.into_permission(), self.1.into_permission()))
    }
}

impl<U: User, P: IntoPermission<U, M>, M> IntoPermission<U, Not<M>> for Not<P> {
    fn into_permission(self) -> Permissions<U> {
        Permissions::of(Rule::Not(self.0.into_permission()))
    }
}

impl<U: User, P: IntoPermission<U, M>, M> IntoPermission<U, Permit<M>> for Permit<P> {
    fn into_permission(self) -> Permissions<U> {
        self.0.into_permission()
    }
}

impl<U: User, P: IntoPermission<U, M>, M> IntoPermission<U, WithMessage<M>> for WithMessage<P> {
    fn into_permission(self) -> Permissions<U> {
        Permissions::of(Rule::WithMessage(self.0.into_permission(), self.1))
    }
}

impl<U: User, A, B, M, N> IntoPermission<U, (M, N)> for (A, B)
where
    A: IntoPermission<U, M>,
    B: IntoPermission<U, N>,
{
    fn into_permission(self) -> Permissions<U> {
        Permissions::of(Rule::List(self.0.into_permission(), self.1.into_permission()))
    }
}

impl<U: User, A, B, C, M, N, O> IntoPermission<U, (M, N, O)> for (A, B, C)
where
    A: IntoPermission<U, M>,
    B: IntoPermission<U, N>,
    C: IntoPermission<U, O>,
{
    fn into_permission(self) -> Permissions<U> {
        ((self.0, self.1), self.2).into_permission()
    }
}

macro_rules! composable {
    ($([$($parameter:ident),*] $permission:ty;)*) => {$(
        impl<$($parameter,)* Right> BitAnd<Right> for $permission {
            type Output = And<Self, Right>;

            fn bitand(self, right: Right) -> Self::Output {
                And(self, right)
            }
        }

        impl<$($parameter,)* Right> BitOr<Right> for $permission {
            type Output = Or<Self, Right>;

            fn bitor(self, right: Right) -> Self::Output {
                Or(self, right)
            }
        }

        impl<$($parameter),*> Negate for $permission {
            type Output = Not<Self>;

            fn not(self) -> Self::Output {
                Not(self)
            }
        }

        impl<$($parameter),*> $permission {
            /// Denies with a message and a code of its own; what hides keeps hiding. See [`WithMessage`].
            #[must_use]
            pub fn with_message(
                self,
                message: impl Into<Cow<'static, str>>,
                code: impl Into<Cow<'static, str>>,
            ) -> WithMessage<Self> {
                WithMessage(self, Denial::new(message).with_code(code))
            }
        }
    )*};
}

composable! {
    [] AllowAny;
    [] IsAuthenticated;
    [] IsAdminUser;
    [] IsSuperuser;
    [] IsAuthenticatedOrReadOnly;
    [] InGroup;
    [] FreshWithin;
    [U, F] PermissionFn<U, F>;
    [] HasScope;
    [] HasReadWriteScope;
    [] ModelPermissions;
    [] ModelPermissionsOrAnonReadOnly;
    [O, C] ModelObjectPermissions<O, C>;
    [A, B] And<A, B>;
    [A, B] Or<A, B>;
    [P] Not<P>;
    [P] Permit<P>;
    [P] WithMessage<P>;
    [U] Permissions<U>;
}
