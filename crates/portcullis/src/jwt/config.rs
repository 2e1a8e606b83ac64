//! How tokens look, how long they live, what they must say.

use std::time::Duration;

use crate::challenge::Challenge;
use crate::jwt::claims::EPOCH_CLAIM;
use crate::jwt::key::KeyError;

/// A clock that differs by more than this is wrong (RFC 7519 section 4.1.4: "no more than a few minutes").
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// For so long at most a thief may go on unseen with a token that was rotated.
const MAX_GRACE: Duration = Duration::from_secs(300);

/// How tokens look, how long they live, what they must say.
///
/// | | default | [`JwtConfig::simplejwt`] |
/// |---|---|---|
/// | access token | 5 minutes | 5 minutes |
/// | refresh token | 1 day | 1 day |
/// | a login, however often refreshed | 90 days | for ever |
/// | each refresh token is good | once | until it ends |
/// | scheme | `Bearer`, letters have no case | `Bearer`, exactly |
/// | clocks may differ by | 0 | 0 |
/// | longest token | 8 KiB | 32 KiB |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::jwt::JwtConfig;
///
/// let config = JwtConfig::default()
///     .with_access_lifetime(Duration::from_secs(600))
///     .with_issuer("https://shop.example")
///     .with_audience("https://api.shop.example");
/// # let _ = config;
/// ```
#[derive(Debug, Clone)]
pub struct JwtConfig {
    pub(crate) access_lifetime: Duration,
    pub(crate) refresh_lifetime: Duration,
    pub(crate) login_lifetime: Option<Duration>,
    pub(crate) rotates: bool,
    pub(crate) grace: Duration,
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) audience: Option<Box<str>>,
    pub(crate) required: Vec<Box<str>>,
    pub(crate) leeway: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) schemes: Vec<Box<str>>,
    pub(crate) user_claim: Box<str>,
    pub(crate) purpose_claim: Option<&'static str>,
    pub(crate) checks_typ: bool,
    pub(crate) checks_epoch: bool,
    pub(crate) schemes_have_case: bool,
    pub(crate) ignores_audience: bool,
    pub(crate) adopts: bool,
    pub(crate) copies_claims: bool,
    pub(crate) allows_nobody: bool,
}

/// A configuration that could never work.
///
/// # Examples
///
/// See [`JwtConfig`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtConfigError {
    /// Clocks that differ by more than five minutes are to be put right.
    #[error("a leeway is at most five minutes")]
    Leeway,
    /// Tokens that end at once, or a login that ends before its first token.
    #[error("lifetimes are at least a second, and a login lives at least as long as a refresh token")]
    Lifetime,
    /// A client whose answer was lost asks again at once.
    #[error("a grace window is at most five minutes")]
    Grace,
    /// There is no scheme, or it is not a token of RFC 9110.
    #[error("a scheme is a word such as `Bearer`, and there is at least one")]
    Scheme,
    /// The claim that names the user has another meaning already.
    #[error("the claim that names the user is `user_id`, `sub` or one of your own")]
    UserClaim,
    /// No key signs.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Default for JwtConfig {
    fn default() -> Self {
        Self {
            access_lifetime: Duration::from_secs(5 * 60),
            refresh_lifetime: Duration::from_secs(86_400),
            login_lifetime: Some(Duration::from_secs(90 * 86_400)),
            rotates: true,
            grace: Duration::ZERO,
            issuer: None,
            audience: None,
            required: Vec::new(),
            leeway: Duration::ZERO,
            max_bytes: 8 * 1024,
            schemes: vec!["Bearer".into()],
            user_claim: "user_id".into(),
            purpose_claim: Some("token_type"),
            checks_typ: true,
            checks_epoch: true,
            schemes_have_case: false,
            ignores_audience: false,
            adopts: false,
            copies_claims: false,
            allows_nobody: false,
        }
    }
}

