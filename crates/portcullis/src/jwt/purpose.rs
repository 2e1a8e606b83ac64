//! What a token is for.

use crate::jwt::header::Typ;

/// What a token is for (simplejwt's `token_type`); a token of one purpose is never taken for another.
///
/// # Examples
///
/// ```
/// use portcullis::jwt::Purpose;
///
/// const PASSWORD_RESET: Purpose = Purpose::new("password_reset");
/// assert_ne!(PASSWORD_RESET, Purpose::ACCESS);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Purpose(&'static str);

impl Purpose {
    /// To be sent with requests.
    pub const ACCESS: Self = Self("access");
    /// To be exchanged for another pair.
    pub const REFRESH: Self = Self("refresh");

    /// Names a purpose of your own.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns the name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns the type that tokens of a purpose carry in their header (RFC 8725 section 3.11).
    pub(super) fn typ_of(name: &str) -> Typ {
        match name {
            "access" => Typ::Access,
            "refresh" => Typ::Refresh,
            _ => Typ::Plain,
        }
    }

    /// Returns the purpose that a header's type tells alone (RFC 9068 section 2.1).
    pub(super) const fn of_typ(typ: Typ) -> Option<Self> {
        match typ {
            Typ::Access => Some(Self::ACCESS),
            Typ::Refresh => Some(Self::REFRESH),
            Typ::Plain | Typ::Other => None,
        }
    }
}
