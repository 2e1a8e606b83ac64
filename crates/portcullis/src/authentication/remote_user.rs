//! A name that a trusted proxy sends, as DRF's `RemoteUserAuthentication`.
//!
//! 1. The header is believed from configured peers alone; from anyone else it is refused and recorded.
//! 2. Two values are refused, never joined into a name (CVE-2026-33433).
//! 3. A twin of the header, with underscores for hyphens or the other way, is refused: some servers fold one onto the
//!    other (CVE-2015-0219).
//! 4. A missing or empty value, an inactive user: nobody (Django's `RemoteUserBackend`). Names are Latin-1, as Python
//!    reads headers.

use async_trait::async_trait;
use http::HeaderName;
use ipnet::IpNet;

use crate::authentication::Authenticator;
use crate::credentials::MAX_USERNAME_BYTES;
use crate::error::{Error, Rejected};
use crate::event::{Event, EventKind};
use crate::header::latin1;
use crate::identity::{Identity, Scheme};
use crate::request::RequestHead;
use crate::user::User;
use crate::users::{Users, UsersError};

/// Believes the user name that a trusted proxy sends; made by [`Users::remote_user`].
///
/// # Examples
///
/// ```
/// use portcullis::{Users, store::MemoryStore};
///
/// let users = Users::new(MemoryStore::new());
/// let remote = users.remote_user(http::HeaderName::from_static("x-remote-user"), ["127.0.0.0/8"])?.with_unknown_users();
/// # let _ = remote;
/// # Ok::<(), portcullis::ParseNetworkError>(())
/// ```
///
/// # Security
///
/// The proxy must remove the header from what its clients send. There is no CSRF check: the proxy's own login decides.
#[derive(Debug)]
pub struct RemoteUserAuthenticator<U> {
    users: Users<U>,
    header: HeaderName,
    peers: Vec<IpNet>,
    creates: bool,
}

/// A network is written `address/prefix`, with no bits set behind the prefix.
///
/// # Examples
///
/// See [`RemoteUserAuthenticator`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a network such as 10.0.0.0/8")]
pub struct ParseNetworkError(String);

/// Reads networks; one with bits set behind its prefix is a mistake, not a wish.
pub(crate) fn parse_networks<'a>(
    networks: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<IpNet>, ParseNetworkError> {
    let parse = |text: &str| match text.parse::<IpNet>() {
        Ok(network) if network == network.trunc() => Ok(network),
        _ => Err(ParseNetworkError(text.to_owned())),
    };
    networks.into_iter().map(parse).collect()
}

impl<U: User> Users<U> {
    /// Makes an authenticator that believes a header from the peers in these networks.
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] when a network is not written as one.
    pub fn remote_user<'a>(
        &self,
        header: HeaderName,
        peers: impl IntoIterator<Item = &'a str>,
    ) -> Result<RemoteUserAuthenticator<U>, ParseNetworkError> {
        Ok(RemoteUserAuthenticator {
            users: self.clone(),
            header,
            peers: parse_networks(peers)?,
            creates: false,
        })
    }
}

impl<U: User> RemoteUserAuthenticator<U> {
    /// Makes a user, without a password, for a name that is nobody's yet.
    #[must_use]
    pub fn with_unknown_users(self) -> Self {
        Self { creates: true, ..self }
    }

    fn name(&self, head: &RequestHead<'_>) -> Result<Option<String>, Error> {
        let mut values = head.headers.get_all(&self.header).iter();
        let (first, second) = (values.next(), values.next());
        let twin = head.headers.keys().any(|name| is_twin(name, &self.header));
        let Some(value) = first else {
            return if twin { Err(not_authenticated()) } else { Ok(None) };
        };
        if second.is_some() || twin {
            return Err(refused());
        }
        if value.is_empty() {
            return Ok(None);
        }
        let peer = head.peer().map(|peer| peer.to_canonical());
        if !peer.is_some_and(|peer| self.peers.iter().any(|network| network.contains(&peer))) {
            self.users.environment().record(|| {
                Event::new(EventKind::RemoteUserUntrusted)
                    .with_scheme(Scheme::REMOTE_USER)
                    .with_origin(head.origin())
            });
            return Err(refused());
        }
        let name = latin1(value.as_bytes());
        if name.len() > MAX_USERNAME_BYTES { Err(refused()) } else { Ok(Some(name)) }
    }

    async fn user(&self, name: &str) -> Result<Option<std::sync::Arc<U>>, Error> {
        if let Some(user) = self.users.find_by_name(name).await? {
            return Ok(Some(user));
        }
        if !self.creates {
            return Ok(None);
        }
        match self.users.create_without_password(name).await {
            Ok(user) => Ok(Some(user)),
            // Another request made the same user a moment ago.
            Err(UsersError::UsernameTaken) => self.users.find_by_name(name).await.map_err(Into::into),
            Err(UsersError::UnacceptableUsername) => Err(refused()),
            Err(error) => Err(error.into_unavailable().into()),
        }
    }
}

/// Refuses a twin alone in the words of a server that drops it, on open routes too.
const fn not_authenticated() -> Error {
    Error::Rejected(Rejected::NOT_AUTHENTICATED)
}

fn refused() -> Error {
    Rejected::new("Incorrect authentication credentials.").into()
}

fn is_twin(name: &HeaderName, header: &HeaderName) -> bool {
    let (name, header) = (name.as_str(), header.as_str());
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte };
    name != header && name.bytes().map(fold).eq(header.bytes().map(fold))
}

#[async_trait]
impl<U: User> Authenticator<U> for RemoteUserAuthenticator<U> {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity<U>>, Error> {
        let Some(name) = self.name(head)? else { return Ok(None) };
        let user = self.user(&name).await?.filter(|user| user.is_active());
        Ok(user.map(|user| Identity::new(user, Scheme::REMOTE_USER)))
    }

    fn scheme(&self) -> Scheme {
        Scheme::REMOTE_USER
    }

    fn applies(&self, head: &RequestHead<'_>) -> bool {
        head.headers.keys().any(|name| name == self.header || is_twin(name, &self.header))
    }

    fn header(&self) -> Option<HeaderName> {
        Some(self.header.clone())
    }
}
