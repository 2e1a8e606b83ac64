//! The contract for users.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::credentials::PasswordHash;
use crate::store::StoreError;
use crate::user::{Account, UserId};

/// What a login needs of a user.
///
/// # Examples
///
/// See [`UserStore`].
#[derive(Debug, Clone)]
pub struct LoginRecord<U = Account> {
    /// The user.
    pub user: Arc<U>,
    /// The stored hash; `None` for a user without a password.
    pub password: Option<PasswordHash>,
}

/// A user to be made.
///
/// # Examples
///
/// ```
/// use portcullis::store::NewUser;
///
/// let user = NewUser::new("mary").with_email("mary@example.com").with_group("Authors");
/// assert!(user.is_active);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewUser {
    /// The name, unique byte for byte.
    pub username: String,
    /// The e-mail address, or nothing.
    pub email: String,
    /// The password's hash; `None` makes a user who cannot log in with a password.
    pub password: Option<PasswordHash>,
    /// Whether the user may authenticate.
    pub is_active: bool,
    /// Whether the user is staff.
    pub is_staff: bool,
    /// Whether the user holds every codename.
    pub is_superuser: bool,
    /// The names of groups, which must exist.
    pub groups: BTreeSet<String>,
    /// The user's own codenames.
    pub codenames: BTreeSet<String>,
    /// When the account is made; filled in by [`Users`](crate::Users).
    pub created_at: Timestamp,
}

impl NewUser {
    /// Describes an active user without rights and without a password.
    #[must_use]
    pub fn new(username: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            email: String::new(),
            password: None,
            is_active: true,
            is_staff: false,
            is_superuser: false,
            groups: BTreeSet::new(),
            codenames: BTreeSet::new(),
            created_at: Timestamp::EPOCH,
        }
    }

    /// Adds an e-mail address.
    #[must_use]
    pub fn with_email(self, email: impl Into<String>) -> Self {
        Self { email: email.into(), ..self }
    }

    /// Makes the user a member of a group that exists.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.groups.insert(group.into());
        self
    }

    /// Grants a codename.
    #[must_use]
    pub fn with_codename(mut self, codename: impl Into<String>) -> Self {
        self.codenames.insert(codename.into());
        self
    }

    /// Makes the user staff.
    #[must_use]
    pub fn with_staff(self) -> Self {
        Self { is_staff: true, ..self }
    }

    /// Makes the user staff and superuser.
    #[must_use]
    pub fn with_superuser(self) -> Self {
        Self { is_staff: true, is_superuser: true, ..self }
    }
}

/// A change to a user, made in one piece; fields that are `None` stay as they are.
///
/// # Examples
///
/// ```
/// use portcullis::store::UserChange;
///
/// let mut promotion = UserChange::default();
/// promotion.is_staff = Some(true);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct UserChange {
    /// A new password hash; `Some(None)` takes the password away.
    pub password: Option<Option<PasswordHash>>,
    /// Change nothing unless this is the stored hash (compare-and-set, for upgrades at login).
    pub if_password: Option<PasswordHash>,
    /// Activate or deactivate.
    pub is_active: Option<bool>,
    /// Make staff or not.
    pub is_staff: Option<bool>,
    /// Make superuser or not.
    pub is_superuser: Option<bool>,
    /// Add one to the user's epoch, which ends every session.
    pub raise_epoch: bool,
}

/// A named set of codenames.
///
/// # Examples
///
/// See [`MemoryStore`](crate::store::MemoryStore).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name, unique byte for byte.
    pub name: String,
    /// What its members may do, such as `books.add_book`.
    pub codenames: BTreeSet<String>,
}

impl Group {
    /// Describes a group.
    #[must_use]
    pub fn new<S: Into<String>>(name: impl Into<String>, codenames: impl IntoIterator<Item = S>) -> Self {
        Self { name: name.into(), codenames: codenames.into_iter().map(Into::into).collect() }
    }
}

