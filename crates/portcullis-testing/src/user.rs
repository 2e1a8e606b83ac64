//! Accounts for tests; their fields are public, so a test adds what it needs.

use portcullis::{Account, UserId};

/// Makes an active account without rights.
///
/// # Examples
///
/// ```
/// use portcullis::User;
/// use portcullis_testing::{account, inactive, staff, superuser};
///
/// assert!(account(1, "john").is_active() && !account(1, "john").is_staff());
/// assert!(staff(2, "mary").is_staff() && !staff(2, "mary").is_superuser());
/// assert!(superuser(3, "root").has_codename("books.add_book"));
/// assert!(!inactive(4, "gone").is_active());
/// ```
#[must_use]
pub fn account(id: impl Into<UserId>, username: &str) -> Account {
    Account::new(id, username)
}

/// Makes an active account of staff; see [`account`].
#[must_use]
pub fn staff(id: impl Into<UserId>, username: &str) -> Account {
    let mut account = account(id, username);
    account.is_staff = true;
    account
}

/// Makes an active superuser, who is staff too; see [`account`].
#[must_use]
pub fn superuser(id: impl Into<UserId>, username: &str) -> Account {
    let mut account = staff(id, username);
    account.is_superuser = true;
    account
}

/// Makes an account that may not authenticate; see [`account`].
#[must_use]
pub fn inactive(id: impl Into<UserId>, username: &str) -> Account {
    let mut account = account(id, username);
    account.is_active = false;
    account
}
