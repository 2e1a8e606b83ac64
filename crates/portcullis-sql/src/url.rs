//! The URL of a database.
//!
//! 1. What is not understood is refused: a parameter that is silently dropped may have been the one that mattered.
//! 2. A name that SQLite would read as "a temporary database of this connection alone" is refused: each connection
//!    would see other users.

use std::str::FromStr;

use sqlx::sqlite::SqliteConnectOptions;

use crate::error::SqlError;

/// What a URL asks for.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) options: SqliteConnectOptions,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    File,
    /// A file that may be missing, and is made.
    NewFile,
    ReadOnlyFile,
}

pub(crate) fn parse(url: &str) -> Result<Target, SqlError> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "sqlite" => {}
        "postgres" | "postgresql" => return Err(SqlError::NotInThisVersion(format!("{scheme}:"))),
        _ => return Err(SqlError::UnknownScheme(scheme_of(url))),
    }
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    let kind = match (path, parameters) {
        (":memory:", "") => Kind::Memory,
        (":memory:", _) => return malformed("a database in memory takes no parameters"),
        ("", _) => return malformed("the name of the file is missing"),
        (path, _) if path.starts_with(':') || path.starts_with("file:") => {
            return malformed("this is a name with a meaning of its own to SQLite; write `./` before it");
        }
        (_, "") | (_, "mode=rwc") => Kind::NewFile,
        (_, "mode=rw") => Kind::File,
        (_, "mode=ro") => Kind::ReadOnlyFile,
        _ => return malformed("the only parameter is `mode`: `rwc` (make the file), `rw` or `ro`"),
    };
    let options =
        SqliteConnectOptions::from_str(url).map_err(|error| SqlError::Malformed(error.to_string()))?;
    Ok(Target { options: options.create_if_missing(kind == Kind::NewFile), kind })
}

fn malformed(why: &str) -> Result<Target, SqlError> {
    Err(SqlError::Malformed(why.to_owned()))
}

/// Shows no more of an unknown URL than its scheme: there may be a password in it.
fn scheme_of(url: &str) -> String {
    match url.split_once(':') {
        Some((scheme, _))
            if scheme.len() <= 20 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            format!("{scheme}:")
        }
        _ => "that URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_understood() {
        for (url, kind, name) in [
            ("sqlite::memory:", Kind::Memory, None),
            ("sqlite:app.db", Kind::NewFile, Some("app.db")),
            ("sqlite://app.db", Kind::NewFile, Some("app.db")),
            ("sqlite:///var/app.db", Kind::NewFile, Some("/var/app.db")),
            ("sqlite:/var/app.db?mode=rwc", Kind::NewFile, Some("/var/app.db")),
            ("sqlite:app.db?mode=rw", Kind::File, Some("app.db")),
            ("sqlite:app.db?mode=ro", Kind::ReadOnlyFile, Some("app.db")),
            ("sqlite:a%3Fb.db", Kind::NewFile, Some("a?b.db")),
        ] {
            let target = parse(url).unwrap();
            assert_eq!(target.kind, kind, "{url}");
            if let Some(name) = name {
                assert_eq!(target.options.get_filename(), std::path::Path::new(name), "{url}");
            }
        }
    }

    #[test]
    fn a_url_that_is_refused() {
        for (url, message) in [
            ("", "`that URL` is not a database"),
            ("app.db", "`that URL` is not a database"),
            ("mysql://root:secret@db/app", "`mysql:` is not a database"),
            ("SQLITE:app.db", "`SQLITE:` is not a database"),
            ("secret@db:5432/app", "`that URL` is not a database"),
            ("postgres://u:secret@db/app", "`postgres:` is not supported in this version"),
            ("postgresql://u:secret@db/app", "`postgresql:` is not supported in this version"),
            ("sqlite", "the name of the file is missing"),
            ("sqlite:", "the name of the file is missing"),
            ("sqlite://", "the name of the file is missing"),
            ("sqlite:?mode=rw", "the name of the file is missing"),
            ("sqlite::memory:?cache=private", "takes no parameters"),
            ("sqlite::other:", "a meaning of its own"),
            ("sqlite:file:x?mode=memory", "a meaning of its own"),
            ("sqlite:app.db?mode=memory", "the only parameter is `mode`"),
            ("sqlite:app.db?cache=private", "the only parameter is `mode`"),
            ("sqlite:app.db?mode=ro&immutable=1", "the only parameter is `mode`"),
            ("sqlite:%ff.db", "cannot be used"),
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains(message), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
