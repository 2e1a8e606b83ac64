//! `portcullis token`: issue, list, revoke, purge.

use std::sync::Arc;
use std::time::Duration;

use portcullis::store::TokenRecord;
use portcullis::{Account, Clock as _, NewToken, Scopes, Secret, SystemClock, TokenConfig};
use serde_json::{Value, json};

use crate::cli::{Options, TokenCommand, TokenFormat, Which};
use crate::failure::Failure;
use crate::output::{Output, Row, moment, moment_json};
use crate::progress;
use crate::store::Store;

const COLUMNS: &[&str] = &["DIGEST", "NAME", "SCOPES", "CREATED", "LAST USED", "ENDS"];

pub(crate) async fn run(
    command: TokenCommand,
    options: &Options,
    output: &mut Output,
) -> Result<(), Failure> {
    let store = Store::open(options).await?;
    match command {
        TokenCommand::Issue { user, name, scopes, lifetime, format } => {
            let mut new = NewToken::default().with_name(name);
            if let Some(scopes) = scopes {
                new = new.with_scopes(Scopes::parse(&scopes));
            }
            if let Some(lifetime) = lifetime {
                new = new.with_lifetime(lifetime);
            }
            let holder = holder(&store, &user).await?;
            let token = issue(&store, &holder, new, format).await?;
            print(&token, &user, lifetime, output)
        }
        TokenCommand::List { user } => {
            let user = store.user(&user).await?;
            let tokens = store.tokens().list(&user.id).await?;
            output.table("tokens", COLUMNS, tokens.iter().map(row).collect())
        }
        TokenCommand::Revoke { user, which } => revoke(&store, &user, &which, output).await,
        TokenCommand::Purge(purge) => {
            let tokens = store.tokens();
            let bar = progress::bar("deleting tokens", purge.limit, options.quiet);
            let deleted = progress::drain(bar, purge.limit, async |limit| tokens.purge(limit).await).await?;
            output.say(format!("Tokens that had ended, deleted: {deleted}."), &json!({ "deleted": deleted }))
        }
    }
}

/// Finds a user who may use a token.
pub(crate) async fn holder(store: &Store, name: &str) -> Result<Arc<Account>, Failure> {
    let user = store.user(name).await?;
    if user.is_active {
        return Ok(user);
    }
    let why = format!("user `{name}` is shut out: `portcullis user activate {name}` comes first");
    Err(Failure::Refused(why))
}

pub(crate) async fn issue(
    store: &Store,
    user: &Account,
    new: NewToken,
    format: TokenFormat,
) -> Result<Secret, Failure> {
    let config = match format {
        TokenFormat::Portcullis => TokenConfig::default(),
        TokenFormat::Drf => TokenConfig::drf(),
    };
    // How many a user may have is the application's to say: none is revoked here.
    let config = config.with_limit(u32::MAX);
    Ok(store.tokens().with_config(config).issue(&user.id, new).await?)
}

/// Prints a token, alone on its line, so that a script can take it.
fn print(token: &Secret, user: &str, lifetime: Option<Duration>, output: &mut Output) -> Result<(), Failure> {
    let ends = lifetime.map(|lifetime| moment_json(SystemClock.now().after(lifetime)));
    // The one place where it is shown.
    let token = token.expose_secret();
    output.say(token, &json!({ "token": token, "username": user, "expires_at": ends }))?;
    output.note("This is the only time that the token is shown: the store keeps its digest alone.")
}

async fn revoke(store: &Store, name: &str, which: &Which, output: &mut Output) -> Result<(), Failure> {
    let user = store.user(name).await?;
    let Some(digest) = &which.digest else {
        let revoked = store.tokens().revoke_all(&user.id).await?;
        return output.say(
            format!("Tokens of user `{name}`, revoked: {revoked}."),
            &json!({ "username": name, "revoked": revoked }),
        );
    };
    if !store.tokens().revoke(&user.id, digest).await? {
        let why = format!("user `{name}` has no such token: `portcullis token list {name}` shows all");
        return Err(Failure::Refused(why));
    }
    output.say(format!("The token of user `{name}` is revoked."), &json!({ "username": name, "revoked": 1 }))
}

fn row(token: &TokenRecord) -> Row {
    let cells = vec![
        token.digest.to_string(),
        token.name.clone(),
        token.scopes.as_ref().map_or_else(|| "any".into(), ToString::to_string),
        moment(token.created_at),
        token.last_used_at.map_or_else(|| "never".into(), moment),
        moment(token.ends_at()),
    ];
    let document = json!({
        "digest": token.digest.to_string(),
        "name": token.name,
        "scopes": token.scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<_>>()),
        "created_at": moment_json(token.created_at),
        "last_used_at": token.last_used_at.map_or(Value::Null, moment_json),
        "ends_at": moment_json(token.ends_at()),
    });
    (cells, document)
}
