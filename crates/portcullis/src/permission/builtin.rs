//! The permissions that every application needs.
//!
//! 1. `AllowAny`, `IsAuthenticated`, `IsAdminUser` and `IsAuthenticatedOrReadOnly` are DRF's
//!    (`rest_framework/permissions.py`); whether a user is active was the authenticator's question.
//! 2. What a user *holds* (superuser, group) counts only while the user is active, as in Django's `ModelBackend`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::verdict::{Decision, Verdict};
use super::{Permission, short_name};
use crate::clock::{Clock, SystemClock};
use crate::error::Denial;
use crate::identity::Identity;
use crate::request::AuthRequest;
use crate::user::{Account, User};

/// Allows everything, also to nobody.
///
/// # Examples
///
/// ```
/// use portcullis::{Account, AllowAny, AuthRequest, Decision, Permission};
///
/// let (parts, ()) = http::Request::delete("/").body(()).unwrap().into_parts();
/// let request = AuthRequest::<Account>::new(&parts.method, &parts.uri, &parts.headers, None, None);
/// assert_eq!(AllowAny.check(&request).decided(), Some(&Decision::Allow));
/// ```
///
/// # Security
///
/// Bad credentials are refused all the same, by the authenticators.
#[derive(Debug, Clone, Copy)]
pub struct AllowAny;

/// Allows everything to whoever is known.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use portcullis::{Account, AuthRequest, Decision, Denial, Identity, IsAuthenticated, Permission, Scheme};
///
/// let (parts, ()) = http::Request::get("/").body(()).unwrap().into_parts();
/// let john = Identity::new(Arc::new(Account::new(1, "john")), Scheme::TOKEN);
/// for (identity, decision) in [(Some(&john), Decision::Allow), (None, Denial::default().into())] {
///     let request = AuthRequest::new(&parts.method, &parts.uri, &parts.headers, identity, None);
///     assert_eq!(IsAuthenticated.check(&request).decided(), Some(&decision));
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct IsAuthenticated;

/// Allows everything to staff: `is_staff`, which a superuser need not be. Used as [`IsAuthenticated`].
#[derive(Debug, Clone, Copy)]
pub struct IsAdminUser;

/// Allows everything to active superusers. Used as [`IsAuthenticated`].
#[derive(Debug, Clone, Copy)]
pub struct IsSuperuser;

/// Allows reading to all, and everything to whoever is known. Used as [`IsAuthenticated`].
#[derive(Debug, Clone, Copy)]
pub struct IsAuthenticatedOrReadOnly;

