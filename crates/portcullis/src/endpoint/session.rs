//! Log in, log out, CSRF tokens, the password, other devices.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::json;

use crate::body::FieldRules;
use crate::credentials::Credentials;
use crate::endpoint::token::log_in;
use crate::endpoint::{Call, Endpoint, Endpoints, Handle, below, field_error, json, no_content};
use crate::error::Error;
use crate::guard::{Policy, Rejection};
use crate::permission::IsAuthenticated;
use crate::secret::Digest;
use crate::session::Sessions;
use crate::user::User;
use crate::users::UsersError;

impl<U: User> Sessions<U> {
    /// Makes the endpoints below a base path such as `/api/session`:
    ///
    /// | | answer |
    /// |---|---|
    /// | `POST base/login` with `username`, `password` | `{"user": …}` and the cookies |
    /// | `POST base/logout` | 204 |
    /// | `GET base/csrf` | `{"csrfToken": …}` |
    /// | `POST base/password` with `current_password`, `new_password` | 204; every other session ends |
    /// | `GET base` | the sessions of the user who asks |
    /// | `POST base/end` with `id` | 204 |
    /// | `POST base/end-others` | `{"ended": n}` |
    ///
    /// All but login and csrf ask the session authenticator alone, so that CSRF is always checked.
    #[must_use]
    pub fn endpoints(&self, base: &str) -> Endpoints<U> {
        let own = || {
            Policy::default()
                .authenticate_with(self.authenticator())
                .require(IsAuthenticated)
                .without_object()
        };
        Endpoints::new(vec![
            self.login_endpoint(&below(base, "login")),
            self.logout_endpoint(&below(base, "logout")),
            self.csrf_endpoint(&below(base, "csrf")),
            Endpoint::new(Method::POST, below(base, "password"), own(), ChangePassword),
            Endpoint::new(Method::GET, base, own(), List(self.clone())),
            Endpoint::new(Method::POST, below(base, "end"), own(), End(self.clone())),
            Endpoint::new(Method::POST, below(base, "end-others"), own(), EndOthers(self.clone())),
        ])
    }

    /// Makes the login alone: `{"username", "password"}` in, `{"user"}` and the cookies out.
    ///
    /// # Security
    ///
    /// A form of another site could log a visitor in as somebody else: an `Origin` that is not ours is refused, unless
    /// the configuration is Django's, which does not look.
    #[must_use]
    pub fn login_endpoint(&self, path: &str) -> Endpoint<U> {
        Endpoint::new(Method::POST, path, self.open().taking_passwords(), LogIn(self.clone()))
    }

    /// Makes the logout alone.
    #[must_use]
    pub fn logout_endpoint(&self, path: &str) -> Endpoint<U> {
        let own = Policy::default()
            .authenticate_with(self.authenticator())
            .require(IsAuthenticated)
            .without_object();
        Endpoint::new(Method::POST, path, own, LogOut)
    }

    /// Makes the source of CSRF tokens alone.
    #[must_use]
    pub fn csrf_endpoint(&self, path: &str) -> Endpoint<U> {
        Endpoint::new(Method::GET, path, self.open(), CsrfToken)
    }

    fn open(&self) -> Policy<U> {
        Policy::default().without_authenticators().public().without_object()
    }
}

struct LogIn<U>(Sessions<U>);

struct LogOut;

struct CsrfToken;

struct ChangePassword;

struct List<U>(Sessions<U>);

struct End<U>(Sessions<U>);

struct EndOthers<U>(Sessions<U>);

#[async_trait]
impl<U: User> Handle<U> for LogIn<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        self.0.check_login_origin(&call.head())?;
        let user = log_in(&call).await?;
        call.session().await?.log_in(&user).await?;
        Ok(json(StatusCode::OK, &json!({ "user": user.username() })))
    }
}

#[async_trait]
impl<U: User> Handle<U> for LogOut {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        call.session().await?.log_out().await?;
        Ok(no_content())
    }
}

#[async_trait]
impl<U: User> Handle<U> for CsrfToken {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let token = call.session().await?.csrf_token().await?;
        let token = token.as_ref().map(|token| token.expose_secret().as_str());
        Ok(json(StatusCode::OK, &json!({ "csrfToken": token })))
    }
}

#[async_trait]
impl<U: User> Handle<U> for ChangePassword {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let user = call.access.require_identity()?.user();
        let wanted = [("current_password", FieldRules::AS_SENT), ("new_password", FieldRules::AS_SENT)];
        let [current, new] = call.body()?.fields(wanted)?;
        let users = call.access.guard().users();
        match users.check(&Credentials::new(user.username(), current), call.head().origin()).await {
            Ok(_) => {}
            Err(Error::Rejected(_)) => return Err(field_error("current_password", "The password is wrong.")),
            Err(error) => return Err(error.into()),
        }
        match users.set_password(&user.id(), new.expose_secret()).await {
            Ok(()) => {}
            Err(error @ UsersError::UnacceptablePassword) => {
                return Err(field_error("new_password", &error.to_string()));
            }
            Err(error) => return Err(error.into_unavailable().into()),
        }
        call.session().await?.keep_after_password_change().await?;
        Ok(no_content())
    }
}

#[async_trait]
impl<U: User> Handle<U> for List<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let identity = call.access.require_identity()?;
        let sessions = self.0.list(&identity.user().id()).await?;
        let rows = sessions.iter().map(|(key, session)| {
            json!({
                "id": key.to_string(),
                "label": &*session.label,
                "current": identity.grant().session() == Some(key),
                "created": session.created_at.to_string(),
                "last_seen": session.last_seen_at.to_string(),
                "expires": session.expires_at.to_string(),
            })
        });
        Ok(json(StatusCode::OK, &rows.collect()))
    }
}

#[async_trait]
impl<U: User> Handle<U> for End<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let identity = call.access.require_identity()?;
        let [id] = call.body()?.fields([("id", FieldRules::AS_SENT)])?;
        let key: Digest =
            id.expose_secret().parse().map_err(|_| field_error("id", "Not a valid session id."))?;
        if self.0.end(&identity.user().id(), &key).await? {
            Ok(no_content())
        } else {
            Err(field_error("id", "You have no such session."))
        }
    }
}

#[async_trait]
impl<U: User> Handle<U> for EndOthers<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let identity = call.access.require_identity()?;
        let ended = self.0.end_all(&identity.user().id(), identity.grant().session()).await?;
        Ok(json(StatusCode::OK, &json!({ "ended": ended })))
    }
}
