//! The limit: a token checked in the thinnest code that could be written, alone and as one layer in axum.
//!
//! It knows one header, one order of nothing else, and no rule that could be configured: what Portcullis costs beyond it
//! is the price of being a library.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{Either, Ready, ready};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use portcullis::{Account, Clock, SystemClock};
use serde::Deserialize;
use tower_layer::Layer;
use tower_service::Service;

use crate::tokens::{RawKey, Signed};

/// What a check by hand keeps.
#[derive(Clone)]
pub(crate) struct Floor {
    key: Arc<RawKey>,
    header: Box<str>,
    signature_length: usize,
}

#[derive(Deserialize)]
struct Payload<'a> {
    token_type: &'a str,
    exp: i64,
    iat: i64,
    jti: &'a str,
    user_id: &'a str,
}

impl Floor {
    pub(crate) fn new(signed: &Signed) -> Self {
        let segments: Vec<&str> = signed.token.split('.').collect();
        let [header, _, signature] = segments.as_slice() else { unreachable!("a token has three segments") };
        Self { key: Arc::clone(&signed.raw), header: (*header).into(), signature_length: signature.len() }
    }

    /// Checks the signature; returns the payload as it came.
    fn open<'t>(&self, token: &'t [u8]) -> Option<&'t [u8]> {
        let payload = token.strip_prefix(self.header.as_bytes())?.strip_prefix(b".")?;
        let (message, signature) = token.split_at_checked(token.len().checked_sub(self.signature_length)?)?;
        let payload = payload.get(..payload.len().checked_sub(self.signature_length + 1)?)?;
        let mut buffer = [0; 512];
        let length = URL_SAFE_NO_PAD.decode_slice(signature, &mut buffer).ok()?;
        let message = message.strip_suffix(b".")?;
        self.key.verify(message, buffer.get(..length)?).then_some(payload)
    }

    /// Checks a token and returns its user.
    pub(crate) fn check(&self, token: &[u8]) -> Option<i64> {
        let payload = self.open(token)?;
        let mut buffer = [0; 768];
        let length = URL_SAFE_NO_PAD.decode_slice(payload, &mut buffer).ok()?;
        let payload: Payload<'_> = serde_json::from_slice(buffer.get(..length)?).ok()?;
        let now = SystemClock.now().as_seconds();
        let is_good = payload.token_type == "access" && payload.iat <= now && now < payload.exp;
        std::hint::black_box(payload.jti);
        if is_good { payload.user_id.parse().ok() } else { None }
    }

    fn user(&self, headers: &HeaderMap) -> Option<Arc<Account>> {
        let user = self.check(bearer(headers)?)?;
        Some(Arc::new(Account::new(user, "")))
    }
}

/// Finds the token.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")
}

impl<S> Layer<S> for Floor {
    type Service = Thin<S>;

    fn layer(&self, inner: S) -> Thin<S> {
        Thin { floor: self.clone(), inner }
    }
}

/// One layer that boxes nothing.
#[derive(Clone)]
pub(crate) struct Thin<S> {
    floor: Floor,
    inner: S,
}

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for Thin<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.floor.user(request.headers()) {
            Some(user) => {
                request.extensions_mut().insert(user);
                Either::Right(self.inner.call(request))
            }
            None => Either::Left(ready(Ok(StatusCode::UNAUTHORIZED.into_response()))),
        }
    }
}