macro_rules! permission {
    ($($permission:ident, needs identity: $needs:literal, |$request:ident| $condition:expr;)*) => {$(
        impl<U: User> Permission<U> for $permission {
            fn needs_identity(&self) -> bool {
                $needs
            }

            fn check(&self, $request: &AuthRequest<'_, U>) -> Verdict<'_> {
                Decision::allow_if($condition).into()
            }
        }
    )*};
}

permission! {
    AllowAny, needs identity: false, |_request| true;
    IsAuthenticated, needs identity: true, |request| request.identity().is_some();
    IsAdminUser, needs identity: true, |request| request.user().is_some_and(|user| user.is_staff());
    IsSuperuser, needs identity: true, |request| request.user().is_some_and(|user| user.is_active() && user.is_superuser());
    IsAuthenticatedOrReadOnly, needs identity: false, |request| request.is_safe() || request.identity().is_some();
}

/// Allows everything to the active members of a group.
///
/// # Examples
///
/// ```
/// use portcullis::{Account, InGroup, Permissions};
///
/// assert_eq!(Permissions::<Account>::new(InGroup::new("Authors"))?.describe(), r#"InGroup("Authors")"#);
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct InGroup(Cow<'static, str>);

impl InGroup {
    /// Names the group, byte for byte.
    #[must_use]
    pub fn new(group: impl Into<Cow<'static, str>>) -> Self {
        Self(group.into())
    }
}

impl<U: User> Permission<U> for InGroup {
    fn needs_identity(&self) -> bool {
        true
    }

    fn check(&self, request: &AuthRequest<'_, U>) -> Verdict<'_> {
        Decision::allow_if(request.user().is_some_and(|user| user.is_active() && user.in_group(&self.0)))
            .into()
    }

    fn name(&self) -> String {
        format!("InGroup({:?})", self.0)
    }
}

/// Allows everything to whoever has proved it recently; for acts that a stolen session must not suffice for.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::permission::FreshWithin;
/// use portcullis::IsAuthenticated;
///
/// let permission = IsAuthenticated & FreshWithin::new(Duration::from_secs(600));
/// # let _ = permission;
/// ```
///
/// # Security
///
/// An identity that does not say since when it is proved is not fresh. The clocks of two servers may differ by no more
/// than the window.
#[derive(Clone)]
pub struct FreshWithin {
    window: Duration,
    clock: Arc<dyn Clock>,
}

impl FreshWithin {
    /// Says how long a proof is recent.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self { window, clock: Arc::new(SystemClock) }
    }

    /// Replaces the clock; for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
}

impl<U: User> Permission<U> for FreshWithin {
    fn needs_identity(&self) -> bool {
        true
    }

    fn check(&self, request: &AuthRequest<'_, U>) -> Verdict<'_> {
        let now = self.clock.now();
        let is_fresh = request
            .identity()
            .and_then(Identity::since)
            .is_some_and(|since| now.since(since).max(since.since(now)) <= self.window);
        if is_fresh {
            return Decision::Allow.into();
        }
        Decision::Deny(Denial::new("Log in again to perform this action.").with_code("not_fresh")).into()
    }

    fn name(&self) -> String {
        format!("FreshWithin({:?})", self.window)
    }
}

impl fmt::Debug for FreshWithin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshWithin").field("window", &self.window).finish_non_exhaustive()
    }
}

/// A permission made of a closure; see [`permission_fn`].
///
/// # Examples
///
/// The closure sees the application's own users where their type is named:
///
/// ```
/// # use portcullis::{User, UserId};
/// use portcullis::permission::PermissionFn;
/// use portcullis::Decision;
///
/// struct Member {
///     is_moderator: bool,
/// }
/// # impl User for Member {
/// #     fn id(&self) -> UserId { 1.into() }
/// #     fn username(&self) -> &str { "" }
/// #     fn is_active(&self) -> bool { true }
/// #     fn auth_epoch(&self) -> i64 { 0 }
/// # }
///
/// let is_moderator = PermissionFn::<Member, _>::new(|request| {
///     Decision::allow_if(request.user().is_some_and(|member| member.is_moderator))
/// });
/// # let _ = portcullis::Permissions::new(is_moderator)?;
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
pub struct PermissionFn<U, F> {
    decide: F,
    name: Cow<'static, str>,
    user: PhantomData<fn(&U)>,
}

/// Makes a permission of a closure that decides at once.
///
/// # Examples
///
/// ```
/// use portcullis::permission::permission_fn;
/// use portcullis::{Decision, IsAuthenticated, Permissions};
///
/// let is_john = permission_fn(|request| {
///     Decision::allow_if(request.user().is_some_and(|user| user.username == "john"))
/// });
/// let permissions = Permissions::new(IsAuthenticated & is_john.named("IsJohn"))?;
/// assert_eq!(permissions.describe(), "IsAuthenticated & IsJohn");
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
#[must_use]
pub fn permission_fn<F>(decide: F) -> PermissionFn<Account, F>
where
    F: Fn(&AuthRequest<'_, Account>) -> Decision + Send + Sync + 'static,
{
    PermissionFn::new(decide)
}

impl<U, F> PermissionFn<U, F>
where
    F: Fn(&AuthRequest<'_, U>) -> Decision + Send + Sync + 'static,
{
    /// Makes a permission of a closure that decides at once.
    #[must_use]
    pub fn new(decide: F) -> Self {
        Self { decide, name: short_name::<Self>().into(), user: PhantomData }
    }

    /// Gives it a name, for the table of routes and for logs.
    #[must_use]
    pub fn named(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), ..self }
    }
}

impl<U, F> Permission<U> for PermissionFn<U, F>
where
    U: User,
    F: Fn(&AuthRequest<'_, U>) -> Decision + Send + Sync + 'static,
{
    fn check(&self, request: &AuthRequest<'_, U>) -> Verdict<'_> {
        (self.decide)(request).into()
    }

    fn name(&self) -> String {
        self.name.to_string()
    }
}

impl<U, F> fmt::Debug for PermissionFn<U, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PermissionFn({})", self.name)
    }
}
