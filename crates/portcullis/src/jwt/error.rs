//! Why a token was refused.

use crate::error::Rejected;

/// Why a token was refused, in simplejwt's words.
///
/// # Examples
///
/// ```
/// use portcullis::jwt::JwtError;
///
/// assert_eq!(JwtError::Expired.to_string(), "Token is expired");
/// ```
///
/// # Security
///
/// What is wrong with a signature, a key or the form is one and the same [`JwtError::Invalid`]: an attacker learns
/// nothing from the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// Form, key, signature, or a claim is wrong.
    #[error("Token is invalid")]
    Invalid,
    /// It has ended.
    #[error("Token is expired")]
    Expired,
    /// It has no `exp`.
    #[error("Token has no 'exp' claim")]
    NoExpiry,
    /// It has no `jti`.
    #[error("Token has no id")]
    NoId,
    /// It does not say what it is for.
    #[error("Token has no type")]
    NoType,
    /// It is for something else.
    #[error("Token has wrong type")]
    WrongType,
    /// It was used before, or was revoked.
    #[error("Token is blacklisted")]
    Revoked,
}

/// Writes the members of simplejwt's body beside `detail`.
macro_rules! members {
    ($message:literal) => {
        concat!(
            r#","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":""#,
            $message,
            r#""}]"#
        )
    };
}

impl JwtError {
    /// Refuses as simplejwt's views do.
    pub(crate) fn into_plain(self) -> Rejected {
        let (message, code) = match self {
            Self::Invalid => ("Token is invalid", "token_not_valid"),
            Self::Expired => ("Token is expired", "token_not_valid"),
            Self::NoExpiry => ("Token has no 'exp' claim", "token_not_valid"),
            Self::NoId => ("Token has no id", "token_not_valid"),
            Self::NoType => ("Token has no type", "token_not_valid"),
            Self::WrongType => ("Token has wrong type", "token_not_valid"),
            Self::Revoked => ("Token is blacklisted", "token_revoked"),
        };
        Rejected::new(message).with_code(code).with_members(r#","code":"token_not_valid""#)
    }

    /// Refuses a token that is older than the user's password, or than another end of all logins.
    pub(crate) fn outdated() -> Rejected {
        Rejected::new("The user's password has been changed.")
            .with_code("password_changed")
            .with_members(r#","code":"password_changed""#)
    }

    /// Refuses a token that names nobody.
    pub(crate) fn no_user() -> Rejected {
        Rejected::new("Token contained no recognizable user identification")
            .with_code("token_not_valid")
            .with_members(r#","code":"token_not_valid""#)
    }

    /// Refuses a token whose user the store does not have.
    pub(crate) fn user_not_found() -> Rejected {
        Rejected::new("User not found")
            .with_code("user_not_found")
            .with_members(r#","code":"user_not_found""#)
    }

    /// Refuses a token whose user may not log in.
    pub(crate) fn user_inactive() -> Rejected {
        Rejected::new("User is inactive")
            .with_code("user_inactive")
            .with_members(r#","code":"user_inactive""#)
    }

    /// Refuses as simplejwt's `JWTAuthentication` does (`InvalidToken`).
    pub(crate) fn into_rejected(self) -> Rejected {
        let members = match self {
            Self::Invalid => members!("Token is invalid"),
            Self::Expired => members!("Token is expired"),
            Self::NoExpiry => members!("Token has no 'exp' claim"),
            Self::NoId => members!("Token has no id"),
            Self::NoType => members!("Token has no type"),
            Self::WrongType => members!("Token has wrong type"),
            Self::Revoked => members!("Token is blacklisted"),
        };
        Rejected::new("Given token not valid for any token type")
            .with_code("token_not_valid")
            .with_members(members)
    }
}
