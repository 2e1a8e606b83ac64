//! What a handler asks for: who, the session, an object that was checked.
//!
//! 1. Only what the guard left in the request is believed; a handler without a guard answers 500 and serves nobody.
//! 2. `Option<Auth>` does not compile: [`MaybeAuth`] is nobody or somebody, never "could not tell".
//! 3. [`Authorized`] loads and checks before the body is read, in the order 404, 403, 400 (DRF).

use std::ops::Deref;

use axum::extract::FromRequestParts;
use http::request::Parts;
use portcullis::{Access, Account, AnyAccess, User};

use crate::reject::Rejection;

/// Somebody; a request of nobody is refused. It lends [`portcullis::Auth`].
///
/// # Examples
///
/// ```
/// use portcullis_axum::Auth;
///
/// async fn whoami(auth: Auth) -> String {
///     auth.user().username.clone()
/// }
/// # let _ = whoami;
/// ```
#[derive(Debug)]
pub struct Auth<U: User = Account>(portcullis::Auth<U>);

/// Somebody or nobody, for routes that let both in. It lends [`portcullis::MaybeAuth`].
///
/// # Examples
///
/// ```
/// use portcullis_axum::MaybeAuth;
///
/// async fn greet(auth: MaybeAuth) -> String {
///     let name = auth.user().map_or("stranger", |user| &user.username);
///     format!("Hello, {name}")
/// }
/// # let _ = greet;
/// ```
///
/// # Security
///
/// Nobody means that nothing was sent. A bad credential, and a store that does not answer, are refused before.
#[derive(Debug)]
pub struct MaybeAuth<U: User = Account>(portcullis::MaybeAuth<U>);

/// The session of the request: [`portcullis::Session`], which it lends.
///
/// # Examples
///
/// ```
/// use portcullis_axum::{Rejection, Session};
///
/// async fn visits(session: Session) -> Result<String, Rejection> {
///     let visits = session.get::<u32>("visits").await?.unwrap_or(0) + 1;
///     session.insert("visits", &visits).await?;
///     Ok(visits.to_string())
/// }
/// # let _ = visits;
/// ```
#[derive(Debug)]
pub struct Session<U: User = Account>(portcullis::Session<U>);

/// An object that the route's permission allows for this request.
///
/// # Examples
///
/// See [`LoadObject`].
///
/// # Security
///
/// Put it in front of the body's extractor: then nothing of a body is read for who may not touch the object.
#[derive(Debug)]
pub struct Authorized<T>(pub T);

/// Loads an object from the head of a request and the state of the application.
///
/// # Examples
///
/// ```
/// use axum::extract::{FromRequestParts, Path};
/// use axum::http::request::Parts;
/// use portcullis_axum::{Authorized, LoadObject, Rejection};
///
/// struct Book(u32);
///
/// impl<S: Send + Sync> LoadObject<S> for Book {
///     async fn load(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
///         let Path(id) = Path::from_request_parts(parts, state).await.map_err(Rejection::answer)?;
///         Ok((id < 100).then_some(Self(id)))
///     }
/// }
///
/// async fn read(Authorized(book): Authorized<Book>) -> String {
///     book.0.to_string()
/// }
/// # let _ = read;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an object that `Authorized` can load",
    label = "not a `LoadObject<{S}>`",
    note = "implement `LoadObject<{S}>`: it says how the object is found from the head of a request"
)]
pub trait LoadObject<S>: Sized + Send + Sync + 'static {
    /// Loads the object; `None` answers 404 as DRF does.
    ///
    /// # Errors
    ///
    /// A [`Rejection`]: a store that cannot answer, or [`Rejection::answer`] for an answer of your own.
    ///
    /// # Security
    ///
    /// A store that fails must be an `Err`. The object is checked after it was loaded: loading must change nothing.
    fn load(parts: &mut Parts, state: &S) -> impl Future<Output = Result<Option<Self>, Rejection>> + Send;
}

macro_rules! lends {
    ($($name:ident),*) => {
        $(impl<U: User> Deref for $name<U> {
            type Target = portcullis::$name<U>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        })*
    };
}

lends!(Auth, MaybeAuth, Session);

impl<S: Send + Sync, U: User> FromRequestParts<S> for Auth<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Ok(Self(portcullis::Auth::of(&parts.extensions)?))
    }
}

impl<S: Send + Sync, U: User> FromRequestParts<S> for MaybeAuth<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Ok(Self(portcullis::MaybeAuth::of(&parts.extensions)?))
    }
}

impl<S: Send + Sync, U: User> FromRequestParts<S> for Session<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let access = Access::of(&parts.extensions)?;
        Ok(Self(access.session(&parts.headers).await?))
    }
}

impl<S: Send + Sync, T: LoadObject<S>> FromRequestParts<S> for Authorized<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let access = AnyAccess::of(&parts.extensions)?;
        let loaded = T::load(parts, state).await?;
        Ok(Self(access.authorize(loaded).await?))
    }
}
