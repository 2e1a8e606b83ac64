//! Who is this? The [`Authenticator`] trait and the ready-made ones.
//!
//! 1. An authenticator answers one of three: nothing of mine, this identity, refused (DRF `BaseAuthentication`).
//! 2. A guard asks them in order. The first identity ends the list; so does the first refusal: a wrong `Authorization`
//!    header is not rescued by a good cookie.
//! 3. An outage is [`Error::Unavailable`], never "nothing of mine".
//! 4. An authenticator never writes a response; what a 401 asks for is its [`Challenge`].

mod basic;
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
mod jwt;
mod remote_user;
mod session;
mod token;

use async_trait::async_trait;
use http::HeaderName;

pub use basic::BasicAuthenticator;
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
pub use jwt::{JwtAuthenticator, StatelessJwtAuthenticator};
pub(crate) use remote_user::parse_networks;
pub use remote_user::{ParseNetworkError, RemoteUserAuthenticator};
pub use session::SessionAuthenticator;
pub use token::TokenAuthenticator;

use crate::challenge::Challenge;
use crate::error::Error;
use crate::identity::{Identity, Scheme};
use crate::request::RequestHead;
use crate::session::Sessions;
use crate::user::Account;

/// Turns a request into an identity.
///
/// # Examples
///
/// A token in a header of its own, as the bookshop has it:
///
/// ```
/// use async_trait::async_trait;
/// use portcullis::authentication::Authenticator;
/// use portcullis::{Account, Challenge, Error, Identity, Rejected, RequestHead, Scheme, Users};
///
/// struct Device {
///     users: Users,
///     challenge: Challenge,
/// }
///
/// #[async_trait]
/// impl Authenticator for Device {
///     async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity>, Error> {
///         let Some(value) = head.headers.get("x-device") else { return Ok(None) };
///         let name = value.to_str().map_err(|_| Rejected::new("No such device."))?;
///         let user = self.users.find_by_name(name).await?.ok_or_else(|| Rejected::new("No such device."))?;
///         Ok(Some(Identity::new(user, self.scheme())))
///     }
///
///     fn scheme(&self) -> Scheme {
///         Scheme::new("device")
///     }
///
///     fn challenge(&self) -> Option<&Challenge> {
///         Some(&self.challenge)
///     }
/// }
/// ```
///
/// An allow-list of addresses proves nobody by itself: it is a permission, `request.client()` names the address. For a
/// device that *is* its address, look the address up in [`RequestHead::client`].
///
/// # Security
///
/// A broken credential must be an `Err`: `Ok(None)` asks the next authenticator, and on an open route lets the request
/// in as nobody. A store that fails must be `Err` too; `?` does that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an authenticator of these users",
    label = "not an `Authenticator<{U}>`",
    note = "a mechanism makes its own: `users.basic()`, `tokens.authenticator()`, `sessions.authenticator()`, `jwt.authenticator()`",
    note = "the users of the guard and of its authenticators are of one type"
)]
#[async_trait]
pub trait Authenticator<U = Account>: Send + Sync + 'static {
    /// Answers nothing of mine, this identity, or refused.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] for credentials that are mine and not good; [`Error::Unavailable`] when it cannot tell.
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error>;

    /// Names the scheme, in lower case; it stands in the table of routes.
    fn scheme(&self) -> Scheme;

    /// Returns what a 401 asks for; `None` for a scheme that cannot be asked for, such as a session.
    fn challenge(&self) -> Option<&Challenge> {
        None
    }

    /// Looks, without waiting, whether the request could be meant for this authenticator; `false` spares the call.
    ///
    /// # Security
    ///
    /// A wrong `false` turns a bad credential into nobody.
    fn applies(&self, head: &RequestHead<'_>) -> bool {
        let _ = head;
        true
    }

    /// Names the request header that decides, so that caches keep answers apart (`Vary`).
    fn header(&self) -> Option<HeaderName> {
        None
    }

    /// Lends the sessions, where the authenticator reads them: handlers then find their `Session`.
    ///
    /// An authenticator of your own leaves this alone, but for one that wraps [`SessionAuthenticator`]: it lends what that
    /// one lends.
    ///
    /// # Security
    ///
    /// Without it an unsafe request with a session's identity cannot prove its origin, and is answered 503.
    fn sessions(&self) -> Option<&Sessions<U>> {
        None
    }

    /// Lists what the authenticator does less strictly than it could, for [`Guard::relaxations`](crate::Guard::relaxations).
    fn relaxations(&self) -> Vec<&'static str> {
        Vec::new()
    }
}
