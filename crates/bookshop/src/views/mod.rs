//! The views, which know no framework.

pub mod books;
pub mod hooks;
pub mod metadata;
pub mod session;
pub mod title;
pub mod whoami;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use portcullis::endpoint::Endpoint;
use portcullis::{MaybeAuth, Permissions};
use serde_json::json;

use crate::answer::{Answer, answer, empty};
use crate::app::Shop;
use crate::pages::Page;

/// What answers at a path. Each framework extracts what the kind of view needs, and calls it.
#[derive(Debug, Clone)]
pub enum View {
    /// All books: needs a [`Call`].
    Books(Permissions),
    /// One book: needs a [`Call`] and the book, checked by the route's permission.
    Book(Permissions),
    /// Who am I: needs a [`Call`].
    WhoAmI,
    /// Three requests a minute: needs a [`Call`].
    Throttled,
    /// A page or a form of one: needs a [`Call`] and the session.
    Page(Page),
    /// A change of one's own password: needs a [`Call`] and the session.
    ChangePassword,
    /// A ready handler of Portcullis; OPTIONS beside it needs a [`Call`].
    Endpoint(Endpoint),
}

/// What every view may know of its request.
#[derive(Debug)]
pub struct Call<'a> {
    /// The application.
    pub shop: &'a Shop,
    /// Who asks.
    pub auth: &'a MaybeAuth,
    /// Method, URI and headers.
    pub head: &'a Parts,
    /// The body.
    pub body: &'a Bytes,
}

impl View {
    /// Lists the methods that the view answers.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        match self {
            Self::Books(_) | Self::WhoAmI => vec![Method::GET, Method::POST, Method::OPTIONS],
            Self::Book(_) => {
                vec![Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
            }
            Self::Throttled => vec![Method::GET, Method::OPTIONS],
            Self::ChangePassword => vec![Method::POST, Method::OPTIONS],
            Self::Page(Page::Home) => vec![Method::GET],
            Self::Page(_) => vec![Method::POST],
            Self::Endpoint(endpoint) => vec![endpoint.method().clone(), Method::OPTIONS],
        }
    }

    /// Answers where a [`Call`] is all that is needed.
    ///
    /// # Errors
    ///
    /// A rejection: a body that cannot be read, or a store that cannot answer.
    pub async fn answer(&self, call: &Call<'_>) -> Answer {
        match self {
            Self::Books(permission) => books::list_or_create(permission, call).await,
            _ if call.head.method == Method::OPTIONS => Ok(whoami::metadata(&call.head.uri)),
            Self::WhoAmI => Ok(whoami::who(call.auth)),
            Self::Throttled => Ok(answer(StatusCode::OK, &json!({ "ok": true }))),
            Self::Book(_) | Self::Page(_) | Self::ChangePassword | Self::Endpoint(_) => {
                Ok(empty(StatusCode::INTERNAL_SERVER_ERROR))
            }
        }
    }

    /// Answers where the session is needed as well.
    ///
    /// # Errors
    ///
    /// As [`View::answer`].
    pub async fn answer_with(&self, call: &Call<'_>, session: &portcullis::Session) -> Answer {
        match self {
            Self::Page(page) => page.answer(call, session).await,
            Self::ChangePassword if call.head.method == Method::POST => {
                session::change_password(call, session).await
            }
            _ => self.answer(call).await,
        }
    }
}
