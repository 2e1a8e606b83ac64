//! What a handler asks for: who, the session, an object that was checked.
//!
//! 1. Only what the guard left in the request is believed; a handler without a guard answers 500 and serves nobody.
//! 2. actix-web makes a `None` of every error of an `Option`. In an `Option<Auth>` that is nobody, and nothing else: where
//!    it could not be told who asks, the answer is replaced by a 500. [`MaybeAuth`] says it better.
//! 3. [`Authorized`] loads and checks before the body is read, in the order 404, 403, 400 (DRF).

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::ops::Deref;
use std::rc::{Rc, Weak};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::request::Parts;
use portcullis::{Account, Denial, User};

use crate::guarded::{access, any_access, misuse};
use crate::reject::Rejection;

/// Somebody; a request of nobody is refused. It lends [`portcullis::Auth`].
///
/// See [the crate](crate) for an example.
#[derive(Debug)]
pub struct Auth<U: User = Account>(portcullis::Auth<U>);

/// Somebody or nobody, for routes that let both in. It lends [`portcullis::MaybeAuth`]; see [`Auth`].
///
/// # Security
///
/// Nobody means that nothing was sent. A bad credential, and a store that does not answer, are refused before.
#[derive(Debug)]
pub struct MaybeAuth<U: User = Account>(portcullis::MaybeAuth<U>);

/// The session of the request: [`portcullis::Session`], which it lends; see [`Auth`].
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

/// Loads an object from the head of a request and the data of the application.
///
/// See [the crate](crate) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an object that `Authorized` can load",
    label = "not a `LoadObject`",
    note = "implement `LoadObject`: it says how the object is found from the head of a request"
)]
pub trait LoadObject: Sized + Send + Sync + 'static {
    /// Loads the object; `None` answers 404 as DRF does.
    ///
    /// # Errors
    ///
    /// A [`Rejection`]: a store that cannot answer, or [`Rejection::answer`] for an answer of your own.
    ///
    /// # Security
    ///
    /// A store that fails must be an `Err`. The object is checked after it was loaded: loading must change nothing.
    fn load(request: &HttpRequest) -> impl Future<Output = Result<Option<Self>, Rejection>>;
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

macro_rules! found {
    ($($name:ident),*) => {
        $(impl<U: User> FromRequest for $name<U> {
            type Error = Rejection;
            type Future = Ready<Result<Self, Rejection>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let parts = access::<U>(request).map(|(parts, _)| parts).map_err(Rejection::from);
                let of = |parts: Rc<Parts>| Ok(Self(portcullis::$name::of::<Bytes>(&parts.extensions)?));
                ready(parts.and_then(of))
            }
        })*
    };
}

lends!(Auth, MaybeAuth, Session);
found!(Auth, MaybeAuth);

impl<U: User> FromRequest for Session<U> {
    type Error = Rejection;
    type Future = LocalBoxFuture<'static, Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (parts, access) = access::<U>(&request)?;
            let session = access.session(&parts.headers).await;
            Ok(Self(session.map_err(|error| misuse(&request, error))?))
        })
    }
}

impl<T: LoadObject> FromRequest for Authorized<T> {
    type Error = Rejection;
    type Future = LocalBoxFuture<'static, Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mine = request.clone();
        let work = async move { Rc::new(RefCell::new(Some(authorize::<T>(&mine).await))) };
        let work = work.boxed_local().shared();
        hold_back(payload, work.clone().map(|checked| !matches!(&*checked.borrow(), Some(Err(_)))));
        Checks::add(
            request,
            work.clone().map(|checked| checked.borrow_mut().take_if(|checked| checked.is_err())?.err()),
        );
        // It is taken once: where it is gone, its refusal stands in the place of another extractor's error already.
        let gone = || Err(Denial::default().into());
        Box::pin(work.map(move |checked| checked.take().unwrap_or_else(gone).map(Self)))
    }
}

async fn authorize<T: LoadObject>(request: &HttpRequest) -> Result<T, Rejection> {
    let access = any_access(request)?;
    let loaded = T::load(request).await?;
    Ok(access.authorize(loaded).await?)
}

/// Keeps the body from the extractors that follow until the object was allowed; where it is not, they get none.
fn hold_back(payload: &mut Payload, is_allowed: impl Future<Output = bool> + 'static) {
    if !matches!(payload, Payload::None) {
        let held = payload.take();
        let body =
            is_allowed.map(|is_allowed| if is_allowed { held } else { Payload::None }).flatten_stream();
        *payload = Payload::Stream { payload: Box::pin(body) };
    }
}

/// The checks of one handler's objects, whose refusals go before the errors of its other extractors.
#[derive(Default)]
pub(crate) struct Checks(RefCell<Vec<LocalBoxFuture<'static, Option<Rejection>>>>);

/// Where extractors find the checks of their handler; those hold the request, so it must not hold them.
struct Slot(Weak<Checks>);

impl Checks {
    pub(crate) fn begin(request: &HttpRequest) -> Rc<Self> {
        let checks = Rc::new(Self::default());
        request.extensions_mut().insert(Slot(Rc::downgrade(&checks)));
        checks
    }

    fn add(request: &HttpRequest, check: impl Future<Output = Option<Rejection>> + 'static) {
        let checks = request.extensions().get().and_then(|Slot(checks)| checks.upgrade());
        if let Some(checks) = checks {
            checks.0.borrow_mut().push(Box::pin(check));
        }
    }

    /// Waits for the checks; the first that refuses.
    pub(crate) async fn refusal(&self) -> Option<Rejection> {
        for check in self.0.take() {
            if let Some(refusal) = check.await {
                return Some(refusal);
            }
        }
        None
    }
}
