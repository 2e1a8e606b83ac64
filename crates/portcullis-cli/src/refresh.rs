//! `portcullis refresh`: list, revoke, purge.

use portcullis::store::RefreshRecord;
use serde_json::json;

use crate::cli::{Options, PurgeOptions, RefreshCommand, Which};
use crate::failure::Failure;
use crate::output::{Output, Row, moment, moment_json};
use crate::progress;
use crate::store::Store;

const COLUMNS: &[&str] = &["FAMILY", "CREATED", "ENDS", "FAMILY ENDS"];

pub(crate) async fn run(
    command: RefreshCommand,
    options: &Options,
    output: &mut Output,
) -> Result<(), Failure> {
    let store = Store::open_all(options).await?;
    match command {
        RefreshCommand::List { user } => {
            let user = store.user(&user).await?;
            let tokens = store.refresh()?.list(&user.id).await?;
            output.table("refresh_tokens", COLUMNS, tokens.iter().map(row).collect())
        }
        RefreshCommand::Revoke { user, which } => revoke(&store, &user, &which, output).await,
        RefreshCommand::Purge(limits) => purge(&store, &limits, options, output).await,
    }
}

pub(crate) async fn purge(
    store: &Store,
    limits: &PurgeOptions,
    options: &Options,
    output: &mut Output,
) -> Result<(), Failure> {
    let jwt = store.refresh()?;
    let bar = progress::bar("deleting refresh tokens", limits.limit, options.quiet);
    let deleted = progress::drain(bar, limits.limit, async |limit| jwt.purge(limit).await).await?;
    output.say(format!("Refresh tokens that had ended, deleted: {deleted}."), &json!({ "deleted": deleted }))
}

async fn revoke(store: &Store, name: &str, which: &Which, output: &mut Output) -> Result<(), Failure> {
    let user = store.user(name).await?;
    let Some(family) = &which.digest else {
        let revoked = store.refresh()?.revoke_all(&user.id).await?;
        return output.say(
            format!("Families of refresh tokens of user `{name}`, revoked: {revoked}."),
            &json!({ "username": name, "revoked": revoked }),
        );
    };
    if !store.refresh()?.revoke_family(&user.id, family).await? {
        let why = format!("user `{name}` has no such family: `portcullis refresh list {name}` shows all");
        return Err(Failure::Refused(why));
    }
    output.say(
        format!("The family of refresh tokens of user `{name}` is revoked."),
        &json!({ "username": name, "revoked": 1 }),
    )
}

fn row(token: &RefreshRecord) -> Row {
    let cells = vec![
        token.family.to_string(),
        moment(token.created_at),
        moment(token.expires_at),
        moment(token.deadline),
    ];
    let document = json!({
        "family": token.family.to_string(),
        "created_at": moment_json(token.created_at),
        "ends_at": moment_json(token.expires_at),
        "family_ends_at": moment_json(token.deadline),
    });
    (cells, document)
}
