//! Whether an unsafe request was meant by the person whose browser sent it.
//!
//! The checks and their reasons are those of `django/middleware/csrf.py`, in this order:
//!
//! 1. The `Origin`, or over TLS the `Referer` ([`Csrf::check_origin`]).
//! 2. The secret: in Django's way it stands in a cookie ([`Csrf::cookie_secret`]), in ours it is derived from the id
//!    of the session ([`secret_of_session`]), so that a pair somebody made up passes nowhere.
//! 3. The token: a form field, of POST alone, or a header ([`Csrf::check_token`]). In Django's way a wrong field is not
//!    rescued by a right header, and a right one makes the header irrelevant; in ours all that is there must be right.
//!
//! Secrets are compared in constant time. The query string, cookies and JSON never carry a token.

mod origin;
mod token;

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method};

use crate::cookie::{CookieConfig, CookieError, Duplicates, Found, find};
use crate::error::Denial;
use crate::header::{joined, latin1};
use crate::request::RequestHead;
use crate::secret::Secret;

use origin::Origins;
use token::Flaw;
pub(crate) use token::{mask, new_secret, secret_of_session};

/// The form field that carries a token.
pub(crate) const FORM_FIELD: &str = "csrfmiddlewaretoken";
/// How long Django's cookie lives: 52 weeks.
const DJANGO_AGE: Duration = Duration::from_secs(31_449_600);

/// How unsafe requests of a session prove their origin.
///
/// The default binds a token to its session; [`CsrfConfig::django`] compares a token with a cookie, as Django does.
///
/// # Examples
///
/// ```
/// use portcullis::CsrfConfig;
///
/// let csrf = CsrfConfig::default()
///     .with_trusted_origins(["https://app.example.com", "https://*.example.org"])
///     .with_allowed_hosts(["api.example.com"]);
/// # let _ = csrf;
/// ```
///
/// # Security
///
/// A trusted origin may do all that your users may.
///
/// Without allowed hosts, an `Origin` that fits the `Host` header is believed to be ours. That is right for one site on
/// one address: a browser sends the session only to the host that set its cookie, so a page of another host that reaches
/// us under its own name (DNS rebinding) brings none, and has no token of one. Name your hosts where several sites share
/// an address or a cookie's domain, and with [`CsrfConfig::django`], whose token proves less.
#[derive(Debug, Clone)]
pub struct CsrfConfig {
    cookie: Option<CookieConfig>,
    header: String,
    trusted_origins: Vec<String>,
    allowed_hosts: Vec<String>,
}

impl Default for CsrfConfig {
    fn default() -> Self {
        Self {
            cookie: None,
            header: "X-CSRFToken".to_owned(),
            trusted_origins: Vec::new(),
            allowed_hosts: Vec::new(),
        }
    }
}

impl CsrfConfig {
    /// Compares a token with the cookie `csrftoken`, as Django does.
    ///
    /// # Security
    ///
    /// Whoever can set a cookie for your domain, a subdomain for one, can choose both halves.
    #[must_use]
    pub fn django() -> Self {
        let cookie = CookieConfig::django("csrftoken").with_http_only(false);
        Self::default().with_double_submit(cookie.with_max_age(Some(DJANGO_AGE)))
    }

    /// Compares a token with a cookie of this kind, as Django does.
    ///
    /// # Security
    ///
    /// See [`CsrfConfig::django`].
    #[must_use]
    pub fn with_double_submit(self, cookie: CookieConfig) -> Self {
        Self { cookie: Some(cookie), ..self }
    }

    /// Replaces the name of the header that carries a token: `X-CSRFToken` unless told.
    #[must_use]
    pub fn with_header(self, header: impl Into<String>) -> Self {
        Self { header: header.into(), ..self }
    }

    /// Trusts other origins: `https://app.example.com`, or `https://*.example.com` with all below it and itself.
    #[must_use]
    pub fn with_trusted_origins(self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { trusted_origins: origins.into_iter().map(Into::into).collect(), ..self }
    }

    /// Believes a `Host` header only when it names one of these hosts, whatever the port.
    #[must_use]
    pub fn with_allowed_hosts(self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { allowed_hosts: hosts.into_iter().map(Into::into).collect(), ..self }
    }

    /// Checks the configuration and prepares it for requests.
    pub(crate) fn build(self) -> Result<Csrf, CsrfConfigError> {
        if let Some(cookie) = &self.cookie {
            cookie.validate()?;
        }
        let domain = self.cookie.as_ref().and_then(CookieConfig::domain);
        let origins = Origins::new(&self.trusted_origins, &self.allowed_hosts, domain)?;
        let header =
            HeaderName::try_from(&self.header).map_err(|_| CsrfConfigError::Header(self.header.clone()))?;
        Ok(Csrf { cookie: self.cookie, origins, header })
    }
}

