//! The authenticators and permissions that the bookshop adds to the ready ones.

use async_trait::async_trait;
use http::HeaderName;
use portcullis::{
    Account, AuthRequest, Authenticator, Challenge, ChallengeError, Decision, Error, Identity,
    ObjectPermission, Permission, Rejected, RequestHead, Scheme, Users, Verdict,
};

use crate::domain::Book;

const HEADER: HeaderName = HeaderName::from_static("x-custom-token");

/// `X-Custom-Token: open-sesame-<username>`: an authenticator of one's own in forty lines.
#[derive(Debug)]
pub struct CustomToken {
    users: Users,
    challenge: Challenge,
}

impl CustomToken {
    /// Believes the header. It is an example: whoever knows a name gets in.
    ///
    /// # Errors
    ///
    /// Never: the challenge is a constant that is one.
    pub fn new(users: Users) -> Result<Self, ChallengeError> {
        Ok(Self { users, challenge: Challenge::new("X-Custom-Token")? })
    }
}

#[async_trait]
impl Authenticator for CustomToken {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Option<Identity>, Error> {
        let mut values = head.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        // Two values are never one credential: a proxy may have checked the other one.
        let value = value.to_str().ok().filter(|_| values.next().is_none());
        let name = value.and_then(|value| value.strip_prefix("open-sesame-"));
        let name = name.ok_or_else(|| Rejected::new("Invalid custom token."))?;
        let user = self.users.find_by_name(name).await?.ok_or_else(|| Rejected::new("No such user."))?;
        if !user.is_active {
            return Err(Rejected::new("User inactive or deleted.").into());
        }
        Ok(Some(Identity::new(user, self.scheme())))
    }

    fn scheme(&self) -> Scheme {
        Scheme::new("custom")
    }

    fn challenge(&self) -> Option<&Challenge> {
        Some(&self.challenge)
    }

    fn applies(&self, head: &RequestHead<'_>) -> bool {
        head.headers.contains_key(HEADER)
    }

    fn header(&self) -> Option<HeaderName> {
        Some(HEADER)
    }
}

/// Lets everybody read a book, and its owner change it.
#[derive(Debug, Clone, Copy)]
pub struct IsOwnerOrReadOnly;

impl ObjectPermission for IsOwnerOrReadOnly {
    type Object = Book;

    fn check_object(&self, request: &AuthRequest<'_>, book: &Book) -> Verdict<'_> {
        let owns = request.user().is_some_and(|user| user.id == book.owner);
        Decision::allow_if(request.is_safe() || owns).into()
    }
}

/// Lets authors and staff in, and tells the others who may.
#[derive(Debug, Clone, Copy)]
pub struct IsAuthorOrAdmin;

impl Permission for IsAuthorOrAdmin {
    fn check(&self, request: &AuthRequest<'_>) -> Verdict<'_> {
        let may = |user: &Account| user.is_staff || user.groups.contains("Authors");
        if request.user().is_some_and(|user| may(user)) {
            Decision::Allow.into()
        } else {
            Decision::Deny(
                portcullis::Denial::new("Only authors and staff may do this.").with_code("authors_only"),
            )
            .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use portcullis::store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn one_custom_token_names_one_user() {
        let users = Users::new(MemoryStore::new());
        users.create_without_password("john").await.unwrap();
        let custom = CustomToken::new(users).unwrap();
        for (values, answer) in [
            (&[][..], Ok(None)),
            (&["open-sesame-john"], Ok(Some("john"))),
            (&["open-sesame-mary"], Err("No such user.")),
            (&["open-sesame-"], Err("No such user.")),
            (&["john"], Err("Invalid custom token.")),
            (&[""], Err("Invalid custom token.")),
            (&["open-sesame-john", "open-sesame-john"], Err("Invalid custom token.")),
            (&["open-sesame-john", "open-sesame-mary"], Err("Invalid custom token.")),
        ] {
            let request =
                values.iter().fold(Request::get("/"), |request, value| request.header(HEADER, *value));
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let found = custom.authenticate(&RequestHead::new(&parts, None)).await;
            let found = found.map(|identity| identity.map(|identity| identity.user().username.clone()));
            let found = found.map_err(|error| error.message().into_owned());
            assert_eq!(
                found,
                answer.map(|name| name.map(str::to_owned)).map_err(str::to_owned),
                "{values:?}"
            );
        }
    }
}
