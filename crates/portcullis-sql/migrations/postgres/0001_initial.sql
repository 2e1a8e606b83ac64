-- Users, groups, tokens, refresh tokens, sessions and counters of Portcullis.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. Names compare byte for byte (collation "C": CVE-2019-19844).
-- Ids are never used again (a sequence is not rolled back): a token that outlived its user must not name another.
-- The user of a token or session is text, because an application may keep its users elsewhere.

create table portcullis_user (
    id bigint generated always as identity primary key,
    username text collate "C" not null unique,
    email text not null,
    password text,
    is_active boolean not null,
    is_staff boolean not null,
    is_superuser boolean not null,
    auth_epoch bigint not null,
    created_at bigint not null
);

create table portcullis_group (
    name text collate "C" primary key
);

create table portcullis_group_codename (
    group_name text collate "C" not null references portcullis_group (name) on delete cascade,
    codename text collate "C" not null,
    primary key (group_name, codename)
);

create table portcullis_user_group (
    user_id bigint not null references portcullis_user (id) on delete cascade,
    group_name text collate "C" not null references portcullis_group (name) on delete cascade,
    primary key (user_id, group_name)
);

create index portcullis_user_group_name on portcullis_user_group (group_name);

create table portcullis_user_codename (
    user_id bigint not null references portcullis_user (id) on delete cascade,
    codename text collate "C" not null,
    primary key (user_id, codename)
);

create table portcullis_token (
    digest bytea primary key check (octet_length(digest) = 32),
    user_id text collate "C" not null,
    name text not null,
    scopes text,
    created_at bigint not null,
    expires_at bigint,
    idle bigint check (idle >= 0),
    last_used_at bigint,
    ends_at bigint not null
);

create index portcullis_token_user on portcullis_token (user_id, created_at, digest);

create index portcullis_token_end on portcullis_token (ends_at);

create table portcullis_session (
    key bytea primary key check (octet_length(key) = 32),
    user_id text collate "C",
    epoch bigint not null,
    created_at bigint not null,
    last_seen_at bigint not null,
    expires_at bigint not null,
    data text not null,
    label text not null
);

create index portcullis_session_user on portcullis_session (user_id) where user_id is not null;

create index portcullis_session_end on portcullis_session (expires_at);

-- What was rotated or revoked stays until it expires: the row is a tombstone by which a replay is known. Only live rows
-- are found by family or by user, so that the tombstones burden no index but the one of the purge.

create table portcullis_refresh (
    id bytea primary key check (octet_length(id) = 32),
    family bytea not null check (octet_length(family) = 32),
    user_id text collate "C",
    created_at bigint not null,
    expires_at bigint not null,
    deadline bigint not null,
    state text collate "C" not null check (state in ('live', 'rotated', 'revoked')),
    rotated_at bigint check ((rotated_at is not null) = (state = 'rotated')),
    rotated_to bytea check ((rotated_to is not null) = (state = 'rotated')) check (octet_length(rotated_to) = 32)
);

create index portcullis_refresh_family on portcullis_refresh (family) where state = 'live';

create index portcullis_refresh_user on portcullis_refresh (user_id, created_at)
    where state = 'live' and user_id is not null;

create index portcullis_refresh_end on portcullis_refresh (expires_at);

-- The state is a row of 64-bit numbers, big-endian, that only Portcullis understands.

create table portcullis_counter (
    key bytea primary key check (octet_length(key) = 32),
    state bytea not null check (octet_length(state) % 8 = 0),
    ends_at bigint not null
);

create index portcullis_counter_end on portcullis_counter (ends_at);
