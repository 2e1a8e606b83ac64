//! A user without a credential, as DRF's `force_authenticate`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use portcullis::{Account, Authenticator, Error, Grant, Identity, RequestHead, Scheme, User};

/// Answers every request with one user; place it first in a test's guard.
///
/// What comes behind it is not asked, so no header is looked at and no origin has to be proved. The rest of the guard
/// stays what it is: permissions decide, and an inactive user is refused. Clones share who asks, so that a test keeps
/// one and says between two requests who it is.
///
/// # Examples
///
/// ```
/// use portcullis::{Admission, Guard, Policy, Users, store::MemoryStore};
/// use portcullis::permission::IsAdminUser;
/// use portcullis_testing::{ForceAuthenticate, request, staff};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let force = ForceAuthenticate::nobody();
/// let users = Users::new(MemoryStore::new());
/// let guard = Guard::builder(users.clone()).authenticate(force.clone()).authenticate(users.basic()).build()?;
/// let reports = guard.route(&Policy::default().require(IsAdminUser))?;
///
/// let refused = reports.admit(&mut request("GET", "/reports").parts(), None).await;
/// assert_eq!(refused.unwrap_err().status(), 401);
///
/// force.set(staff(1, "mary"));
/// let admitted = reports.admit(&mut request("GET", "/reports").parts(), None).await;
/// let Ok(Admission::Ready(admitted)) = admitted else { panic!("mary is staff") };
/// assert_eq!(admitted.access().identity().unwrap().user().username, "mary");
/// # Ok::<(), portcullis::GuardError>(())
/// # }).unwrap();
/// ```
///
/// # Security
///
/// It lets everybody in as this user: for tests alone.
pub struct ForceAuthenticate<U = Account> {
    user: Arc<Mutex<Option<Arc<U>>>>,
    scheme: Scheme,
    grant: Grant,
}

impl<U: User> ForceAuthenticate<U> {
    /// Takes the user, who need not be in a store; the scheme is `forced`.
    #[must_use]
    pub fn new(user: U) -> Self {
        let force = Self::nobody();
        force.set(user);
        force
    }

    /// Forces nobody yet: what comes behind it decides.
    #[must_use]
    pub fn nobody() -> Self {
        Self { user: Arc::default(), scheme: Scheme::new("forced"), grant: Grant::default() }
    }

    /// Says who asks from now on; with `None` what comes behind it decides again.
    pub fn set(&self, user: impl Into<Option<U>>) {
        *self.lock() = user.into().map(Arc::new);
    }

    /// Replaces the scheme, for a permission or a handler that asks how the user authenticated.
    #[must_use]
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// Adds what a credential would have brought: scopes, an expiry.
    #[must_use]
    pub fn with_grant(self, grant: Grant) -> Self {
        Self { grant, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<U>>> {
        self.user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identity(&self) -> Option<Identity<U>> {
        let user = self.lock().clone()?;
        Some(Identity::new(user, self.scheme).with_grant(self.grant.clone()))
    }
}

impl<U> Clone for ForceAuthenticate<U> {
    fn clone(&self) -> Self {
        Self { user: Arc::clone(&self.user), scheme: self.scheme, grant: self.grant.clone() }
    }
}

impl<U: User> fmt::Debug for ForceAuthenticate<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForceAuthenticate").field(&self.identity()).finish()
    }
}

#[async_trait]
impl<U: User> Authenticator<U> for ForceAuthenticate<U> {
    async fn authenticate(&self, _: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error> {
        Ok(self.identity())
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }
}

#[cfg(test)]
mod tests {
    use portcullis::permission::{HasScope, IsAdminUser};
    use portcullis::store::MemoryStore;
    use portcullis::{Admission, Guard, Policy, Scopes, SessionConfig, Sessions, Tokens, Users};

    use super::*;
    use crate::{account, inactive, request, staff};

    /// A guard with a force in front, tokens and sessions behind.
    fn guard(force: ForceAuthenticate) -> Guard {
        let store = MemoryStore::new();
        Guard::builder(Users::new(store.clone()))
            .authenticate(force)
            .authenticate(Tokens::new(store.clone()).authenticator())
            .authenticate(Sessions::new(store, SessionConfig::default()).authenticator())
            .build()
            .unwrap()
    }

    /// Asks a route: the scheme that let the request in, or the status that kept it out.
    async fn ask(force: ForceAuthenticate, policy: Policy) -> Result<&'static str, u16> {
        let route = guard(force).route(&policy).unwrap();
        let mut parts = request("POST", "/").token("wrong").cookie("__Host-session", "wrong").parts();
        match route.admit(&mut parts, None).await {
            Ok(Admission::Ready(admitted)) => Ok(admitted.access().identity().unwrap().scheme().as_str()),
            Ok(Admission::NeedsBody(_)) => panic!("a forced identity has no session"),
            Err(answer) => Err(answer.status().as_u16()),
        }
    }

    #[tokio::test]
    async fn the_user_is_forced_and_nothing_else() {
        let john = || ForceAuthenticate::new(account(1, "john"));
        let scoped = |scope| john().with_grant(Grant::default().with_scopes(Scopes::parse(scope)));
        let reads = || Policy::default().require(HasScope::new("books:read"));
        let admin = || Policy::default().require(IsAdminUser);
        let rows = [
            ("a bad token and a bad cookie do not count", john(), Policy::default(), Ok("forced")),
            ("a scheme of one's own", john().with_scheme(Scheme::TOKEN), Policy::default(), Ok("token")),
            ("staff may", ForceAuthenticate::new(staff(2, "mary")), admin(), Ok("forced")),
            ("john is not staff", john(), admin(), Err(403)),
            ("a scope is granted", scoped("books:read"), reads(), Ok("forced")),
            ("a scheme keeps the grant", scoped("x").with_scheme(Scheme::TOKEN), reads(), Err(403)),
            ("another scope is granted", scoped("books:write"), reads(), Err(403)),
            ("an inactive user", ForceAuthenticate::new(inactive(3, "gone")), Policy::default(), Err(401)),
        ];
        for (name, force, policy, verdict) in rows {
            assert_eq!(ask(force, policy).await, verdict, "{name}");
        }
    }

    #[tokio::test]
    async fn who_asks_is_said_between_requests() {
        let force = ForceAuthenticate::nobody();
        let route = guard(force.clone()).route(&Policy::default().require(IsAdminUser)).unwrap();
        for (name, user, status) in [
            ("nobody", None, Some(401)),
            ("staff", Some(staff(2, "mary")), None),
            ("john", Some(account(1, "john")), Some(403)),
            ("nobody again", None, Some(401)),
        ] {
            force.set(user);
            let answer = route.admit(&mut request("GET", "/").parts(), None).await;
            assert_eq!(answer.err().map(|answer| answer.status().as_u16()), status, "{name}");
        }
    }
}
