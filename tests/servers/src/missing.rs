//! What a machine does not have.

use std::env;
use std::fmt;
use std::io::{Write as _, stderr};

/// Why a server cannot be started: what is not installed and the command that installs it, or what it said.
#[derive(Debug, Clone)]
pub struct Missing {
    why: String,
    /// A server that is installed and does not start leaves no test out.
    is_installed: bool,
}

impl Missing {
    pub(crate) fn install(why: &str) -> Self {
        Self { why: why.to_owned(), is_installed: false }
    }

    pub(crate) const fn broken(why: String) -> Self {
        Self { why, is_installed: true }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Missing {}

/// Leaves a test out where a server is missing and may be, and says so past the harness, which hides what tests print.
///
/// # Panics
///
/// When the server is installed and does not start, or is missing where nothing may be left out: `CI` or
/// `PORTCULLIS_SERVERS=required` is set.
#[must_use]
#[track_caller]
pub fn or_left_out<T>(found: Result<T, Missing>) -> Option<T> {
    match found {
        Ok(server) => Some(server),
        Err(missing) => {
            let is_required = env::var_os("CI").is_some_and(|value| !value.is_empty())
                || env::var_os("PORTCULLIS_SERVERS").is_some_and(|value| value == "required");
            assert!(!is_required && !missing.is_installed, "{missing}");
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            // A closed standard error changes nothing.
            let _ = writeln!(stderr(), "\n*** LEFT OUT: {test}: {missing}\n");
            None
        }
    }
}
