//! Where a request has gone.

use std::borrow::Cow;

use http::Extensions;
use percent_encoding::percent_decode_str;

/// The tag of the route and what its captures hold, for the service behind the guard.
///
/// # Examples
///
/// ```
/// use portcullis_tower::Matched;
///
/// #[derive(Clone)]
/// enum Page {
///     Book,
/// }
///
/// fn title(request: &http::Request<()>) -> Option<String> {
///     let matched = Matched::<Page>::of(request.extensions())?;
///     match matched.tag() {
///         Page::Book => Some(format!("book {}", matched.param("id")?)),
///     }
/// }
/// # assert_eq!(title(&http::Request::default()), None);
/// ```
///
/// # Security
///
/// This is routing. Whatever else touches the extensions can replace it: who asks is told by
/// [`portcullis::Auth`] alone, and a service without the guard in front of it finds nobody there.
#[derive(Debug, Clone)]
pub struct Matched<T> {
    tag: T,
    /// The captures as they were sent.
    params: Box<[(Box<str>, Box<str>)]>,
}

impl<T> Matched<T> {
    pub(crate) fn new(tag: T, params: Option<&matchit::Params<'_, '_>>) -> Self {
        let params = params.into_iter().flat_map(matchit::Params::iter);
        Self { tag, params: params.map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// Returns the tag that the application gave to the route.
    pub const fn tag(&self) -> &T {
        &self.tag
    }

    /// Returns what a capture holds, percent-decoded; `None` where there is no such capture, or it is not UTF-8.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.params.iter().find(|(known, _)| **known == *name)?;
        percent_decode_str(value).decode_utf8().ok()
    }
}

impl<T: Clone + Send + Sync + 'static> Matched<T> {
    /// Leaves it for the service behind the guard, and returns the tag.
    pub(crate) fn insert(self, extensions: &mut Extensions) -> T {
        let tag = self.tag.clone();
        extensions.insert(self);
        tag
    }

    /// Finds it in a request's extensions; `None` where the guard of another application has seen the request, or none.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }
}
