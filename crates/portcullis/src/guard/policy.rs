//! What one route asks.

use std::fmt;
use std::sync::Arc;

use crate::authentication::Authenticator;
use crate::guard::Entry;
use crate::permission::{AllowAny, IntoPermission, PermissionError, Permissions};
use crate::throttle::Throttle;
use crate::user::{Account, User};

/// What one route asks: its permission, its authenticators and its throttles, where they differ from the guard's.
///
/// # Examples
///
/// ```
/// use portcullis::{Account, Policy};
/// use portcullis::permission::IsAdminUser;
///
/// let reports = Policy::<Account>::default().require(IsAdminUser);
/// let health = Policy::<Account>::default().public();
/// # let _ = (reports, health);
/// ```
pub struct Policy<U = Account> {
    pub(crate) authenticators: Option<Arc<[Entry<U>]>>,
    pub(crate) permission: Option<Result<Permissions<U>, PermissionError>>,
    pub(crate) throttles: Option<Arc<[Throttle]>>,
    pub(crate) has_no_object: bool,
    pub(crate) takes_passwords: bool,
}

impl<U> Default for Policy<U> {
    fn default() -> Self {
        Self {
            authenticators: None,
            permission: None,
            throttles: None,
            has_no_object: false,
            takes_passwords: false,
        }
    }
}

impl<U> Clone for Policy<U> {
    fn clone(&self) -> Self {
        Self {
            authenticators: self.authenticators.clone(),
            permission: self.permission.clone(),
            throttles: self.throttles.clone(),
            has_no_object: self.has_no_object,
            takes_passwords: self.takes_passwords,
        }
    }
}

impl<U> fmt::Debug for Policy<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").finish_non_exhaustive()
    }
}

impl<U: User> Policy<U> {
    /// Asks for a permission instead of the guard's default.
    #[must_use]
    pub fn require<M>(self, permission: impl IntoPermission<U, M>) -> Self {
        Self { permission: Some(Permissions::new(permission)), ..self }
    }

    /// Lets everybody in. A credential that is sent must be good all the same.
    #[must_use]
    pub fn public(self) -> Self {
        self.require(AllowAny)
    }

    /// Asks no authenticator at all; add some with [`Policy::authenticate_with`].
    #[must_use]
    pub fn without_authenticators(self) -> Self {
        Self { authenticators: Some(Arc::new([])), ..self }
    }

    /// Asks this authenticator instead of the guard's; called again, this one after the earlier ones.
    #[must_use]
    pub fn authenticate_with(self, authenticator: impl Authenticator<U>) -> Self {
        let earlier = self.authenticators.as_deref().unwrap_or_default();
        let entries = earlier.iter().cloned().chain([Entry::new(authenticator)]).collect();
        Self { authenticators: Some(entries), ..self }
    }

    /// Asks this throttle instead of the guard's; called again, this one as well as the earlier ones.
    #[must_use]
    pub fn throttle(self, throttle: Throttle) -> Self {
        let earlier = self.throttles.as_deref().unwrap_or_default();
        let throttles = earlier.iter().cloned().chain([throttle]).collect();
        Self { throttles: Some(throttles), ..self }
    }

    /// Counts nobody; add some throttles with [`Policy::throttle`].
    #[must_use]
    pub fn without_throttles(self) -> Self {
        Self { throttles: Some(Arc::new([])), ..self }
    }

    /// Says that a password stands in the body, so that it must not arrive in clear text either.
    pub(crate) fn taking_passwords(self) -> Self {
        Self { takes_passwords: true, ..self }
    }

    /// Says that the route has no object to check: a list, a creation.
    #[must_use]
    pub fn without_object(self) -> Self {
        Self { has_no_object: true, ..self }
    }

    /// Takes from another policy what this one does not say; adapters fill a route's from its scope's.
    #[must_use]
    pub fn or(self, default: &Self) -> Self {
        Self {
            authenticators: self.authenticators.or_else(|| default.authenticators.clone()),
            permission: self.permission.or_else(|| default.permission.clone()),
            throttles: self.throttles.or_else(|| default.throttles.clone()),
            has_no_object: self.has_no_object || default.has_no_object,
            takes_passwords: self.takes_passwords || default.takes_passwords,
        }
    }
}

/// Writes the words of a policy as methods of a type with a user type `U`, for adapters.
///
/// `$change` names a method `fn(self, impl FnOnce(Policy<U>) -> Policy<U>) -> Self`.
///
/// # Examples
///
/// ```
/// use portcullis::{Account, Policy, User};
///
/// /// A page, and who may see it.
/// struct Page<U = Account>(&'static str, Policy<U>);
///
/// impl<U: User> Page<U> {
///     portcullis::policy_words!(say);
///
///     fn say(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
///         Self(self.0, word(self.1))
///     }
/// }
///
/// let about: Page = Page("/about", Policy::default()).public();
/// # let _ = about;
/// ```
#[macro_export]
macro_rules! policy_words {
    ($change:ident) => {
        /// Asks for a permission instead of the default.
        #[must_use = "it changes nothing in place"]
        pub fn require<M>(self, permission: impl $crate::permission::IntoPermission<U, M>) -> Self {
            self.$change(|policy| policy.require(permission))
        }

        /// Lets everybody in. A credential that is sent must be good all the same.
        #[must_use = "it changes nothing in place"]
        pub fn public(self) -> Self {
            self.$change($crate::Policy::public)
        }

        /// Asks this authenticator instead of the guard's; called again, this one after the earlier ones.
        #[must_use = "it changes nothing in place"]
        pub fn authenticate_with(self, authenticator: impl $crate::Authenticator<U>) -> Self {
            self.$change(|policy| policy.authenticate_with(authenticator))
        }

        /// Asks no authenticator at all: nothing that is sent can be refused.
        #[must_use = "it changes nothing in place"]
        pub fn without_authenticators(self) -> Self {
            self.$change($crate::Policy::without_authenticators)
        }

        /// Asks this throttle instead of the guard's; called again, this one as well as the earlier ones.
        ///
        /// A method that the path does not have counts, too (DRF: 405 comes after the throttles).
        #[must_use = "it changes nothing in place"]
        pub fn throttle(self, throttle: $crate::Throttle) -> Self {
            self.$change(|policy| policy.throttle(throttle))
        }

        /// Counts nobody, whatever the guard does.
        #[must_use = "it changes nothing in place"]
        pub fn without_throttles(self) -> Self {
            self.$change($crate::Policy::without_throttles)
        }

        /// Says that there is no object to check, so that answers owe no check: a list, a creation.
        #[must_use = "it changes nothing in place"]
        pub fn without_object(self) -> Self {
            self.$change($crate::Policy::without_object)
        }

        /// Says all that a policy says which was made elsewhere; what it leaves open stays as it was.
        #[must_use = "it changes nothing in place"]
        pub fn policy(self, policy: $crate::Policy<U>) -> Self {
            self.$change(|said| policy.or(&said))
        }
    };
}
