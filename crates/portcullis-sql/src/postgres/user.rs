//! The statements for users and groups.

use crate::engine::UserSql;

/// The columns of an account, of `portcullis_user u`; codenames are the user's own and those of all groups.
macro_rules! account_columns {
    () => {
        "u.id, u.username, u.email, u.is_active, u.is_staff, u.is_superuser, u.auth_epoch, u.created_at,
    (select coalesce(pg_catalog.json_agg(m.group_name)::text, '[]') from portcullis_user_group m where m.user_id = u.id),
    (select coalesce(pg_catalog.json_agg(c.codename)::text, '[]') from (
        select o.codename from portcullis_user_codename o where o.user_id = u.id
        union all
        select g.codename from portcullis_user_group m
            join portcullis_group_codename g on g.group_name = m.group_name
            where m.user_id = u.id) c)"
    };
}
pub(crate) use account_columns;

/// Whether `portcullis_user u` is whom a text names: the account whose number is written exactly so. What has nineteen digits
/// is compared as text (collation "C"), since not all of it is a number of 64 bits.
macro_rules! is_named {
    ($text:literal) => {
        concat!(
            "u.id = case when ",
            $text,
            " ~ '^-?[0-9]{1,18}$' or ",
            $text,
            " ~ '^[0-9]{19}$' and ",
            $text,
            " <= '9223372036854775807' or ",
            $text,
            " ~ '^-[0-9]{19}$' and ",
            $text,
            " <= '-9223372036854775808' then ",
            $text,
            "::bigint end and u.id::text = ",
            $text
        )
    };
}
pub(crate) use is_named;

const BY_ID: &str = concat!("select ", account_columns!(), "\nfrom portcullis_user u where u.id = $1");

const LOGIN: &str =
    concat!("select ", account_columns!(), ",\n    u.password\nfrom portcullis_user u where u.username = $1");

const LIST: &str =
    concat!("select ", account_columns!(), "\nfrom portcullis_user u where u.id > $1 order by u.id limit $2");

const INSERT: &str = "\
insert into portcullis_user
    (username, email, password, is_active, is_staff, is_superuser, auth_epoch, created_at)
values ($1, $2, $3, $4, $5, $6, 0, $7)
returning id";

const JOIN_GROUPS: &str = "\
insert into portcullis_user_group (user_id, group_name)
select $1, g.name from json_array_elements_text($2::text::json) n join portcullis_group g on g.name = n.value";

const GRANT: &str = "\
insert into portcullis_user_codename (user_id, codename)
select $1, value from json_array_elements_text($2::text::json)";

/// `$2` says whether `$3` is the new password, so that null can take it away; `$8` is the password to compare with.
const UPDATE: &str = "\
update portcullis_user set
    password = case when $2 then $3 else password end,
    is_active = coalesce($4, is_active),
    is_staff = coalesce($5, is_staff),
    is_superuser = coalesce($6, is_superuser),
    auth_epoch = auth_epoch + $7
where id = $1 and ($8::text is null or password = $8)";

const DELETE: &str = "delete from portcullis_user where id = $1";

const CREATE_GROUP: &str = "insert into portcullis_group (name) values ($1) on conflict (name) do nothing";

const CLEAR_GROUP: &str = "delete from portcullis_group_codename where group_name = $1";

const FILL_GROUP: &str = "\
insert into portcullis_group_codename (group_name, codename)
select $1, value from json_array_elements_text($2::text::json)";

pub(crate) const USER: UserSql = UserSql {
    by_id: BY_ID,
    login: LOGIN,
    list: LIST,
    insert: INSERT,
    join_groups: JOIN_GROUPS,
    grant: GRANT,
    update: UPDATE,
    delete: DELETE,
    create_group: CREATE_GROUP,
    clear_group: CLEAR_GROUP,
    fill_group: FILL_GROUP,
};