/// Finds users, and where it can, changes them.
///
/// An application with its own user table implements the first two verbs; then everything but [`Users`](crate::Users)'s
/// administration works.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use async_trait::async_trait;
/// use portcullis::store::{LoginRecord, StoreError, UserStore};
/// use portcullis::{PasswordHash, User, UserId};
///
/// struct Reader { number: i64, name: String, hash: Option<String> }
///
/// impl User for Reader {
///     fn id(&self) -> UserId { self.number.into() }
///     fn username(&self) -> &str { &self.name }
///     fn is_active(&self) -> bool { true }
///     fn auth_epoch(&self) -> i64 { 0 }
/// }
///
/// /// The readers of a library, in a table of its own.
/// struct Readers(Vec<Arc<Reader>>);
///
/// #[async_trait]
/// impl UserStore<Reader> for Readers {
///     async fn user(&self, id: &UserId) -> Result<Option<Arc<Reader>>, StoreError> {
///         Ok(self.0.iter().find(|reader| reader.id() == *id).cloned())
///     }
///
///     async fn login(&self, username: &str) -> Result<Option<LoginRecord<Reader>>, StoreError> {
///         let reader = self.0.iter().find(|reader| reader.name == username);
///         Ok(reader.map(|reader| LoginRecord {
///             user: Arc::clone(reader),
///             password: reader.hash.as_deref().map(PasswordHash::new),
///         }))
///     }
/// }
/// ```
///
/// # Security
///
/// Names compare byte for byte: a store that folds case or normalises Unicode gives one person's name to another
/// (CVE-2019-19844).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not find the users",
    label = "not a `UserStore<{U}>`",
    note = "implement `UserStore<{U}>` over the table of your users; where records lie in one store and users in another, join them: `Mixed::new(records, users)`"
)]
#[async_trait]
pub trait UserStore<U = Account>: Send + Sync + 'static {
    /// Finds a user by id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    ///
    /// # Security
    ///
    /// A user who was deleted must be gone: `Some` here lets all his sessions live on.
    async fn user(&self, id: &UserId) -> Result<Option<Arc<U>>, StoreError>;

    /// Finds what a login needs by exact name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the store cannot answer.
    ///
    /// # Security
    ///
    /// Inactive users and users without a password are answered too: the caller spends the same time on all.
    async fn login(&self, username: &str) -> Result<Option<LoginRecord<U>>, StoreError>;

    /// Makes a user, with an id that was never used before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the name is taken; [`StoreError::NoSuchGroup`] when one of the groups does not exist;
    /// [`StoreError::Unsupported`] unless the store provides it.
    async fn create_user(&self, user: NewUser) -> Result<Arc<U>, StoreError> {
        let _ = user;
        Err(StoreError::Unsupported("create_user"))
    }

    /// Changes a user in one piece; `false` when there is none, or `if_password` did not match.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] unless the store provides it.
    ///
    /// # Security
    ///
    /// A password that is stored without raising the epoch, when asked to raise it, leaves stolen sessions alive.
    async fn update_user(&self, id: &UserId, change: UserChange) -> Result<bool, StoreError> {
        let _ = (id, change);
        Err(StoreError::Unsupported("update_user"))
    }

    /// Deletes a user for good, with tokens and sessions where the store has them; `false` when there is none.
    ///
    /// The rows of refresh tokens stay: see [`RefreshStore`](crate::store::RefreshStore).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] unless the store provides it.
    async fn delete_user(&self, id: &UserId) -> Result<bool, StoreError> {
        let _ = id;
        Err(StoreError::Unsupported("delete_user"))
    }

    /// Lists users by id, ascending, at most `limit` of those that come after one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] unless the store provides it.
    async fn users(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Arc<U>>, StoreError> {
        let _ = (after, limit);
        Err(StoreError::Unsupported("users"))
    }

    /// Makes a group, or replaces its codenames.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] unless the store provides it.
    async fn put_group(&self, group: Group) -> Result<(), StoreError> {
        let _ = group;
        Err(StoreError::Unsupported("put_group"))
    }
}

/// A store without users, for a service whose users stand in their tokens.
///
/// # Examples
///
/// ```
/// use portcullis::authentication::StatelessJwtAuthenticator;
/// use portcullis::jwt::{JwtConfig, JwtVerifier, KeyRing};
/// use portcullis::store::NoUsers;
/// use portcullis::{Account, Guard, Users};
///
/// let ring = KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?;
/// let verifier = JwtVerifier::new(ring, JwtConfig::default())?;
/// let guard = Guard::<Account>::builder(Users::new(NoUsers))
///     .authenticate(StatelessJwtAuthenticator::new(verifier))
///     .build()?;
/// # let _ = guard;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoUsers;

#[async_trait]
impl<U: Send + Sync + 'static> UserStore<U> for NoUsers {
    async fn user(&self, _: &UserId) -> Result<Option<Arc<U>>, StoreError> {
        Ok(None)
    }

    async fn login(&self, _: &str) -> Result<Option<LoginRecord<U>>, StoreError> {
        Ok(None)
    }
}
