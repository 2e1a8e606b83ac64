//! Why a command did not do what it was asked, and the exit code that tells so.

use std::io;

use portcullis::{Unavailable, UsersError};

/// What went wrong; the text is one sentence without a period.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It cannot be done: no such user, a name that is taken, a file that exists.
    Refused(String),
    /// It was asked in a way that cannot be meant.
    Usage(String),
    /// The store cannot be reached, or has no tables.
    Outage(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn no_such_user(name: &str) -> Self {
        Self::Refused(format!("there is no user `{name}`: `portcullis user list` shows all"))
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            // Nobody reads on, as behind `| head`: nothing is wrong.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Refused(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Outage(_) => 3,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Refused(message) | Self::Usage(message) | Self::Outage(message) => message.clone(),
            Self::Output(error) => format!("the answer cannot be written: {error}"),
        }
    }

    /// Tells what an error of [`Users`](portcullis::Users) means for the user of this name.
    pub(crate) fn of_user(name: &str, error: UsersError) -> Self {
        match error {
            UsersError::UsernameTaken => {
                Self::Refused(format!("the username `{name}` is taken: choose another one"))
            }
            UsersError::NoSuchUser => Self::no_such_user(name),
            UsersError::NoSuchGroup => Self::Refused(
                "a group does not exist: the application makes it, with `Users::put_group`".into(),
            ),
            UsersError::Unavailable(outage) => outage.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Unavailable> for Failure {
    fn from(outage: Unavailable) -> Self {
        Self::Outage(format!("{}; `portcullis check` looks closer", outage.reason()))
    }
}
