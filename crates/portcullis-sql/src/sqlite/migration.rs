//! The schema and its versions.

use crate::engine::{Schema, Step};

pub(crate) const SCHEMA: Schema = Schema {
    steps: &[
        Step {
            number: 1,
            major: 1,
            name: "initial",
            sql: include_str!("../../migrations/sqlite/0001_initial.sql"),
        },
        Step {
            number: 2,
            major: 1,
            name: "refresh",
            sql: include_str!("../../migrations/sqlite/0002_refresh.sql"),
        },
        Step {
            number: 3,
            major: 1,
            name: "counter",
            sql: include_str!("../../migrations/sqlite/0003_counter.sql"),
        },
    ],
    prepare: "",
    has_versions: "select 1 from sqlite_master where type = 'table' and name = 'portcullis_migration'",
    create_versions: "\
create table if not exists portcullis_migration (
    number integer primary key,
    major integer not null,
    name text not null,
    applied_at integer not null
) strict",
    version: "select coalesce(max(number), 0), coalesce(max(major), 0) from portcullis_migration",
    note_version: "\
insert into portcullis_migration (number, major, name, applied_at)
values ($1, $2, $3, unixepoch() * 1000000)",
};
