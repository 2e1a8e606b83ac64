//! The statements for SQLite, one per act, and the migrations.
//!
//! 1. Every look-up, change and purge goes by an index (the test below asks SQLite for its plan).
//! 2. The id of a user in a token, refresh token or session is text: it names the user whose number is written exactly so. A cast alone
//!    would read `17abc` as 17.

mod counter;
mod migration;
mod open;
mod refresh;
mod session;
mod token;
mod user;

use std::time::Duration;

use portcullis::store::StoreError;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions};
use sqlx::{ConnectOptions as _, Error, Row as _};

use crate::engine::{
    CounterSql, Engine, Raw, RefreshSql, Schema, SessionSql, TokenSql, UserSql, Value, alike,
};
use crate::row::corrupt;

pub(crate) use open::open;

impl Engine for Sqlite {
    const USER: UserSql = user::USER;
    const TOKEN: TokenSql = token::TOKEN;
    const SESSION: SessionSql = session::SESSION;
    const REFRESH: RefreshSql = refresh::REFRESH;
    const COUNTER: CounterSql = counter::COUNTER;
    const SCHEMA: Schema = migration::SCHEMA;
    /// Takes the write lock at the beginning: a transaction that first reads and then asks for it may be refused at once.
    const BEGIN: &'static str = "begin immediate";
    const LOCK: Option<&'static str> = None;
    const STORES_NUL: bool = true;
    const OUTLIVES_ITS_VERB: bool = true;

    alike!();

    /// Nothing runs for long: whoever waits for a lock gives up by himself.
    async fn open(options: &SqliteConnectOptions, _patience: Duration) -> Result<Self::Connection, Error> {
        options.connect().await
    }

    fn is_gone(_: &Error) -> bool {
        false
    }

    fn flag(row: &Self::Row, column: usize) -> Result<Option<bool>, StoreError> {
        match Self::int(row, column)? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(_) => Err(corrupt("a flag is neither 0 nor 1")),
        }
    }
}

#[cfg(test)]
mod tests;
