-- Refresh tokens.
--
-- What was rotated or revoked stays until it expires: the row is a tombstone by which a replay is known. Only live rows
-- are found by family or by user, so that the tombstones burden no index but the one of the purge.

create table portcullis_refresh (
    id blob not null primary key check (length(id) = 32),
    family blob not null check (length(family) = 32),
    user_id text collate binary,
    created_at integer not null,
    expires_at integer not null,
    deadline integer not null,
    state text not null check (state in ('live', 'rotated', 'revoked')),
    rotated_at integer check ((rotated_at is not null) = (state = 'rotated')),
    rotated_to blob check ((rotated_to is not null) = (state = 'rotated')) check (length(rotated_to) = 32)
) strict, without rowid;

create index portcullis_refresh_family on portcullis_refresh (family) where state = 'live';

create index portcullis_refresh_user on portcullis_refresh (user_id, created_at)
    where state = 'live' and user_id is not null;

create index portcullis_refresh_end on portcullis_refresh (expires_at);
