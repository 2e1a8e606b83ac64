//! What the credential may be used for (RFC 6749 section 3.3).
//!
//! 1. All scopes named are required together (Django OAuth Toolkit's `TokenHasScope`).
//! 2. An identity whose credential has no scopes at all is refused, unless `or_unlimited` says otherwise.
//! 3. A requirement that names no scope is a mistake and refuses everybody.

use super::Permission;
use super::verdict::{Decision, Verdict};
use crate::identity::Scopes;
use crate::request::AuthRequest;
use crate::user::User;

/// Allows everything to a credential that has all of the scopes.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use portcullis::{Account, AuthRequest, Decision, Denial, Grant, HasScope, Identity, Permission, Scheme, Scopes};
///
/// let (parts, ()) = http::Request::get("/").body(()).unwrap().into_parts();
/// let decide = |permission: HasScope, grant| {
///     let identity = Identity::new(Arc::new(Account::new(1, "john")), Scheme::TOKEN).with_grant(grant);
///     let request = AuthRequest::new(&parts.method, &parts.uri, &parts.headers, Some(&identity), None);
///     permission.check(&request).decided().cloned()
/// };
/// let limited = || Grant::default().with_scopes(Scopes::parse("books:read"));
/// assert_eq!(decide(HasScope::new("books:read"), limited()), Some(Decision::Allow));
/// assert_eq!(decide(HasScope::new("books:read books:write"), limited()), Some(Denial::default().into()));
///
/// // A session has no scopes.
/// assert_eq!(decide(HasScope::new("books:read"), Grant::default()), Some(Denial::default().into()));
/// assert_eq!(decide(HasScope::new("books:read").or_unlimited(), Grant::default()), Some(Decision::Allow));
/// ```
#[derive(Debug, Clone)]
pub struct HasScope {
    required: Scopes,
    or_unlimited: bool,
}

impl HasScope {
    /// Names the scopes, separated by spaces.
    #[must_use]
    pub fn new(required: &str) -> Self {
        Self { required: Scopes::parse(required), or_unlimited: false }
    }

    /// Also allows everything to identities that no scopes limit, as those of a session.
    ///
    /// # Security
    ///
    /// A mechanism that loses its scopes then gains everything.
    #[must_use]
    pub fn or_unlimited(self) -> Self {
        Self { or_unlimited: true, ..self }
    }
}

impl<U: User> Permission<U> for HasScope {
    fn needs_identity(&self) -> bool {
        true
    }

    fn check(&self, request: &AuthRequest<'_, U>) -> Verdict<'_> {
        Decision::allow_if(covers(request, &self.required, self.or_unlimited)).into()
    }

    fn name(&self) -> String {
        format!("HasScope(\"{}\")", self.required)
    }
}

/// Allows safe methods to a credential with the scopes for reading, others to one with those for writing.
///
/// Django OAuth Toolkit's `TokenHasReadWriteScope` is `HasReadWriteScope::new("read", "write")`, its
/// `TokenHasResourceScope` for books `HasReadWriteScope::new("books:read", "books:write")`.
///
/// # Examples
///
/// ```
/// use portcullis::{Account, IsAuthenticated, Permissions, permission::HasReadWriteScope};
///
/// let permission = IsAuthenticated & HasReadWriteScope::new("books:read", "books:write").or_unlimited();
/// let permissions = Permissions::<Account>::new(permission)?;
/// assert_eq!(permissions.describe(), r#"IsAuthenticated & HasReadWriteScope("books:read", "books:write")"#);
/// # Ok::<(), portcullis::permission::PermissionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HasReadWriteScope {
    read: Scopes,
    write: Scopes,
    or_unlimited: bool,
}

impl HasReadWriteScope {
    /// Names the scopes for safe methods and those for the others, each separated by spaces.
    #[must_use]
    pub fn new(read: &str, write: &str) -> Self {
        Self { read: Scopes::parse(read), write: Scopes::parse(write), or_unlimited: false }
    }

    /// Also allows everything to identities that no scopes limit, as those of a session.
    ///
    /// # Security
    ///
    /// A mechanism that loses its scopes then gains everything.
    #[must_use]
    pub fn or_unlimited(self) -> Self {
        Self { or_unlimited: true, ..self }
    }
}

impl<U: User> Permission<U> for HasReadWriteScope {
    fn needs_identity(&self) -> bool {
        true
    }

    fn check(&self, request: &AuthRequest<'_, U>) -> Verdict<'_> {
        let required = if request.is_safe() { &self.read } else { &self.write };
        Decision::allow_if(covers(request, required, self.or_unlimited)).into()
    }

    fn name(&self) -> String {
        format!("HasReadWriteScope(\"{}\", \"{}\")", self.read, self.write)
    }
}

fn covers<U>(request: &AuthRequest<'_, U>, required: &Scopes, or_unlimited: bool) -> bool {
    let Some(identity) = request.identity() else { return false };
    if required.iter().next().is_none() {
        return false;
    }
    match identity.grant().scopes() {
        Some(granted) => required.iter().all(|scope| granted.contains(scope)),
        None => or_unlimited,
    }
}
