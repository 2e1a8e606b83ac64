//! The schema and its versions.

use crate::engine::{Schema, Step};

pub(crate) const SCHEMA: Schema = Schema {
    steps: &[Step {
        number: 1,
        major: 1,
        name: "initial",
        sql: include_str!("../../migrations/postgres/0001_initial.sql"),
    }],
    // A step may take long; others that migrate wait for it, but nobody waits for a table that somebody else keeps.
    prepare: "\
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local lock_timeout = 0;
select pg_advisory_xact_lock(pg_catalog.hashtextextended('portcullis migration ', 0));
set local lock_timeout = '10s'",
    has_versions: "select 1 where to_regclass('portcullis_migration') is not null",
    create_versions: "\
create table if not exists portcullis_migration (
    number bigint primary key,
    major bigint not null,
    name text not null,
    applied_at bigint not null
)",
    version: "select coalesce(max(number), 0), coalesce(max(major), 0) from portcullis_migration",
    note_version: "\
insert into portcullis_migration (number, major, name, applied_at)
values ($1, $2, $3, (extract(epoch from now()) operator(pg_catalog.*) 1000000)::bigint)",
};
