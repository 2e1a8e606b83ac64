//! Opaque tokens: long-lived, named, revocable one by one.
//!
//! 1. A token is shown once, when it is issued; a store keeps its SHA-256 alone.
//! 2. The form is `pct_`, 40 random characters of base62 and six of a CRC-32: a leaked one is found by scanners, and
//!    garbage is refused without asking a store. The preset's form is DRF's 40 hexadecimal digits.
//! 3. A token may end at a time, after resting unused, or never; the [`Clock`](crate::Clock) judges.
//! 4. The last use is written at most every tenth of the idle time, or once an hour.
//! 5. A user has many tokens; beyond a limit the oldest is revoked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::environment::Environment;
use crate::error::Unavailable;
use crate::event::{Event, EventKind};
use crate::identity::Scopes;
use crate::random::{BASE62, text};
use crate::secret::{Digest, Secret};
use crate::store::{Purged, StoreError, TokenRecord, UserByToken};
use crate::user::{Account, User, UserId};

const BODY_LENGTH: usize = 40;
const CHECKSUM_LENGTH: usize = 6;
/// How precisely the last use of a token without an idle time is known.
const LAST_USE_PRECISION: Duration = Duration::from_secs(3600);

/// How tokens look, how long they live, how many a user may have.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::TokenConfig;
///
/// let config = TokenConfig::default().with_prefix("shop")?.with_lifetime(Duration::from_secs(90 * 86_400));
/// # let _ = config;
/// # Ok::<(), portcullis::TokenPrefixError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TokenConfig {
    prefix: Option<Box<str>>,
    accepts_hexadecimal: bool,
    lifetime: Option<Duration>,
    idle: Option<Duration>,
    keep: u32,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self { prefix: Some("pct".into()), accepts_hexadecimal: false, lifetime: None, idle: None, keep: 100 }
    }
}

/// A prefix has 1 to 16 lower-case letters and digits.
///
/// # Examples
///
/// See [`TokenConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token prefix has 1 to 16 lower-case ASCII letters and digits")]
pub struct TokenPrefixError;

impl TokenConfig {
    /// Issues and accepts DRF's form: 40 hexadecimal digits, which live for ever.
    #[must_use]
    pub fn drf() -> Self {
        Self { prefix: None, accepts_hexadecimal: true, ..Self::default() }
    }

    /// Replaces `pct` in front of every token.
    ///
    /// # Errors
    ///
    /// [`TokenPrefixError`] when it is not 1 to 16 lower-case letters and digits.
    pub fn with_prefix(self, prefix: &str) -> Result<Self, TokenPrefixError> {
        let good = prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if good && (1..=16).contains(&prefix.len()) {
            Ok(Self { prefix: Some(prefix.into()), ..self })
        } else {
            Err(TokenPrefixError)
        }
    }

    /// Accepts imported tokens of DRF's form besides its own.
    #[must_use]
    pub fn with_hexadecimal(self) -> Self {
        Self { accepts_hexadecimal: true, ..self }
    }

    /// Ends every new token that long after its issue.
    #[must_use]
    pub fn with_lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    /// Ends every new token that rests unused that long.
    #[must_use]
    pub fn with_idle(self, idle: Duration) -> Self {
        Self { idle: Some(idle), ..self }
    }

    /// Replaces how many tokens a user may have: 100 unless told, the oldest is revoked beyond.
    #[must_use]
    pub fn with_limit(self, tokens: u32) -> Self {
        Self { keep: tokens.max(1), ..self }
    }

    /// Tells, without asking a store, whether a text can be a token of ours.
    fn accepts(&self, raw: &str) -> bool {
        let hexadecimal = || {
            raw.len() == BODY_LENGTH
                && raw.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
        };
        self.prefix.as_deref().is_some_and(|prefix| is_sound(raw, prefix))
            || self.accepts_hexadecimal && hexadecimal()
    }
}

fn is_sound(raw: &str, prefix: &str) -> bool {
    let rest = raw.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    let parts = rest.filter(|rest| rest.len() == BODY_LENGTH + CHECKSUM_LENGTH);
    parts.and_then(|rest| rest.split_at_checked(BODY_LENGTH)).is_some_and(|(body, sum)| {
        body.bytes().all(|byte| byte.is_ascii_alphanumeric()) && checksum(body.as_bytes()) == sum.as_bytes()
    })
}

