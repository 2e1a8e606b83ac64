//! `portcullis user`: create, password, activate, deactivate, list.

use portcullis::{Account, UserId, UsersError, store};
use serde_json::json;

use crate::cli::{NewUser, Options, UserCommand};
use crate::failure::Failure;
use crate::output::{Output, Row, moment, moment_json, yes_or_no};
use crate::password;
use crate::store::Store;

/// How many users are asked for at once.
const PAGE: u32 = 500;
const COLUMNS: &[&str] = &["ID", "USERNAME", "EMAIL", "ACTIVE", "STAFF", "SUPERUSER", "GROUPS", "CREATED"];

pub(crate) async fn run(command: UserCommand, options: &Options, output: &mut Output) -> Result<(), Failure> {
    let store = Store::open(options).await?;
    match command {
        UserCommand::Create(user) => create(&store, user, output).await,
        UserCommand::Password { name, password } => {
            set_password(&store, &name, password.password_stdin, output).await
        }
        UserCommand::Activate { name } => {
            let user = store.user(&name).await?;
            store.users().activate(&user.id).await.map_err(|error| Failure::of_user(&name, error))?;
            say(output, &format!("User `{name}` may authenticate again."), &user.id, &name)
        }
        UserCommand::Deactivate { name } => {
            let user = store.user(&name).await?;
            store.users().deactivate(&user.id).await.map_err(|error| Failure::of_user(&name, error))?;
            say(output, &format!("User `{name}` is shut out, and the sessions have ended."), &user.id, &name)
        }
        UserCommand::List => list(&store, output).await,
    }
}

pub(crate) async fn create(store: &Store, user: NewUser, output: &mut Output) -> Result<(), Failure> {
    let NewUser { name, email, staff, superuser, groups, no_password, password } = user;
    // Before a password is asked for in vain.
    if store.users().find_by_name(&name).await?.is_some() {
        return Err(Failure::of_user(&name, UsersError::UsernameTaken));
    }
    let mut new = store::NewUser::new(&name).with_email(email);
    new.is_staff = staff || superuser;
    new.is_superuser = superuser;
    new.groups.extend(groups);
    let password = if no_password { None } else { Some(password::ask(password.password_stdin)?) };
    let password = password.as_ref().map(|password| password.expose_secret().as_str());
    let created =
        store.users().create_user(new, password).await.map_err(|error| Failure::of_user(&name, error))?;
    let kind = if superuser { "Superuser" } else { "User" };
    say(output, &format!("{kind} `{name}` is created, with id {}.", created.id), &created.id, &name)
}

pub(crate) async fn set_password(
    store: &Store,
    name: &str,
    from_stdin: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let user = store.user(name).await?;
    let password = password::ask(from_stdin)?;
    let set = store.users().set_password(&user.id, password.expose_secret()).await;
    set.map_err(|error| Failure::of_user(name, error))?;
    say(
        output,
        &format!("The password of user `{name}` is changed, and the sessions have ended."),
        &user.id,
        name,
    )
}

fn say(output: &mut Output, sentence: &str, id: &UserId, name: &str) -> Result<(), Failure> {
    output.say(sentence, &json!({ "id": id, "username": name }))
}

async fn list(store: &Store, output: &mut Output) -> Result<(), Failure> {
    let users = store.users();
    let mut list = output.list("users", COLUMNS)?;
    let mut after = None;
    loop {
        let page = users.list(after.as_ref(), PAGE).await.map_err(|error| Failure::of_user("", error))?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        list.page(page.iter().map(|user| row(user)).collect())?;
    }
    list.end()
}

fn row(user: &Account) -> Row {
    let mut groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    groups.sort_unstable();
    let cells = vec![
        user.id.to_string(),
        user.username.clone(),
        user.email.clone(),
        yes_or_no(user.is_active),
        yes_or_no(user.is_staff),
        yes_or_no(user.is_superuser),
        groups.join(","),
        moment(user.created_at),
    ];
    let document = json!({
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": groups,
        "created_at": moment_json(user.created_at),
    });
    (cells, document)
}
