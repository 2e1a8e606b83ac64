//! The statements for PostgreSQL 13 and later, one per act, and the migrations.
//!
//! 1. Every look-up, change and purge goes by an index (the test below asks PostgreSQL for its plan).
//! 2. A statement sees what was committed before it began, whatever it waits for later (READ COMMITTED). So where one
//!    transaction must see what another has added, both first take a lock, by a statement of its own. The locks are
//!    advisory, of the transaction, and their keys are 64 bits of a hash over `portcullis`, what it is and its name:
//!    an application's own advisory locks do not meet them, and two names that meet only wait for each other.
//! 3. The id of a user in a token, refresh token or session is text: it names the user whose number is written exactly so.
//! 4. A text cannot hold NUL: what is looked for by such a text is not there, and what is to be stored is refused. A
//!    database that cannot store every other text is refused, too: a stranger's name would be an outage.
//! 5. A function or an operator whose own types are not exactly those of its call is named with its schema: one in `public`
//!    that fits better would be run with the rights of the application (CVE-2018-1058).

mod counter;
mod migration;
mod open;
mod refresh;
mod session;
mod token;
mod user;

use std::time::Duration;

use portcullis::store::StoreError;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgSeverity, Postgres};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Error, Row as _};

use crate::engine::{
    CounterSql, Engine, Raw, RefreshSql, Schema, SessionSql, TokenSql, UserSql, Value, alike,
};

pub(crate) use open::open;

impl Engine for Postgres {
    const USER: UserSql = user::USER;
    const TOKEN: TokenSql = token::TOKEN;
    const SESSION: SessionSql = session::SESSION;
    const REFRESH: RefreshSql = refresh::REFRESH;
    const COUNTER: CounterSql = counter::COUNTER;
    const SCHEMA: Schema = migration::SCHEMA;
    const BEGIN: &'static str = "begin";
    const LOCK: Option<&'static str> = Some(
        "select pg_advisory_xact_lock(pg_catalog.hashtextextended('portcullis ' || $1 || ' ' || $2, 0))",
    );
    const STORES_NUL: bool = false;
    const OUTLIVES_ITS_VERB: bool = false;

    alike!();

    /// Opens a connection, and has the server give up what nobody waits for any more: a statement whose verb was dropped,
    /// and a transaction whose program is gone without a word.
    async fn open(options: &PgConnectOptions, patience: Duration) -> Result<Self::Connection, Error> {
        let mut connection = options.connect().await?;
        let millis = patience.as_millis().clamp(1, i32::MAX.unsigned_abs().into());
        // A database whose transactions are serializable unless told would refuse what only has to wait; one that
        // acknowledges before it writes would forget a logout in a crash. What is set here the server's file no longer
        // changes.
        let settings = format!(
            "set statement_timeout = {millis}; set lock_timeout = {millis};
             set idle_in_transaction_session_timeout = {millis};
             set default_transaction_isolation = 'read committed';
             select set_config('synchronous_commit', case setting when 'off' then 'on' else setting end, false)
                 from current_setting('synchronous_commit') setting;
             select pg_is_in_recovery(), current_setting('server_encoding')"
        );
        // It is made of numbers alone.
        let rows = sqlx::raw_sql(AssertSqlSafe(settings)).fetch_all(&mut connection).await?;
        // A standby may not have heard of a logout; what became one has ended its connections.
        let says =
            rows.last().ok_or_else(|| Error::Protocol("the server says nothing of itself".to_owned()))?;
        if says.try_get(0)? {
            return Err(Error::Protocol("the server is a standby, and not to be believed".to_owned()));
        }
        match says.try_get(1)? {
            // The latter takes every byte as it is.
            "UTF8" | "SQL_ASCII" => Ok(connection),
            encoding => Err(Error::Protocol(format!(
                "the encoding of the database is {encoding}, which lacks most names: make one with UTF8"
            ))),
        }
    }

    fn is_gone(error: &Error) -> bool {
        match error {
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => true,
            // The server says good-bye: it is stopped, or somebody has ended the connection.
            Error::Database(error) => error
                .try_downcast_ref::<PgDatabaseError>()
                .is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)),
            _ => false,
        }
    }

    fn flag(row: &Self::Row, column: usize) -> Result<Option<bool>, StoreError> {
        row.try_get(column).map_err(StoreError::unavailable)
    }
}

#[cfg(test)]
mod tests;
