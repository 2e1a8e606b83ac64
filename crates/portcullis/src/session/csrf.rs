//! The CSRF rules of sessions, and the cookies of an answer.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderValue, Method};

use crate::body::{Body, BodyError};
use crate::cookie::CookieError;
use crate::csrf::{Csrf, FORM_FIELD, mask, new_secret, secret_of_session};
use crate::error::{Error, Unavailable};
use crate::request::RequestHead;
use crate::secret::Secret;
use crate::session::state::CookieChange;
use crate::session::{SessionState, Sessions};
use crate::user::User;

/// The most that is read of a form body to find its token, in bytes.
pub(crate) const MAX_FORM: usize = 64 * 1024;

/// An unsafe request whose origin is right and whose token is not checked yet.
pub(crate) struct CsrfCheck {
    csrf: Csrf,
    secret: Secret,
}

impl<U: User> Sessions<U> {
    pub(crate) fn csrf(&self) -> Result<&Csrf, Unavailable> {
        self.0.csrf.as_ref().map_err(|error| Unavailable::new(error.to_string()))
    }

    /// Checks the origin of a session's request and finds its secret; `None` for a safe method, which proves nothing.
    pub(crate) fn check_csrf(
        &self,
        head: &RequestHead<'_>,
        state: &mut SessionState,
    ) -> Result<Option<CsrfCheck>, Error> {
        if is_exempt(&head.method) {
            self.check_upgrade_origin(head)?;
            return Ok(None);
        }
        let csrf = self.csrf()?;
        csrf.check_origin(head)?;
        let secret = match (csrf.cookie(), state.current()) {
            (Some(_), _) => self.secret_of_cookie(csrf, head, state)?,
            (None, Some(current)) => secret_of_session(current.id.expose_secret()),
            (None, None) => return Err(Unavailable::new("a session identity without a session").into()),
        };
        Ok(Some(CsrfCheck { csrf: csrf.clone(), secret }))
    }

    fn secret_of_cookie(
        &self,
        csrf: &Csrf,
        head: &RequestHead<'_>,
        state: &mut SessionState,
    ) -> Result<Secret, Error> {
        match csrf.cookie_secret(&head.headers, self.0.config.duplicates) {
            Ok(secret) => Ok(secret),
            Err(error) => {
                if error.needs_replacing() {
                    state.csrf().send = Some(new_secret(self.0.environment.random())?);
                }
                Err(Error::Denied(error.into()))
            }
        }
    }

    /// Refuses a login that a browser sends from another site's page. A client without `Origin` is no browser.
    pub(crate) fn check_login_origin(&self, head: &RequestHead<'_>) -> Result<(), Error> {
        let csrf = self.csrf()?;
        if csrf.cookie().is_none() && head.headers.contains_key(ORIGIN) {
            csrf.check_origin(head)?;
        }
        Ok(())
    }

    /// Refuses a handshake of another site's page, such as a WebSocket's: it is a GET, and can carry no token.
    fn check_upgrade_origin(&self, head: &RequestHead<'_>) -> Result<(), Error> {
        if head.headers.contains_key(UPGRADE) && head.headers.contains_key(ORIGIN) {
            self.csrf()?.check_origin(head)?;
        }
        Ok(())
    }

    /// Notes the secret in Django's cookie, for a handler that makes a token of it.
    pub(crate) fn look_for_csrf(&self, headers: &HeaderMap, state: &mut SessionState) {
        if let Ok(csrf) = &self.0.csrf
            && csrf.cookie().is_some()
        {
            state.csrf().presented = csrf.cookie_secret(headers, self.0.config.duplicates).ok();
        }
    }

    /// Makes a token over the session's secret; in Django's way its cookie goes out with the answer.
    pub(crate) fn csrf_token(&self, state: &mut SessionState) -> Result<Option<Secret>, Unavailable> {
        let random = self.0.environment.random();
        let secret = if self.csrf()?.cookie().is_some() {
            let csrf = state.csrf();
            let secret = match csrf.send.take().or_else(|| csrf.presented.take()) {
                Some(secret) => secret,
                None => new_secret(random)?,
            };
            csrf.send = Some(secret.clone());
            secret
        } else {
            let Some(current) = state.current() else { return Ok(None) };
            secret_of_session(current.id.expose_secret())
        };
        Ok(Some(mask(&secret, random)?))
    }

    /// Writes the cookies of the answer.
    pub(crate) fn cookies(&self, state: &mut SessionState) -> Result<Vec<HeaderValue>, CookieError> {
        let mut cookies = Vec::new();
        if !state.has_cookies() {
            return Ok(cookies);
        }
        let config = &self.0.config;
        let now = self.0.environment.now();
        match (state.cookie(), state.current()) {
            (CookieChange::Send, Some(current)) => {
                let age = current.record.expires_at.since(current.record.last_seen_at);
                let age = config.persists.then_some(age);
                cookies.push(config.cookie.set(current.id.expose_secret(), age, now)?);
            }
            (CookieChange::Delete, _) => cookies.push(self.0.deletion.clone()?),
            (CookieChange::Send | CookieChange::Keep, _) => {}
        }
        if let (Some(secret), Ok(csrf)) = (state.csrf().send.take(), &self.0.csrf)
            && let Some(cookie) = csrf.cookie()
        {
            cookies.push(cookie.set(secret.expose_secret(), cookie.max_age(), now)?);
        }
        Ok(cookies)
    }
}

impl CsrfCheck {
    /// Tells whether a form body must be read to find the token. In Django's way it always is, before the header is
    /// looked at; an upload that is too large for that and has the header is spared.
    pub(crate) fn needs_body(&self, head: &RequestHead<'_>, is_drf: bool) -> bool {
        if head.method != Method::POST {
            return false;
        }
        let length =
            head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        match (is_drf, self.csrf.has_header(head)) {
            (true, true) => length.is_some_and(|length| length <= MAX_FORM),
            (true, false) => true,
            (false, true) => false,
            (false, false) => is_form(&head.headers),
        }
    }

    /// Checks the token in the header, where there is no form.
    pub(crate) fn check_header(&self, head: &RequestHead<'_>) -> Result<(), Error> {
        Ok(self.csrf.check_token(&self.secret, None, head)?)
    }

    /// Checks the token in a form body, or in the header. What cannot be parsed is an error of its own in Django's way
    /// (its parsers run first), and no token otherwise.
    pub(crate) fn check_body(
        &self,
        head: &RequestHead<'_>,
        body: &Bytes,
        is_drf: bool,
    ) -> Result<Result<(), Error>, BodyError> {
        let body = match Body::parse(&head.headers, body) {
            Ok(body) => Some(body),
            Err(error) if is_drf => return Err(error),
            Err(_) => None,
        };
        let field = body.as_ref().and_then(|body| body.form_field(FORM_FIELD));
        Ok(self.csrf.check_token(&self.secret, field, head).map_err(Error::from))
    }
}

/// Tells whether a method changes nothing (RFC 9110 section 9.2.1), so that its origin need not be proved.
pub(crate) const fn is_exempt(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        || essence.eq_ignore_ascii_case(b"multipart/form-data")
}
