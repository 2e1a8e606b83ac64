//! An object that is loaded and checked before the body is read, in the order 404, 403, 400 (DRF).

use http::request::Parts;
use portcullis::{AnyAccess, Rejection};

/// Loads an object from the head of a request and the state of the application.
///
/// # Examples
///
/// ```
/// use http::request::Parts;
/// use portcullis_hyper::{LoadObject, Matched, Rejection, Request, authorized};
///
/// #[derive(Clone)]
/// enum Page {
///     Book,
/// }
///
/// struct Book(u32);
///
/// impl<S: Sync> LoadObject<S> for Book {
///     async fn load(head: &Parts, _: &S) -> Result<Option<Self>, Rejection> {
///         let id = Matched::<Page>::of(&head.extensions).and_then(|page| page.param("id")?.parse().ok());
///         Ok(id.filter(|id| *id < 100).map(Self))
///     }
/// }
///
/// async fn update(request: Request) -> Result<String, Rejection> {
///     let (head, _body) = request.into_parts();
///     let book: Book = authorized(&head, &()).await?;
///     Ok(book.0.to_string())
/// }
/// # let _ = update;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an object that `authorized` can load",
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
    fn load(head: &Parts, state: &S) -> impl Future<Output = Result<Option<Self>, Rejection>> + Send;
}

/// Loads an object and checks the route's own permission on it; see [`LoadObject`].
///
/// # Errors
///
/// A [`Rejection`]: 404 for no object, 403 for one that the permission refuses, 503 when a store cannot tell, and 500
/// without a guard.
///
/// # Security
///
/// Call it before the body is read: then nothing of a body is read for who may not touch the object.
pub async fn authorized<T, S>(head: &Parts, state: &S) -> Result<T, Rejection>
where
    T: LoadObject<S>,
    S: Sync,
{
    let access = AnyAccess::of(&head.extensions)?;
    let loaded = T::load(head, state).await?;
    Ok(access.authorize(loaded).await?)
}
