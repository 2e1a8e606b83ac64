//! Obtain, refresh, verify and revoke pairs of JSON Web Tokens; the public keys.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::body::FieldRules;
use crate::credentials::Credentials;
use crate::endpoint::{Call, Endpoint, Endpoints, Handle, answer_json, below, json};
use crate::error::{Error, Rejected};
use crate::guard::{Policy, Rejection, refused_body};
use crate::jwt::{Jwt, TokenPair};
use crate::secret::Secret;
use crate::user::User;

/// How long a client may keep the public keys, in seconds: at most so late does it learn of a new one.
const KEYS_LIVE: &str = "public, max-age=300";

impl<U: User> Jwt<U> {
    /// Makes the endpoints below a base path such as `/api/token`; the answers are simplejwt's:
    ///
    /// | | answer |
    /// |---|---|
    /// | `POST base` with `username`, `password` | `{"refresh": …, "access": …}` |
    /// | `POST base/refresh` with `refresh` | `{"access": …, "refresh": …}` |
    /// | `POST base/verify` with `token` | `{}`, or 401; 400 for one that was used or revoked |
    /// | `POST base/revoke` with `refresh` | `{}`: a logout |
    ///
    /// No authenticator is asked: what is in the body counts. The public keys have an endpoint of their own,
    /// [`Jwt::jwks_endpoint`], since their path is known to others.
    #[must_use]
    pub fn endpoints(&self, base: &str) -> Endpoints<U> {
        Endpoints::new(vec![
            self.obtain_endpoint(base),
            self.refresh_endpoint(&below(base, "refresh")),
            self.verify_endpoint(&below(base, "verify")),
            self.revoke_endpoint(&below(base, "revoke")),
        ])
    }

    /// Makes simplejwt's `TokenObtainPairView` alone.
    #[must_use]
    pub fn obtain_endpoint(&self, path: &str) -> Endpoint<U> {
        Endpoint::new(Method::POST, path, open().taking_passwords(), Obtain(self.clone()))
    }

    /// Makes simplejwt's `TokenRefreshView` alone.
    #[must_use]
    pub fn refresh_endpoint(&self, path: &str) -> Endpoint<U> {
        Endpoint::new(Method::POST, path, open().taking_passwords(), Refresh(self.clone()))
    }

    /// Makes simplejwt's `TokenVerifyView` alone.
    #[must_use]
    pub fn verify_endpoint(&self, path: &str) -> Endpoint<U> {
        Endpoint::new(Method::POST, path, open().taking_passwords(), Verify(self.clone()))
    }

    /// Makes simplejwt's `TokenBlacklistView` alone.
    #[must_use]
    pub fn revoke_endpoint(&self, path: &str) -> Endpoint<U> {
        Endpoint::new(Method::POST, path, open().taking_passwords(), Revoke(self.clone()))
    }

    /// Makes the document of the public keys (RFC 7517 section 5), such as at `/.well-known/jwks.json`.
    #[must_use]
    pub fn jwks_endpoint(&self, path: &str) -> Endpoint<U> {
        Endpoint::new(Method::GET, path, open(), Jwks(self.clone()))
    }
}

fn open<U: User>() -> Policy<U> {
    Policy::default().without_authenticators().public().without_object()
}

struct Obtain<U>(Jwt<U>);

struct Refresh<U>(Jwt<U>);

struct Verify<U>(Jwt<U>);

struct Revoke<U>(Jwt<U>);

struct Jwks<U>(Jwt<U>);

#[async_trait]
impl<U: User> Handle<U> for Obtain<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let wanted = [("username", FieldRules::TRIMMED), ("password", FieldRules::AS_SENT)];
        let [username, password] = call.body()?.fields(wanted)?;
        let credentials = Credentials::new(username.expose_secret(), password);
        let origin = call.head().origin();
        let user = match call.access.guard().users().check(&credentials, origin).await {
            Ok(user) => user,
            Err(Error::Rejected(_)) => {
                let refused = Rejected::new("No active account found with the given credentials");
                return Err(refuse(&self.0, &refused));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(pair(&self.0.issue(&user).await?, &["refresh", "access"]))
    }
}

#[async_trait]
impl<U: User> Handle<U> for Refresh<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let token = field(&call, "refresh")?;
        let refreshed = self.0.refresh(token.expose_secret(), call.head().origin()).await;
        let refreshed = refreshed.map_err(|error| answer(&self.0, error))?;
        Ok(pair(&refreshed, &["access", "refresh"]))
    }
}

#[async_trait]
impl<U: User> Handle<U> for Verify<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let token = field(&call, "token")?;
        match self.0.verify(token.expose_secret()).await {
            Ok(()) => Ok(json(StatusCode::OK, &json!({}))),
            Err(Error::Rejected(revoked)) if revoked.code() == "token_revoked" => {
                let body = json!({ "non_field_errors": [revoked.to_string()] });
                Ok(json(StatusCode::BAD_REQUEST, &body))
            }
            Err(error) => Err(answer(&self.0, error)),
        }
    }
}

#[async_trait]
impl<U: User> Handle<U> for Revoke<U> {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let token = field(&call, "refresh")?;
        let revoked = self.0.revoke(token.expose_secret(), call.head().origin()).await;
        revoked.map_err(|error| answer(&self.0, error))?;
        Ok(json(StatusCode::OK, &json!({})))
    }
}

#[async_trait]
impl<U: User> Handle<U> for Jwks<U> {
    async fn handle(&self, _: Call<U>) -> Result<Response<Bytes>, Rejection> {
        let mut response = answer_json(StatusCode::OK, self.0.jwks());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(KEYS_LIVE));
        Ok(response)
    }
}

fn field<U: User>(call: &Call<U>, name: &'static str) -> Result<Secret, Rejection> {
    let [token] = call.body()?.fields([(name, FieldRules::TRIMMED)])?;
    Ok(token)
}

/// Answers with the tokens there are, in simplejwt's order.
fn pair(pair: &TokenPair, order: &[&str]) -> Response<Bytes> {
    let members: Vec<_> = order
        .iter()
        .filter_map(|name| {
            let token = if *name == "access" { Some(pair.access()) } else { pair.refresh() };
            Some(format!("\"{name}\":{}", Value::from(token?.expose_secret().as_str())))
        })
        .collect();
    answer_json(StatusCode::OK, format!("{{{}}}", members.join(",")))
}

fn answer<U: User>(jwt: &Jwt<U>, error: Error) -> Rejection {
    match error {
        Error::Rejected(rejected) => refuse(jwt, &rejected),
        other => other.into(),
    }
}

/// Answers 401 with the challenge of the access token's scheme, though the route asks no authenticator.
fn refuse<U: User>(jwt: &Jwt<U>, rejected: &Rejected) -> Rejection {
    let mut response = answer_json(StatusCode::UNAUTHORIZED, refused_body(rejected));
    let challenge = jwt.verifier().config().challenge();
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge.as_header().clone());
    Rejection::answer(response)
}
