-- Users, groups, tokens and sessions of Portcullis.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. Names compare byte for byte (binary collation: CVE-2019-19844).
-- Ids are never used again (autoincrement): a token that outlived its user must not name another.
-- The user of a token or session is text, because an application may keep its users elsewhere.

create table portcullis_user (
    id integer primary key autoincrement,
    username text not null unique collate binary,
    email text not null,
    password text,
    is_active integer not null check (is_active in (0, 1)),
    is_staff integer not null check (is_staff in (0, 1)),
    is_superuser integer not null check (is_superuser in (0, 1)),
    auth_epoch integer not null,
    created_at integer not null
) strict;

create table portcullis_group (
    name text not null primary key collate binary
) strict, without rowid;

create table portcullis_group_codename (
    group_name text not null collate binary references portcullis_group (name) on delete cascade,
    codename text not null collate binary,
    primary key (group_name, codename)
) strict, without rowid;

create table portcullis_user_group (
    user_id integer not null references portcullis_user (id) on delete cascade,
    group_name text not null collate binary references portcullis_group (name) on delete cascade,
    primary key (user_id, group_name)
) strict, without rowid;

create index portcullis_user_group_name on portcullis_user_group (group_name);

create table portcullis_user_codename (
    user_id integer not null references portcullis_user (id) on delete cascade,
    codename text not null collate binary,
    primary key (user_id, codename)
) strict, without rowid;

create table portcullis_token (
    digest blob not null primary key check (length(digest) = 32),
    user_id text not null collate binary,
    name text not null,
    scopes text,
    created_at integer not null,
    expires_at integer,
    idle integer check (idle >= 0),
    last_used_at integer,
    ends_at integer not null
) strict, without rowid;

create index portcullis_token_user on portcullis_token (user_id, created_at, digest);

create index portcullis_token_end on portcullis_token (ends_at);

create table portcullis_session (
    key blob not null primary key check (length(key) = 32),
    user_id text collate binary,
    epoch integer not null,
    created_at integer not null,
    last_seen_at integer not null,
    expires_at integer not null,
    data text not null,
    label text not null
) strict, without rowid;

create index portcullis_session_user on portcullis_session (user_id) where user_id is not null;

create index portcullis_session_end on portcullis_session (expires_at);
