//! The schema and its versions.

/// One step of the schema.
#[derive(Debug)]
pub(crate) struct Migration {
    /// Its place; a step is never changed once released, only followed.
    pub(crate) number: i64,
    /// Raised by a step that programs written before it cannot live with.
    pub(crate) major: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// All steps, in order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        major: 1,
        name: "initial",
        sql: include_str!("../../migrations/sqlite/0001_initial.sql"),
    },
    Migration {
        number: 2,
        major: 1,
        name: "refresh",
        sql: include_str!("../../migrations/sqlite/0002_refresh.sql"),
    },
    Migration {
        number: 3,
        major: 1,
        name: "counter",
        sql: include_str!("../../migrations/sqlite/0003_counter.sql"),
    },
];

/// Tells whether the table of versions is there.
pub(crate) const HAS_VERSIONS: &str =
    "select 1 from sqlite_master where type = 'table' and name = 'portcullis_migration'";

pub(crate) const CREATE_VERSIONS: &str = "\
create table if not exists portcullis_migration (
    number integer primary key,
    major integer not null,
    name text not null,
    applied_at integer not null
) strict";

pub(crate) const VERSION: &str =
    "select coalesce(max(number), 0), coalesce(max(major), 0) from portcullis_migration";

pub(crate) const NOTE_VERSION: &str = "\
insert into portcullis_migration (number, major, name, applied_at)
values ($1, $2, $3, unixepoch() * 1000000)";
