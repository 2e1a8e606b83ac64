-- Counters of tries. The state is a row of 64-bit numbers, big-endian, that only Portcullis understands.

create table portcullis_counter (
    key blob not null primary key check (length(key) = 32),
    state blob not null check (length(state) % 8 = 0),
    ends_at integer not null
) strict, without rowid;

create index portcullis_counter_end on portcullis_counter (ends_at);