impl JwtConfig {
    /// Issues and accepts simplejwt's tokens, with its defaults. This relaxes, and each can be tightened again alone:
    ///
    /// 1. the user's epoch is not in the tokens: [`JwtConfig::with_epoch`];
    /// 2. the header's `typ` is not looked at: [`JwtConfig::with_typ`];
    /// 3. a correctly signed refresh token that the store does not know is good: [`JwtConfig::without_adoption`];
    /// 4. custom claims are copied at a refresh, not made anew: [`JwtConfig::with_fresh_claims`];
    /// 5. a login can be refreshed for ever: [`JwtConfig::with_login_lifetime`];
    /// 6. a refresh token is good until it ends: [`JwtConfig::with_rotation`];
    /// 7. an audience that nobody asks for is not looked at: [`JwtConfig::with_audience`];
    /// 8. tokens have up to 32 KiB: [`JwtConfig::with_max_bytes`];
    /// 9. a refresh token may name nobody, and a null user is called `None`: [`JwtConfig::with_user_required`].
    ///
    /// [`Jwt::relaxations`](crate::jwt::Jwt::relaxations) lists what holds in the end.
    #[must_use]
    pub fn simplejwt() -> Self {
        Self {
            login_lifetime: None,
            rotates: false,
            max_bytes: 32 * 1024,
            checks_typ: false,
            checks_epoch: false,
            schemes_have_case: true,
            ignores_audience: true,
            adopts: true,
            copies_claims: true,
            allows_nobody: true,
            ..Self::default()
        }
    }

