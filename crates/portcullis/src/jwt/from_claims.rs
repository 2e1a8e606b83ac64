//! Users that exist in their token alone.

use crate::jwt::claims::Claims;
use crate::user::{Account, User};

/// Makes a user of the claims of a token, without asking a store.
///
/// # Examples
///
/// ```
/// use portcullis::jwt::{Claims, FromClaims};
/// use portcullis::{User, UserId};
///
/// struct Member { id: UserId, name: String, plan: String }
///
/// impl User for Member {
///     fn id(&self) -> UserId { self.id.clone() }
///     fn username(&self) -> &str { &self.name }
///     fn is_active(&self) -> bool { true }
///     fn auth_epoch(&self) -> i64 { 0 }
/// }
///
/// impl FromClaims for Member {
///     fn from_claims(claims: &Claims<'_>) -> Option<Self> {
///         Some(Self { id: claims.user_id()?, name: claims.get("name")?, plan: claims.get("plan")? })
///     }
/// }
/// # let _ = |member: Member| member.plan;
/// ```
///
/// # Security
///
/// Such a user stays what the token says until it ends: deactivation, deletion and changed rights are not seen.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made of the claims of a token",
    label = "not `FromClaims`",
    note = "implement `FromClaims` for your users, or look them up in a store: `jwt.authenticator()`"
)]
pub trait FromClaims: User + Sized {
    /// Makes the user; `None` refuses the token.
    fn from_claims(claims: &Claims<'_>) -> Option<Self>;
}

/// As simplejwt's `TokenUser`: `username` and `is_staff` are the claims of those names; there are no codenames, and
/// nobody is a superuser, since that would be all of them.
impl FromClaims for Account {
    fn from_claims(claims: &Claims<'_>) -> Option<Self> {
        let mut account = Self::new(claims.user_id()?, claims.get::<String>("username").unwrap_or_default());
        account.is_staff = claims.get("is_staff").unwrap_or_default();
        Some(account)
    }
}
