//! The claims of a token (RFC 7519 section 4), read in one pass and judged in PyJWT's order.
//!
//! 1. Times are numbers, with a fraction or without (RFC 7519 section 2, `NumericDate`); nothing else is one, and what is
//!    beyond the calendar is not one either. In `exp` alone booleans keep PyJWT's meaning, 0 and 1, both long past.
//! 2. A token ends at its `exp` (on or after it: RFC 7519 section 4.1.4), and counts from `iat` and `nbf`.
//! 3. `iss`, `aud` and whatever else is required must be there and be right; a token for somebody else is refused.
//! 4. `jti` and `sub` are strings (RFC 7519 section 4.1.2), also where `sub` names the user.
//! 5. A user is an exact integer or a string ([`UserId`]); `true`, `1.0` and lists name nobody.

use std::borrow::Cow;

use serde::de::{self, DeserializeOwned, MapAccess};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::identity::Scopes;
use crate::jwt::config::JwtConfig;
use crate::jwt::error::JwtError;
use crate::jwt::header::Typ;
use crate::jwt::json::{self, Members, Scalar, Texts, once};
use crate::jwt::purpose::Purpose;
use crate::user::UserId;

/// The first moment after year 9999, in seconds: Python's calendar, and RFC 3339's.
const END_OF_CALENDAR: i64 = 253_402_300_800;

/// The claims of a token whose signature is good; lent by [`JwtVerifier::verify`](crate::jwt::JwtVerifier::verify).
///
/// # Examples
///
/// See [`FromClaims`](crate::jwt::FromClaims).
#[derive(Debug)]
pub struct Claims<'a> {
    json: &'a str,
    names_null_user: bool,
    purpose: Option<Scalar<'a>>,
    user: Option<Scalar<'a>>,
    expires: Option<Scalar<'a>>,
    issued: Option<Scalar<'a>>,
    not_before: Option<Scalar<'a>>,
    id: Option<Scalar<'a>>,
    issuer: Option<Scalar<'a>>,
    audience: Option<Texts<'a>>,
    epoch: Option<Scalar<'a>>,
    others: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// What a claim that names a user says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// The claim is not there.
    Nobody,
    /// It is no id.
    Odd,
    User(UserId),
}

/// Sorts the members of a payload.
struct Sorter<'c, 'a> {
    config: &'c JwtConfig,
    claims: Claims<'a>,
}

impl<'a> Claims<'a> {
    pub(super) fn read(json: &'a str, config: &JwtConfig) -> Result<Self, JwtError> {
        let claims = Self {
            json,
            names_null_user: config.allows_nobody,
            purpose: None,
            user: None,
            expires: None,
            issued: None,
            not_before: None,
            id: None,
            issuer: None,
            audience: None,
            epoch: None,
            others: Vec::new(),
        };
        let mut sorter = Sorter { config, claims };
        json::read(json, &mut sorter).map_err(|_| JwtError::Invalid)?;
        Ok(sorter.claims)
    }