/// A mistake in a [`CsrfConfig`].
///
/// # Examples
///
/// A wrong [`CsrfConfig`](crate::CsrfConfig) shows when the guard is built:
///
/// ```
/// use portcullis::{CsrfConfig, Guard, GuardError, SessionConfig, Sessions, Users, store::MemoryStore};
///
/// let config = SessionConfig::default().with_csrf(CsrfConfig::default().with_trusted_origins(["example.com"]));
/// let sessions = Sessions::new(MemoryStore::new(), config);
/// let guard = Guard::builder(Users::new(MemoryStore::new())).authenticate(sessions.authenticator()).build();
/// assert!(matches!(guard, Err(GuardError::Sessions(_))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrfConfigError {
    /// A trusted origin is not a scheme and a host.
    #[error(
        "`{0}` is no origin: write a scheme and a host, `https://example.com` or `https://*.example.com`"
    )]
    Origin(String),
    /// The header's name is none.
    #[error("`{0}` is no name of a header")]
    Header(String),
    /// A browser would drop the cookie.
    #[error(transparent)]
    Cookie(#[from] CookieError),
}

/// The checks, prepared.
#[derive(Debug, Clone)]
pub(crate) struct Csrf {
    cookie: Option<CookieConfig>,
    origins: Origins,
    header: HeaderName,
}

impl Csrf {
    /// Lends the cookie that holds the secret; without one the secret is the session's.
    pub(crate) const fn cookie(&self) -> Option<&CookieConfig> {
        self.cookie.as_ref()
    }

    /// Tells whether the request has the header that carries a token; a form body need not be read where it has.
    pub(crate) fn has_header(&self, head: &RequestHead<'_>) -> bool {
        head.headers.contains_key(&self.header)
    }

    /// Checks where the request says it comes from.
    pub(crate) fn check_origin(&self, head: &RequestHead<'_>) -> Result<(), Denial> {
        self.origins.check(head).map_err(denial)
    }

    /// Reads the secret from the cookie; two that differ are none where duplicates are refused.
    pub(crate) fn cookie_secret(
        &self,
        headers: &HeaderMap,
        duplicates: Duplicates,
    ) -> Result<Secret, CsrfCookieError> {
        let cookie = self.cookie.as_ref().ok_or(CsrfCookieError::Missing)?;
        match find(headers, cookie.name(), duplicates) {
            Found::None | Found::Conflicting => Err(CsrfCookieError::Missing),
            Found::One(value) => token::read(value).map_err(CsrfCookieError::Malformed),
        }
    }

    /// Checks that the request shows the secret, in a form field or in the header.
    pub(crate) fn check_token(
        &self,
        secret: &Secret,
        from_form: Option<&str>,
        head: &RequestHead<'_>,
    ) -> Result<(), Denial> {
        let field = from_form.filter(|field| !field.is_empty() && head.method == Method::POST);
        let header = joined(&head.headers, &self.header);
        if field.is_none() && header.is_none() {
            return Err(denial("CSRF token missing."));
        }
        if let Some(field) = field {
            check(secret, field, "POST")?;
        }
        match header {
            Some(header) if field.is_none() || self.cookie.is_none() => {
                let text = std::str::from_utf8(&header).ok().filter(|text| text.is_ascii());
                let text = text.map_or_else(|| Cow::Owned(latin1(&header)), Cow::Borrowed);
                check(secret, &text, &format!("the '{}' HTTP header", title(&self.header)))
            }
            _ => Ok(()),
        }
    }
}

/// Why a CSRF cookie holds no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CsrfCookieError {
    /// There is no cookie.
    Missing,
    /// There is something else in it.
    Malformed(Flaw),
}

impl CsrfCookieError {
    /// Tells whether the answer, also a refusal, must replace the cookie; what it held is never sent back
    /// (CVE-2010-3082).
    pub(crate) const fn needs_replacing(self) -> bool {
        matches!(self, Self::Malformed(_))
    }
}

impl From<CsrfCookieError> for Denial {
    fn from(error: CsrfCookieError) -> Self {
        match error {
            CsrfCookieError::Missing => denial("CSRF cookie not set."),
            CsrfCookieError::Malformed(flaw) => denial(format!("CSRF cookie {}.", flaw.reason())),
        }
    }
}

fn check(secret: &Secret, token: &str, source: &str) -> Result<(), Denial> {
    let shown =
        token::read(token).map_err(|flaw| denial(format!("CSRF token from {source} {}.", flaw.reason())))?;
    if !shown.ct_eq(secret.expose_secret().as_bytes()) {
        return Err(denial(format!("CSRF token from {source} incorrect.")));
    }
    Ok(())
}

fn denial(reason: impl AsRef<str>) -> Denial {
    Denial::new(format!("CSRF Failed: {}", reason.as_ref())).with_code("csrf_failed")
}

/// Writes a header's name as Django prints it: `X-Csrftoken`.
fn title(header: &HeaderName) -> String {
    let mut starts = true;
    let letters = header.as_str().chars().map(|letter| {
        let first = std::mem::replace(&mut starts, letter == '-');
        if first { letter.to_ascii_uppercase() } else { letter }
    });
    letters.collect()
}

#[cfg(test)]
mod tests;