/// CRC-32 (ISO-HDLC) of the body in six digits of base62.
fn checksum(body: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    const TABLE: [u32; 256] = crc_table();
    let lookup = |index: u32| TABLE.get(usize::try_from(index & 0xff).unwrap_or(0)).copied().unwrap_or(0);
    let crc = !body.iter().fold(u32::MAX, |crc, byte| crc >> 8 ^ lookup(crc ^ u32::from(*byte)));
    let mut rest = usize::try_from(crc).unwrap_or(0);
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get(rest % 62).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits
}

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated by the compiler")]
const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// A token to be issued.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use portcullis::{NewToken, Scopes};
///
/// let token = NewToken::default().with_name("backup").with_scopes(Scopes::parse("books:read"))
///     .with_lifetime(Duration::from_secs(86_400));
/// # let _ = token;
/// ```
#[derive(Debug, Clone, Default)]
pub struct NewToken {
    name: String,
    scopes: Option<Scopes>,
    lifetime: Option<Duration>,
}

impl NewToken {
    /// Gives it a name for its owner.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Limits it to scopes.
    #[must_use]
    pub fn with_scopes(self, scopes: Scopes) -> Self {
        Self { scopes: Some(scopes), ..self }
    }

    /// Ends it that long after its issue, instead of what the configuration says.
    #[must_use]
    pub fn with_lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }
}

/// Issues, finds, lists and revokes opaque tokens; cloning shares it.
///
/// # Examples
///
/// ```
/// use portcullis::{NewToken, Tokens, Users, store::MemoryStore};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let john = Users::new(store.clone()).create_without_password("john").await?;
/// let tokens = Tokens::new(store);
/// let token = tokens.issue(&john.id, NewToken::default()).await?; // show it once: it is not kept
/// assert!(token.expose_secret().starts_with("pct_"));
/// # Ok::<(), portcullis::UsersError>(())
/// # }).unwrap();
/// ```
pub struct Tokens<U = Account>(Arc<Inner<U>>);

struct Inner<U> {
    store: Arc<dyn UserByToken<U>>,
    config: TokenConfig,
    environment: Environment,
}

impl<U> Clone for Tokens<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Tokens<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl<U: User> Tokens<U> {
    /// Takes the tokens of a store.
    #[must_use]
    pub fn new(store: impl UserByToken<U>) -> Self {
        Self(Arc::new(Inner {
            store: Arc::new(store),
            config: TokenConfig::default(),
            environment: Environment::default(),
        }))
    }

    /// Replaces the configuration.
    #[must_use]
    pub fn with_config(self, config: TokenConfig) -> Self {
        let Inner { store, environment, .. } = &*self.0;
        Self(Arc::new(Inner { store: Arc::clone(store), config, environment: environment.clone() }))
    }

