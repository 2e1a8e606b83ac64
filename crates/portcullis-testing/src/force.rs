//! A user without a credential, as DRF's `force_authenticate`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis::{Account, Authenticator, Error, Grant, Identity, RequestHead, Scheme, User};

/// Answers every request with one user; place it first in a test's guard.
///
/// What comes behind it is not asked, so no header is looked at and no origin has to be proved. The rest of the guard
/// stays what it is: permissions decide, and an inactive user is refused.
///
/// # Examples
///
/// ```
/// use portcullis::{Admission, Guard, Policy, Users, store::MemoryStore};
/// use portcullis::permission::IsAdminUser;
/// use portcullis_testing::{ForceAuthenticate, request, staff};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let users = Users::new(MemoryStore::new());
/// let guard = Guard::builder(users).authenticate(ForceAuthenticate::new(staff(1, "mary"))).build()?;
/// let reports = guard.route(&Policy::default().require(IsAdminUser))?;
///
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
pub struct ForceAuthenticate<U = Account>(Identity<U>);

impl<U: User> ForceAuthenticate<U> {
    /// Takes the user, who need not be in a store; the scheme is `forced`.
    #[must_use]
    pub fn new(user: U) -> Self {
        Self(Identity::new(Arc::new(user), Scheme::new("forced")))
    }

    /// Replaces the scheme, for a permission or a handler that asks how the user authenticated.
    #[must_use]
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        let user = Arc::clone(self.0.user());
        Self(Identity::new(user, scheme).with_grant(self.0.grant().clone()))
    }

    /// Adds what a credential would have brought: scopes, an expiry.
    #[must_use]
    pub fn with_grant(self, grant: Grant) -> Self {
        Self(self.0.with_grant(grant))
    }
}

impl<U: User> fmt::Debug for ForceAuthenticate<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForceAuthenticate").field(&self.0).finish()
    }
}

#[async_trait]
impl<U: User> Authenticator<U> for ForceAuthenticate<U> {
    async fn authenticate(&self, _: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error> {
        Ok(Some(self.0.clone()))
    }

    fn scheme(&self) -> Scheme {
        self.0.scheme()
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
}
