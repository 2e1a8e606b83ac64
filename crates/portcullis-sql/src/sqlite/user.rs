//! The statements for users and groups.

/// The columns of an account, of `portcullis_user u`; codenames are the user's own and those of all groups.
macro_rules! account_columns {
    () => {
        "u.id, u.username, u.email, u.is_active, u.is_staff, u.is_superuser, u.auth_epoch, u.created_at,
    (select json_group_array(m.group_name) from portcullis_user_group m where m.user_id = u.id),
    (select json_group_array(c.codename) from (
        select o.codename from portcullis_user_codename o where o.user_id = u.id
        union all
        select g.codename from portcullis_user_group m
            join portcullis_group_codename g on g.group_name = m.group_name
            where m.user_id = u.id) c)"
    };
}
pub(crate) use account_columns;

pub(crate) const BY_ID: &str =
    concat!("select ", account_columns!(), "\nfrom portcullis_user u where u.id = $1");

pub(crate) const LOGIN: &str =
    concat!("select ", account_columns!(), ",\n    u.password\nfrom portcullis_user u where u.username = $1");

pub(crate) const INSERT: &str = "\
insert into portcullis_user
    (username, email, password, is_active, is_staff, is_superuser, auth_epoch, created_at)
values ($1, $2, $3, $4, $5, $6, 0, $7)
returning id";

pub(crate) const JOIN_GROUPS: &str = "\
insert into portcullis_user_group (user_id, group_name)
select $1, value from json_each($2)";

pub(crate) const GRANT: &str = "\
insert into portcullis_user_codename (user_id, codename)
select $1, value from json_each($2)";

/// `$2` says whether `$3` is the new password, so that null can take it away; `$8` is the password to compare with.
pub(crate) const UPDATE: &str = "\
update portcullis_user set
    password = case when $2 then $3 else password end,
    is_active = coalesce($4, is_active),
    is_staff = coalesce($5, is_staff),
    is_superuser = coalesce($6, is_superuser),
    auth_epoch = auth_epoch + $7
where id = $1 and ($8 is null or password = $8)";

pub(crate) const DELETE: &str = "delete from portcullis_user where id = $1";

pub(crate) const CREATE_GROUP: &str =
    "insert into portcullis_group (name) values ($1) on conflict (name) do nothing";

pub(crate) const CLEAR_GROUP: &str = "delete from portcullis_group_codename where group_name = $1";

pub(crate) const FILL_GROUP: &str = "\
insert into portcullis_group_codename (group_name, codename)
select $1, value from json_each($2)";
