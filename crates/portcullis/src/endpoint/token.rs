//! Obtain, list and revoke tokens.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::json;

use crate::body::FieldRules;
use crate::credentials::Credentials;
use crate::endpoint::{
    Call, Endpoint, Endpoints, Handle, below, field_error, json, no_content, wrong_credentials,
};
use crate::error::{Denial, Error};
use crate::guard::{Policy, Rejection};
use crate::identity::Identity;
use crate::permission::IsAuthenticated;
use crate::secret::Digest;
use crate::token::{NewToken, Tokens};
use crate::user::User;

impl<U: User> Tokens<U> {
    /// Makes the endpoints below a base path such as `/api/login`:
    ///
    /// | | answer |
    /// |---|---|
    /// | `POST base` with `username`, `password` | `{"token": …}`; DRF's `obtain_auth_token` |
    /// | `GET base` | the tokens of the user who asks, without the tokens themselves |
    /// | `POST base/revoke` with `id`, or nothing for the token used | 204 |
    #[must_use]
    pub fn endpoints(&self, base: &str) -> Endpoints<U> {
        let authenticated = || Policy::default().require(IsAuthenticated).without_object();
        Endpoints::new(vec![
            self.obtain_endpoint(base),
            Endpoint::new(Method::GET, base, authenticated(), List(self.clone())),
            Endpoint::new(Method::POST, below(base, "revoke"), authenticated(), Revoke(self.clone())),
        ])
    }

    /// Makes DRF's `obtain_auth_token` alone. As in DRF the guard's authenticators run: what they refuse is refused.
    #[must_use]
    pub fn obtain_endpoint(&self, path: &str) -> Endpoint<U> {
        let open = Policy::default().public().without_object().taking_passwords();
        Endpoint::new(Method::POST, path, open, Obtain(self.clone()))
    }
}

struct Obtain<U>(Tokens<U>);

struct List<U>(Tokens<U>);

struct Revoke<U>(Tokens<U>);

#[async_trait]
impl<U: User> Handle<U> for Obtain<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let user = log_in(&call).await?;
        let token = self.0.issue(&user.id(), NewToken::default()).await?;
        Ok(json(StatusCode::OK, &json!({ "token": token.expose_secret() })))
    }
}

/// A credential that is limited to scopes may do what they name, and not look after its owner's other tokens.
fn unlimited<U: User>(call: &Call<U>) -> Result<&Identity<U>, Rejection> {
    let identity = call.access.require_identity()?;
    match identity.grant().scopes() {
        None => Ok(identity),
        Some(_) => Err(Error::from(Denial::default()).into()),
    }
}

/// Checks the username and the password of a body.
pub(crate) async fn log_in<U: User>(call: &Call<U>) -> Result<std::sync::Arc<U>, Rejection> {
    let wanted = [("username", FieldRules::TRIMMED), ("password", FieldRules::AS_SENT)];
    let [username, password] = call.body()?.fields(wanted)?;
    let credentials = Credentials::new(username.expose_secret(), password);
    let users = call.access.guard().users();
    match users.check(&credentials, call.head().origin()).await {
        Ok(user) => Ok(user),
        Err(Error::Rejected(_)) => Err(wrong_credentials()),
        Err(error) => Err(error.into()),
    }
}

#[async_trait]
impl<U: User> Handle<U> for List<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let identity = unlimited(&call)?;
        let tokens = self.0.list(&identity.user().id()).await?;
        let rows = tokens.iter().map(|token| {
            json!({
                "id": token.digest.to_string(),
                "name": token.name,
                "scopes": token.scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<_>>()),
                "current": identity.grant().token() == Some(&token.digest),
                "created": token.created_at.to_string(),
                "expires": token.expires_at.map(|end| end.to_string()),
                "last_used": token.last_used_at.map(|last| last.to_string()),
            })
        });
        Ok(json(StatusCode::OK, &rows.collect()))
    }
}

#[async_trait]
impl<U: User> Handle<U> for Revoke<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let identity = call.access.require_identity()?;
        let body = call.body()?;
        let token: Digest = match identity.grant().token() {
            Some(token) if !body.has("id") => *token,
            _ => {
                unlimited(&call)?;
                let [id] = body.fields([("id", FieldRules::AS_SENT)])?;
                id.expose_secret().parse().map_err(|_| field_error("id", "Not a valid token id."))?
            }
        };
        if self.0.revoke(&identity.user().id(), &token).await? {
            Ok(no_content())
        } else {
            Err(field_error("id", "You have no such token."))
        }
    }
}
