//! The words of Django, Django REST framework and simplejwt, for fingers and scripts that know them.

use portcullis::NewToken;
use serde_json::json;

use crate::cli::{AliasCommand, NewUser, Options, PurgeOptions, TokenFormat};
use crate::failure::Failure;
use crate::output::Output;
use crate::store::Store;
use crate::{refresh, session, token, user};

pub(crate) async fn run(
    command: AliasCommand,
    options: &Options,
    output: &mut Output,
) -> Result<(), Failure> {
    let store = match command {
        AliasCommand::ClearSessions | AliasCommand::FlushExpiredTokens => Store::open_all(options).await?,
        _ => Store::open(options).await?,
    };
    match command {
        AliasCommand::CreateSuperuser { username, email, noinput, password } => {
            let user = NewUser {
                name: username,
                email,
                staff: true,
                superuser: true,
                groups: Vec::new(),
                no_password: noinput,
                password,
            };
            user::create(&store, user, output).await
        }
        AliasCommand::ChangePassword { username, password } => {
            user::set_password(&store, &username, password.password_stdin, output).await
        }
        AliasCommand::ClearSessions => {
            session::purge(&store, &PurgeOptions { limit: None }, options, output).await
        }
        AliasCommand::FlushExpiredTokens => {
            refresh::purge(&store, &PurgeOptions { limit: None }, options, output).await
        }
        AliasCommand::DrfCreateToken { username, reset } => {
            create_token(&store, &username, reset, output).await
        }
    }
}

/// Prints what DRF prints. A token that exists cannot be shown again, so each call issues one.
async fn create_token(store: &Store, name: &str, reset: bool, output: &mut Output) -> Result<(), Failure> {
    let user = token::holder(store, name).await?;
    if reset {
        store.tokens().revoke_all(&user.id).await?;
    }
    let token = token::issue(store, &user, NewToken::default(), TokenFormat::Drf).await?;
    // The one place where it is shown.
    let token = token.expose_secret();
    output.say(
        format!("Generated token {token} for user {name}"),
        &json!({ "token": token, "username": name, "expires_at": null }),
    )
}