    /// Replaces clock, randomness and event sink.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        let Inner { store, config, .. } = &*self.0;
        Self(Arc::new(Inner { store: Arc::clone(store), config: config.clone(), environment }))
    }

    /// Issues a token; it cannot be shown again.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store or the randomness fails; then there is no token.
    pub async fn issue(&self, user: &UserId, token: NewToken) -> Result<Secret, Unavailable> {
        for _ in 0..3 {
            let raw = self.draw()?;
            match self.add(user, &raw, token.clone()).await {
                Err(StoreError::Conflict) => {}
                added => return added.map(|()| raw).map_err(Into::into),
            }
        }
        Err(Unavailable::new("the randomness repeats itself"))
    }

    /// Takes over a token that was issued elsewhere, such as the `key` column of DRF's `authtoken_token`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when it is known already; [`StoreError::Unavailable`] when the store cannot answer or the
    /// token has a form that this configuration would not accept.
    pub async fn import(&self, user: &UserId, raw: &Secret, token: NewToken) -> Result<(), StoreError> {
        if !self.0.config.accepts(raw.expose_secret()) {
            return Err(StoreError::unavailable(
                "a token of this form would not be accepted: see TokenConfig",
            ));
        }
        self.add(user, raw, token).await
    }

    /// Lists a user's tokens, oldest first, expired ones included.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn list(&self, user: &UserId) -> Result<Vec<TokenRecord>, Unavailable> {
        Ok(self.0.store.tokens_of(user).await?)
    }

    /// Revokes one token of a user; `false` when that user has no such token.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not certain that the token is gone.
    pub async fn revoke(&self, user: &UserId, token: &Digest) -> Result<bool, Unavailable> {
        let revoked = self.0.store.revoke_token(user, token).await?;
        if revoked {
            self.0.environment.record(|| Event::new(EventKind::TokenRevoked).with_user(user.clone()));
        }
        Ok(revoked)
    }

    /// Revokes all tokens of a user and tells how many.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not certain that they are gone.
    pub async fn revoke_all(&self, user: &UserId) -> Result<u64, Unavailable> {
        let revoked = self.0.store.revoke_tokens(user).await?;
        self.0.environment.record(|| Event::new(EventKind::TokenRevoked).with_user(user.clone()));
        Ok(revoked)
    }

    /// Deletes at most `limit` tokens that have ended, and tells whether that was all; call it from a timer until it is done.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the store cannot answer.
    pub async fn purge(&self, limit: u32) -> Result<Purged, Unavailable> {
        Ok(self.0.store.purge_tokens(self.0.environment.now(), limit).await?)
    }

    /// Finds a living token and its user, who may be gone, and tells when.
    pub(crate) async fn find(
        &self,
        raw: &str,
    ) -> Result<Option<(TokenRecord, Option<Arc<U>>, Timestamp)>, Unavailable> {
        if !self.0.config.accepts(raw) {
            return Ok(None);
        }
        let found = self.0.store.user_by_token(&Digest::of(raw)).await?;
        // After the wait: a token that ended meanwhile is dead.
        let now = self.0.environment.now();
        Ok(found.filter(|(record, _)| record.ends_at() > now).map(|(record, user)| (record, user, now)))
    }

    /// Notes a use, now and then. It may fail: an unwritten use shortens the token's life, never lengthens it.
    pub(crate) async fn touch(&self, record: &TokenRecord, now: Timestamp) {
        let precision = record.idle.map_or(LAST_USE_PRECISION, |idle| idle / 10);
        if record.last_used_at.is_none_or(|last| now.since(last) >= precision)
            && let Err(error) = self.0.store.touch_token(&record.digest, now).await
        {
            tracing::debug!(target: "portcullis", %error, "the last use of a token was not written");
        }
    }

    async fn add(&self, user: &UserId, raw: &Secret, token: NewToken) -> Result<(), StoreError> {
        let Inner { store, config, environment } = &*self.0;
        let now = environment.now();
        let record = TokenRecord {
            name: token.name,
            scopes: token.scopes,
            expires_at: token.lifetime.or(config.lifetime).map(|lifetime| now.after(lifetime)),
            idle: config.idle,
            ..TokenRecord::new(Digest::of(raw.expose_secret()), user.clone(), now)
        };
        store.create_token(record, Some(config.keep)).await?;
        environment.record(|| Event::new(EventKind::TokenIssued).with_user(user.clone()));
        Ok(())
    }

    fn draw(&self) -> Result<Secret, Unavailable> {
        let Inner { config, environment, .. } = &*self.0;
        let Some(prefix) = &config.prefix else {
            return Ok(text(environment.random(), b"0123456789abcdef", BODY_LENGTH)?);
        };
        let body = text(environment.random(), BASE62, BODY_LENGTH)?;
        let body = body.expose_secret();
        let sum = checksum(body.as_bytes());
        Ok(Secret::new(format!("{prefix}_{body}{}", String::from_utf8_lossy(&sum))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32_of_iso_hdlc() {
        // The check value of CRC-32/ISO-HDLC: crc("123456789") = 0xcbf43926 = 3421780262.
        let mut value: u64 = 0;
        for digit in checksum(b"123456789") {
            value = value * 62 + BASE62.iter().position(|c| *c == digit).unwrap() as u64;
        }
        assert_eq!(value, 0xcbf4_3926);
    }

    #[test]
    fn only_sound_tokens_reach_a_store() {
        let body = "a".repeat(BODY_LENGTH);
        let sum = String::from_utf8(checksum(body.as_bytes()).to_vec()).unwrap();
        let good = format!("pct_{body}{sum}");
        let own = TokenConfig::default();
        let drf = TokenConfig::drf();
        let both = TokenConfig::default().with_hexadecimal();
        let hex = "1".repeat(40);
        for (raw, by_own, by_drf, why) in [
            (good.clone(), true, false, "our own"),
            (hex.clone(), false, true, "DRF's"),
            (hex.replace('1', "A"), false, false, "upper-case hexadecimal"),
            (good[..good.len() - 1].to_owned(), false, false, "truncated"),
            (format!("{good}a"), false, false, "extended"),
            (good.replace("pct_a", "pct_b"), false, false, "another body with the old checksum"),
            (good.replace("pct", "pat"), false, false, "another prefix"),
            (format!("pct_{}", "é".repeat(23)), false, false, "not ASCII"),
            (String::new(), false, false, "empty"),
            ("0".repeat(41), false, false, "41 digits"),
        ] {
            assert_eq!(own.accepts(&raw), by_own, "{why}");
            assert_eq!(drf.accepts(&raw), by_drf, "{why}");
            assert_eq!(both.accepts(&raw), by_own || by_drf, "{why}");
        }
    }
}