    /// Accepts the access tokens of an authorization server (RFC 9068): `at+jwt`, with `iss`, `aud`, `sub`, `client_id`,
    /// `iat` and `jti`; the user is the subject.
    #[must_use]
    pub fn rfc9068(issuer: &str, audience: &str) -> Self {
        let required = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];
        Self {
            issuer: Some(issuer.into()),
            audience: Some(audience.into()),
            required: required.map(Into::into).into(),
            user_claim: "sub".into(),
            purpose_claim: None,
            checks_epoch: false,
            ..Self::default()
        }
    }

    /// Replaces how long access tokens live.
    ///
    /// # Security
    ///
    /// A stateless token cannot be revoked: this is how long a stolen one works.
    #[must_use]
    pub fn with_access_lifetime(self, access_lifetime: Duration) -> Self {
        Self { access_lifetime, ..self }
    }

    /// Replaces how long a refresh token rests unused before it ends.
    #[must_use]
    pub fn with_refresh_lifetime(self, refresh_lifetime: Duration) -> Self {
        Self { refresh_lifetime, ..self }
    }

    /// Replaces how long a login lives, however often it is refreshed.
    #[must_use]
    pub fn with_login_lifetime(self, login_lifetime: Duration) -> Self {
        Self { login_lifetime: Some(login_lifetime), ..self }
    }

    /// Makes each refresh token good once; a second use ends the whole login.
    #[must_use]
    pub fn with_rotation(self) -> Self {
        Self { rotates: true, ..self }
    }

    /// Lets a client whose answer was lost use its refresh token again, for a while of at most five minutes; not at all
    /// unless told.
    ///
    /// # Security
    ///
    /// A thief has that while, too; the login still ends as soon as the token that was given away first is used.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Writes this issuer into tokens, and requires it.
    #[must_use]
    pub fn with_issuer(self, issuer: &str) -> Self {
        Self { issuer: Some(issuer.into()), ..self }
    }

    /// Writes this audience into tokens, and requires it.
    #[must_use]
    pub fn with_audience(self, audience: &str) -> Self {
        Self { audience: Some(audience.into()), ignores_audience: false, ..self }
    }

    /// Requires claims, beside `exp`, `jti` and the purpose; null counts as missing.
    #[must_use]
    pub fn with_required_claims<'a>(mut self, claims: impl IntoIterator<Item = &'a str>) -> Self {
        self.required.extend(claims.into_iter().map(Into::into));
        self
    }

    /// Lets clocks differ: none unless told, at most five minutes.
    #[must_use]
    pub fn with_leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// Replaces the longest token that is looked at, in bytes.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Replaces the schemes that carry an access token; a 401 names the first (simplejwt's `AUTH_HEADER_TYPES`).
    #[must_use]
    pub fn with_schemes<'a>(self, schemes: impl IntoIterator<Item = &'a str>) -> Self {
        Self { schemes: schemes.into_iter().map(Into::into).collect(), ..self }
    }

    /// Replaces the claim that names the user, `user_id` unless told (simplejwt's `USER_ID_CLAIM`).
    #[must_use]
    pub fn with_user_claim(self, user_claim: &str) -> Self {
        Self { user_claim: user_claim.into(), ..self }
    }

    /// Checks the header's `typ`; so it is unless [`JwtConfig::simplejwt`] was called.
    #[must_use]
    pub fn with_typ(self) -> Self {
        Self { checks_typ: true, ..self }
    }

    /// Writes the user's epoch into tokens and checks it, where the user is loaded: a new password ends them.
    #[must_use]
    pub fn with_epoch(self) -> Self {
        Self { checks_epoch: true, ..self }
    }

    /// Refuses refresh tokens that the store does not know; so it is unless [`JwtConfig::simplejwt`] was called.
    #[must_use]
    pub fn without_adoption(self) -> Self {
        Self { adopts: false, ..self }
    }

    /// Makes custom claims anew at every refresh; so it is unless [`JwtConfig::simplejwt`] was called.
    #[must_use]
    pub fn with_fresh_claims(self) -> Self {
        Self { copies_claims: false, ..self }
    }

    /// Requires every token to name a user, and takes null for none; so it is unless [`JwtConfig::simplejwt`] was called.
    #[must_use]
    pub fn with_user_required(self) -> Self {
        Self { allows_nobody: false, ..self }
    }

    /// Returns what a 401 asks for.
    pub(crate) fn challenge(&self) -> Challenge {
        let scheme = self.schemes.first().map_or("Bearer", |scheme| scheme);
        // That the schemes are words was checked before.
        Challenge::with_realm(scheme, "api").unwrap_or_else(|_| Challenge::token())
    }

    pub(crate) fn validate(&self) -> Result<(), JwtConfigError> {
        if self.leeway > MAX_LEEWAY {
            return Err(JwtConfigError::Leeway);
        }
        if self.grace > MAX_GRACE {
            return Err(JwtConfigError::Grace);
        }
        let shortest = self.access_lifetime.min(self.refresh_lifetime);
        let login_is_short = self.login_lifetime.is_some_and(|login| login < self.refresh_lifetime);
        if shortest < Duration::from_secs(1) || login_is_short {
            return Err(JwtConfigError::Lifetime);
        }
        let are_words = self.schemes.iter().all(|scheme| Challenge::new(scheme).is_ok());
        if self.schemes.is_empty() || !are_words {
            return Err(JwtConfigError::Scheme);
        }
        let taken = ["", "exp", "iat", "nbf", "jti", "iss", "aud", "scope", EPOCH_CLAIM];
        let user_claim = &*self.user_claim;
        if taken.contains(&user_claim) || self.purpose_claim == Some(user_claim) {
            return Err(JwtConfigError::UserClaim);
        }
        Ok(())
    }

    pub(crate) fn relaxations(&self) -> Vec<&'static str> {
        let all = [
            (!self.checks_epoch, "a password change ends no JWT"),
            (!self.checks_typ, "the `typ` of a JWT is not looked at"),
            (self.adopts, "a refresh token that the store does not know is good when its signature is"),
            (self.copies_claims, "custom claims are copied at a refresh, not made anew"),
            (self.login_lifetime.is_none(), "a login by JWT can be refreshed for ever"),
            (!self.rotates, "a refresh token is good until it ends, not once"),
            (self.ignores_audience, "an audience that nobody asks for is not looked at"),
            (self.max_bytes > 8 * 1024, "a JWT may have more than 8 KiB"),
            (self.allows_nobody, "a refresh token may name nobody, and a null user is called `None`"),
        ];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_never_work_is_refused() {
        let seconds = Duration::from_secs;
        let plain = JwtConfig::default;
        for (name, config, verdict) in [
            ("the default", plain(), Ok(())),
            ("the preset", JwtConfig::simplejwt(), Ok(())),
            ("an authorization server's", JwtConfig::rfc9068("https://a.example", "b"), Ok(())),
            ("five minutes of leeway", plain().with_leeway(seconds(300)), Ok(())),
            ("more", plain().with_leeway(seconds(301)), Err(JwtConfigError::Leeway)),
            ("five minutes of grace", plain().with_grace(seconds(300)), Ok(())),
            ("more of it", plain().with_grace(seconds(301)), Err(JwtConfigError::Grace)),
            ("no life", plain().with_access_lifetime(seconds(0)), Err(JwtConfigError::Lifetime)),
            ("no rest", plain().with_refresh_lifetime(seconds(0)), Err(JwtConfigError::Lifetime)),
            ("a short login", plain().with_login_lifetime(seconds(3600)), Err(JwtConfigError::Lifetime)),
            ("no scheme", plain().with_schemes([]), Err(JwtConfigError::Scheme)),
            ("two words", plain().with_schemes(["Bearer token"]), Err(JwtConfigError::Scheme)),
            ("an empty scheme", plain().with_schemes([""]), Err(JwtConfigError::Scheme)),
        ] {
            assert_eq!(config.validate(), verdict, "{name}");
        }
    }
}