    /// Returns the user that the token names; `None` where it names none, or something that is no user id.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        match self.named() {
            Named::User(user) => Some(user),
            Named::Nobody | Named::Odd => None,
        }
    }

    /// Returns the token's own id (`jti`).
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_ref().and_then(Scalar::as_text).unwrap_or_default()
    }

    /// Returns the issuer (`iss`), where there is one.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_ref().and_then(Scalar::as_text)
    }

    /// Returns when the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires.as_ref().and_then(time).unwrap_or(Timestamp::EPOCH)
    }

    /// Returns when the token was issued, where it says so.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued.as_ref().and_then(time)
    }

    /// Returns the scopes that limit the token (`scope`, RFC 8693 section 4.2), where it has some.
    #[must_use]
    pub fn scopes(&self) -> Option<Scopes> {
        // One that is there and cannot be read limits the token to nothing.
        self.raw("scope")?;
        Some(Scopes::parse(&self.get::<String>("scope").unwrap_or_default()))
    }

    /// Reads a claim of one's own; `None` where it is not there or not of that type.
    ///
    /// Claims that have a method here are not found by this one.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.others.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    pub(crate) const fn json(&self) -> &'a str {
        self.json
    }

    pub(crate) fn named(&self) -> Named {
        match &self.user {
            None => Named::Nobody,
            Some(Scalar::Integer(number)) => Named::User(UserId::from(*number)),
            Some(Scalar::Text(text)) => Named::User(UserId::from(&**text)),
            // Python's `str(None)`, which simplejwt's stateless users are called by.
            Some(Scalar::Null) if self.names_null_user => Named::User(UserId::from("None")),
            Some(_) => Named::Odd,
        }
    }

    /// The user's epoch when the token was issued; `None` where it is not there or no integer.
    pub(crate) fn epoch(&self) -> Option<i64> {
        match self.epoch {
            Some(Scalar::Integer(epoch)) => Some(epoch),
            _ => None,
        }
    }

    /// Lends the claims that mean nothing to Portcullis.
    pub(super) fn others(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.others.iter().map(|(name, value)| (&**name, *value))
    }

    /// Judges the claims; `purpose` is what the token must be for, or `None` for anything.
    pub(super) fn judge(
        &self,
        config: &JwtConfig,
        typ: Typ,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<(), JwtError> {
        self.judge_times(config, now)?;
        self.judge_parties(config)?;
        if self.expires.is_none() {
            return Err(JwtError::NoExpiry);
        }
        if self.id.is_none() {
            return Err(JwtError::NoId);
        }
        self.judge_purpose(config, typ, purpose)
    }

    fn judge_times(&self, config: &JwtConfig, now: Timestamp) -> Result<(), JwtError> {
        let moment = |claim: &Option<Scalar<'_>>| match claim {
            None => Ok(None),
            Some(claim) => time(claim).map(Some).ok_or(JwtError::Invalid),
        };
        let latest = now.after(config.leeway);
        for claim in [&self.issued, &self.not_before] {
            // 0 and 1 would be long past: a confused issuer's `true` is no leave to come (CVE-2026-25537).
            let is_bool = matches!(claim, Some(Scalar::Bool(_)));
            if is_bool || moment(claim)?.is_some_and(|begin| begin > latest) {
                return Err(JwtError::Invalid);
            }
        }
        match moment(&self.expires)? {
            Some(end) if end <= now.before(config.leeway) => Err(JwtError::Expired),
            _ => Ok(()),
        }
    }

    fn judge_parties(&self, config: &JwtConfig) -> Result<(), JwtError> {
        let is_issuer = config.issuer.as_deref().is_none_or(|issuer| self.issuer() == Some(issuer));
        let is_audience = match (&config.audience, &self.audience) {
            (Some(ours), Some(Texts(theirs))) => theirs.iter().any(|their| **their == **ours),
            (Some(_), None) => false,
            (None, Some(_)) => config.ignores_audience,
            (None, None) => true,
        };
        let id_is_text = self.id.as_ref().is_none_or(|id| matches!(id, Scalar::Text(_)));
        let subject_is_text = match &*config.user_claim {
            "sub" => self.user.as_ref().is_none_or(|subject| matches!(subject, Scalar::Text(_))),
            _ => self.raw("sub").is_none_or(|subject| subject.get().starts_with('"')),
        };
        let is_complete = config.required.iter().all(|name| self.has(name, config));
        if is_issuer && is_audience && is_complete && id_is_text && subject_is_text {
            Ok(())
        } else {
            Err(JwtError::Invalid)
        }
    }

    fn judge_purpose(&self, config: &JwtConfig, typ: Typ, purpose: Option<Purpose>) -> Result<(), JwtError> {
        let claimed = match (&self.purpose, config.purpose_claim) {
            (Some(claimed), Some(_)) => claimed.as_text(),
            (None, Some(_)) if purpose.is_none() => return Ok(()),
            (None, Some(_)) => return Err(JwtError::NoType),
            (_, None) => Purpose::of_typ(typ).map(Purpose::as_str),
        };
        let wrong_typ = config.checks_typ && typ != claimed.map_or(Typ::Plain, Purpose::typ_of);
        if wrong_typ || purpose.is_some_and(|purpose| claimed != Some(purpose.as_str())) {
            return Err(JwtError::WrongType);
        }
        Ok(())
    }

    fn has(&self, name: &str, config: &JwtConfig) -> bool {
        let registered = match name {
            _ if *name == *config.user_claim => self.user.as_ref(),
            _ if config.purpose_claim == Some(name) => self.purpose.as_ref(),
            EPOCH_CLAIM if config.checks_epoch => self.epoch.as_ref(),
            "exp" => self.expires.as_ref(),
            "iat" => self.issued.as_ref(),
            "nbf" => self.not_before.as_ref(),
            "jti" => self.id.as_ref(),
            "iss" => self.issuer.as_ref(),
            "aud" => return self.audience.is_some(),
            _ => return self.raw(name).is_some_and(|value| value.get() != "null"),
        };
        registered.is_some_and(|claim| *claim != Scalar::Null)
    }
}

impl<'de> Members<'de> for Sorter<'_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let claims = &mut self.claims;
        if *name == *self.config.user_claim {
            return once(&mut claims.user, map.next_value()?);
        }
        if self.config.purpose_claim.is_some_and(|purpose| name == purpose) {
            return once(&mut claims.purpose, map.next_value()?);
        }
        match &*name {
            "exp" => once(&mut claims.expires, map.next_value()?),
            "iat" => once(&mut claims.issued, map.next_value()?),
            "nbf" => once(&mut claims.not_before, map.next_value()?),
            "jti" => once(&mut claims.id, map.next_value()?),
            "iss" => once(&mut claims.issuer, map.next_value()?),
            // PyJWT does not look at an audience that nobody asks for.
            "aud" if !(self.config.ignores_audience && self.config.audience.is_none()) => {
                once(&mut claims.audience, map.next_value()?)
            }
            EPOCH_CLAIM if self.config.checks_epoch => once(&mut claims.epoch, map.next_value()?),
            _ if claims.others.iter().any(|(other, _)| *other == name) => {
                Err(de::Error::custom("a claim stands twice"))
            }
            _ => {
                claims.others.push((name, json::shallow(map)?));
                Ok(())
            }
        }
    }
}

/// The claim that holds the user's epoch.
pub(super) const EPOCH_CLAIM: &str = "auth_epoch";

/// Reads a moment.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the calendar just above")]
fn time(claim: &Scalar<'_>) -> Option<Timestamp> {
    const BOUND: f64 = 253_402_300_800.0;
    match claim {
        Scalar::Integer(seconds) if (-END_OF_CALENDAR..END_OF_CALENDAR).contains(seconds) => {
            Some(Timestamp::from_seconds(*seconds))
        }
        Scalar::Float(seconds) if (-BOUND..BOUND).contains(seconds) => {
            Some(Timestamp::from_micros((seconds * 1e6) as i64))
        }
        Scalar::Bool(value) => Some(Timestamp::from_seconds(i64::from(*value))),
        _ => None,
    }
}
