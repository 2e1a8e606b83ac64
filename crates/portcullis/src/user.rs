//! The people a store knows.
//!
//! 1. A [`UserId`] is a number or a text; a text that spells a number exactly *is* that number, nothing that merely
//!    converts to one (`"01"`, `"+1"`, `" 1"` are other ids).
//! 2. Every provided method of [`User`] denies.
//! 3. An [`Account`] answers codenames as Django does: an inactive one has none, an active superuser has all.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::clock::Timestamp;

/// Names one user of a store, for ever.
///
/// # Examples
///
/// ```
/// use portcullis::UserId;
///
/// assert_eq!(UserId::from("17"), UserId::from(17));
/// assert_ne!(UserId::from("017"), UserId::from(17));
/// assert_eq!(UserId::from("b3a1").to_string(), "b3a1");
/// ```
///
/// # Security
///
/// A store must never give the id of a deleted user to another one: tokens that outlived the first would name the
/// second.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Id);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Id {
    Number(i64),
    Text(Arc<str>),
}

impl UserId {
    /// Returns the number, where the id is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<i64> {
        match self.0 {
            Id::Number(number) => Some(number),
            Id::Text(_) => None,
        }
    }
}

impl From<i64> for UserId {
    fn from(number: i64) -> Self {
        Self(Id::Number(number))
    }
}

impl From<&str> for UserId {
    fn from(text: &str) -> Self {
        match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Self(Id::Number(number)),
            _ => Self(Id::Text(text.into())),
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => text.fmt(f),
        }
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({:?})", self.to_string())
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Id::Number(number) => serializer.serialize_i64(*number),
            Id::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = UserId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or a string")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<UserId, E> {
                Ok(number.into())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<UserId, E> {
                i64::try_from(number).map(Into::into).map_err(|_| E::custom("the user id is too large"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<UserId, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// What Portcullis must know of an application's own user type.
///
/// # Examples
///
/// ```
/// use portcullis::{User, UserId};
///
/// struct Member {
///     id: i64,
///     email: String,
///     suspended: bool,
///     epoch: i64,
/// }
///
/// impl User for Member {
///     fn id(&self) -> UserId {
///         self.id.into()
///     }
///     fn username(&self) -> &str {
///         &self.email
///     }
///     fn is_active(&self) -> bool {
///         !self.suspended
///     }
///     fn auth_epoch(&self) -> i64 {
///         self.epoch
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a user",
    label = "not a `User`",
    note = "implement `portcullis::User` for the type of your users; without one of your own it is `Account`"
)]
pub trait User: Send + Sync + 'static {
    /// Returns the id that tokens and sessions refer to.
    fn id(&self) -> UserId;

    /// Returns the name that the user logs in with.
    fn username(&self) -> &str;

    /// Tells whether the user may authenticate at all.
    ///
    /// # Security
    ///
    /// A wrong `true` lets a disabled account in with every credential it has.
    fn is_active(&self) -> bool;

    /// Returns the number that every session and JWT of the user must match; raising it ends them all.
    ///
    /// # Security
    ///
    /// A constant here means that a password change ends nothing.
    fn auth_epoch(&self) -> i64;

    /// Tells whether the user is staff (Django's `is_staff`, what [`IsAdminUser`](crate::permission::IsAdminUser) asks).
    fn is_staff(&self) -> bool {
        false
    }

    /// Tells whether the user holds every codename without being given it.
    fn is_superuser(&self) -> bool {
        false
    }

    /// Tells whether the user holds a codename such as `books.add_book`, through a group or directly.
    fn has_codename(&self, codename: &str) -> bool {
        let _ = codename;
        false
    }

    /// Tells whether the user belongs to a group.
    fn in_group(&self, group: &str) -> bool {
        let _ = group;
        false
    }
}

/// The ready-made user of the stores that ship with Portcullis.
///
/// # Examples
///
/// ```
/// use portcullis::{Account, User};
///
/// let mut mary = Account::new(2, "mary");
/// mary.codenames.insert("books.add_book".into());
/// assert!(mary.has_codename("books.add_book"));
/// mary.is_active = false;
/// assert!(!mary.has_codename("books.add_book"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The id; stores never use one again.
    pub id: UserId,
    /// The name, compared byte for byte.
    pub username: String,
    /// The e-mail address, or nothing.
    pub email: String,
    /// Whether the user may authenticate.
    pub is_active: bool,
    /// Whether the user is staff.
    pub is_staff: bool,
    /// Whether the user holds every codename.
    pub is_superuser: bool,
    /// What the user's sessions must match.
    pub auth_epoch: i64,
    /// The names of the user's groups.
    pub groups: HashSet<String>,
    /// The user's own codenames and those of all groups.
    pub codenames: HashSet<String>,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl Account {
    /// Makes an active account without rights.
    #[must_use]
    pub fn new(id: impl Into<UserId>, username: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            username: username.into(),
            email: String::new(),
            is_active: true,
            is_staff: false,
            is_superuser: false,
            auth_epoch: 0,
            groups: HashSet::new(),
            codenames: HashSet::new(),
            created_at: Timestamp::EPOCH,
        }
    }
}

impl User for Account {
    fn id(&self) -> UserId {
        self.id.clone()
    }

    fn username(&self) -> &str {
        &self.username
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn auth_epoch(&self) -> i64 {
        self.auth_epoch
    }

    fn is_staff(&self) -> bool {
        self.is_staff
    }

    fn is_superuser(&self) -> bool {
        self.is_superuser
    }

    fn has_codename(&self, codename: &str) -> bool {
        self.is_active && (self.is_superuser || self.codenames.contains(codename))
    }

    fn in_group(&self, group: &str) -> bool {
        self.groups.contains(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exact_decimal_is_a_number() {
        for (text, number) in [
            ("1", Some(1)),
            ("-7", Some(-7)),
            ("0", Some(0)),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1.0", None),
            ("-0", None),
            ("١", None),
            ("", None),
            ("9223372036854775808", None),
        ] {
            let id = UserId::from(text);
            assert_eq!(id.as_number(), number, "{text:?}");
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn json_keeps_numbers_and_texts_apart() {
        for (json, id) in [("1", UserId::from(1)), ("\"1\"", UserId::from(1)), ("\"a\"", UserId::from("a"))] {
            assert_eq!(serde_json::from_str::<UserId>(json).unwrap(), id);
        }
        for bad in ["1.0", "true", "null", "[]", "18446744073709551615"] {
            assert!(serde_json::from_str::<UserId>(bad).is_err(), "{bad}");
        }
    }
}
