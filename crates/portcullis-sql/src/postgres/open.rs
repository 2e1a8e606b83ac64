//! Opening a database of PostgreSQL.
//!
//! 1. What is not understood in a URL is refused: a parameter that is silently dropped may have been the one that
//!    mattered.
//! 2. What is said of a URL quotes no more of it than the name of a parameter: there may be a password anywhere else.

use std::num::NonZeroU32;
use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, Postgres};

use crate::config::SqlConfig;
use crate::database::Database;
use crate::error::SqlError;

/// How many connections there may be, unless the application says.
const CONNECTIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

const PARAMETERS: [&str; 13] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Opens a database, and looks whether its tables, if they are there, can be understood.
pub(crate) async fn open(url: &str, config: &SqlConfig) -> Result<Database<Postgres>, SqlError> {
    let connections = config.connections().unwrap_or(CONNECTIONS);
    let database = Database::new(parse(url)?, config.timeout(), connections);
    database.is_migrated().await?;
    Ok(database)
}

fn parse(url: &str) -> Result<PgConnectOptions, SqlError> {
    let (_, parameters) = url.split_once('?').unwrap_or((url, ""));
    let parameters = parameters.split('#').next().unwrap_or_default();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, _) = parameter.split_once('=').unwrap_or(("", ""));
        if !PARAMETERS.contains(&name) {
            return Err(SqlError::Malformed(format!("a parameter is none of {}", PARAMETERS.join(", "))));
        }
    }
    let (_, rest) = url.split_once(':').unwrap_or((url, ""));
    if !rest.starts_with("//") {
        return Err(malformed());
    }
    // What the driver says of it may quote it.
    let options = PgConnectOptions::from_str(url).map_err(|_| malformed())?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("portcullis"),
    };
    Ok(options.disable_statement_logging())
}

fn malformed() -> SqlError {
    SqlError::Malformed(
        "it cannot be read; write `postgres://user:password@host:5432/database`, and in the password whatever is neither \
         a letter nor a digit as `%` and two hexadecimal digits"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_understood() {
        for (url, host, port, user, database) in [
            ("postgres://john@db/app", "db", 5432, "john", Some("app")),
            ("postgresql://john:se%2Fcret@db:6000/app", "db", 6000, "john", Some("app")),
            (
                "postgres://john@db/app?sslmode=verify-full&application_name=app",
                "db",
                5432,
                "john",
                Some("app"),
            ),
            ("postgres://db?user=john&dbname=app&port=7", "db", 7, "john", Some("app")),
        ] {
            let options = parse(url).unwrap();
            assert_eq!((options.get_host(), options.get_port()), (host, port), "{url}");
            assert_eq!((options.get_username(), options.get_database()), (user, database), "{url}");
        }
    }

    #[test]
    fn a_url_that_is_refused() {
        for (url, message) in [
            ("postgres://u:secret@db:port/app", "cannot be read"),
            ("postgres://u:secret@db:99999/app", "cannot be read"),
            ("postgres://u:secret", "cannot be read"),
            ("postgres:", "cannot be read"),
            ("postgres://u:secret@db/app?sslmode=secret", "cannot be read"),
            ("postgres://u:p@db/app?port=secret", "cannot be read"),
            ("postgres://u:sec/ret@db/app", "cannot be read"),
            ("postgres://u:p@db/app?secret=1", "a parameter is none of"),
            ("postgres://u:p@db/app?secret", "a parameter is none of"),
            ("postgres://u:p@db/app?sslMode=require", "a parameter is none of"),
            ("postgres://u:p@db/app?ssl%6Dode=require", "a parameter is none of"),
            ("postgres://u:a?secret@db/app", "a parameter is none of"),
        ] {
            let error = parse(url).unwrap_err();
            for text in [error.to_string(), format!("{error:?}")] {
                assert!(text.contains(message), "{url}: {text}");
                assert!(!text.contains("secret") && !text.contains("sec/ret"), "{text}");
            }
        }
    }
}
