//! What a handler asks for: somebody, or perhaps nobody.
//!
//! 1. Only what the guard left in the request is believed; without a guard the answer is 500 and nobody is served.
//! 2. [`MaybeAuth`] is nobody or somebody, never "could not tell".

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use http::Extensions;

use crate::error::{Denial, Error};
use crate::guard::{Access, AnyAccess, Rejection};
use crate::identity::Identity;
use crate::user::{Account, User};

/// Somebody; a request of nobody is refused.
///
/// # Examples
///
/// See [`Rejection`].
#[derive(Debug)]
pub struct Auth<U: User = Account> {
    access: Access<U>,
    identity: Identity<U>,
}

/// Somebody or nobody, for routes that let both in.
///
/// # Examples
///
/// ```
/// use portcullis::{MaybeAuth, Rejection};
///
/// fn greeting(extensions: &http::Extensions) -> Result<String, Rejection> {
///     let auth: MaybeAuth = MaybeAuth::of(extensions)?;
///     let name = auth.user().map_or("stranger", |user| &user.username);
///     Ok(format!("Hello, {name}"))
/// }
/// # let _ = greeting;
/// ```
///
/// # Security
///
/// Nobody means that nothing was sent. A bad credential, and a store that does not answer, are refused before.
#[derive(Debug)]
pub struct MaybeAuth<U: User = Account>(Access<U>);

impl<U: User> Auth<U> {
    /// Finds who asks in a request's extensions.
    ///
    /// # Errors
    ///
    /// A [`Rejection`]: 401 for nobody, 500 without a guard or with one of another user type.
    pub fn of<B: From<Bytes>>(extensions: &Extensions) -> Result<Self, Rejection<B>> {
        let access = Access::of(extensions)?;
        let identity = access.require_identity()?.clone();
        Ok(Self { access, identity })
    }

    /// Returns the user.
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        self.identity.user()
    }

    /// Returns the user and how we know.
    #[must_use]
    pub const fn identity(&self) -> &Identity<U> {
        &self.identity
    }

    /// Checks the route's own permission on an object; what the route owes is paid when it allows.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] when it refuses; [`Error::Unavailable`] when it cannot tell.
    pub async fn check_object<T: Any + Send + Sync>(&self, object: &T) -> Result<(), Error> {
        self.access.check_object(object).await
    }

    /// Asks the route's own permission about an object without owing or paying anything; for lists.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when it cannot tell.
    pub async fn allows<T: Any + Send + Sync>(&self, object: &T) -> Result<bool, Error> {
        self.access.allows(object).await
    }

    /// Lends everything that the guard knows of the request.
    #[must_use]
    pub const fn access(&self) -> &Access<U> {
        &self.access
    }
}

impl<U: User> MaybeAuth<U> {
    /// Finds who asks, or that nobody does, in a request's extensions.
    ///
    /// # Errors
    ///
    /// A [`Rejection`]: 500 without a guard or with one of another user type.
    pub fn of<B: From<Bytes>>(extensions: &Extensions) -> Result<Self, Rejection<B>> {
        Ok(Self(Access::of(extensions)?))
    }

    /// Returns the user; `None` for nobody.
    #[must_use]
    pub fn user(&self) -> Option<&Arc<U>> {
        self.identity().map(Identity::user)
    }

    /// Returns the user and how we know; `None` for nobody.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity<U>> {
        self.0.identity()
    }

    /// Checks the route's own permission on an object; what the route owes is paid when it allows.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] or [`Error::Denied`] when it refuses; [`Error::Unavailable`] when it cannot tell.
    pub async fn check_object<T: Any + Send + Sync>(&self, object: &T) -> Result<(), Error> {
        self.0.check_object(object).await
    }

    /// Asks the route's own permission about an object without owing or paying anything; for lists.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when it cannot tell.
    pub async fn allows<T: Any + Send + Sync>(&self, object: &T) -> Result<bool, Error> {
        self.0.allows(object).await
    }

    /// Lends everything that the guard knows of the request.
    #[must_use]
    pub const fn access(&self) -> &Access<U> {
        &self.0
    }
}

impl AnyAccess {
    /// Checks an object that was loaded, for extractors of adapters: 404 where there is none, then the permission.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] for no object (hidden: 404) and for one that the permission refuses; the others as
    /// [`AnyAccess::check_object`].
    pub async fn authorize<T: Any + Send + Sync>(&self, loaded: Option<T>) -> Result<T, Error> {
        let object = loaded.ok_or_else(|| Denial::default().hide())?;
        self.check_object(&object).await?;
        Ok(object)
    }
}
