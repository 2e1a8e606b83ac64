//! `portcullis session`: list, end, purge.

use portcullis::Digest;
use portcullis::store::SessionRecord;
use serde_json::json;

use crate::cli::{Options, PurgeOptions, SessionCommand, Which};
use crate::failure::Failure;
use crate::output::{Output, Row, moment, moment_json};
use crate::progress;
use crate::store::Store;

const COLUMNS: &[&str] = &["KEY", "CREATED", "LAST SEEN", "ENDS", "LABEL"];

pub(crate) async fn run(
    command: SessionCommand,
    options: &Options,
    output: &mut Output,
) -> Result<(), Failure> {
    let store = Store::open_all(options).await?;
    match command {
        SessionCommand::List { user } => {
            let user = store.user(&user).await?;
            let mut sessions = store.sessions().list(&user.id).await?;
            // Of an earlier epoch: the next request ends it, and nobody is logged in by it.
            sessions.retain(|(_, session)| session.epoch == user.auth_epoch);
            output.table("sessions", COLUMNS, sessions.iter().map(row).collect())
        }
        SessionCommand::End { user, which } => end(&store, &user, &which, output).await,
        SessionCommand::Purge(limits) => purge(&store, &limits, options, output).await,
    }
}

pub(crate) async fn purge(
    store: &Store,
    limits: &PurgeOptions,
    options: &Options,
    output: &mut Output,
) -> Result<(), Failure> {
    let sessions = store.sessions();
    let bar = progress::bar("deleting sessions", limits.limit, options.quiet);
    let deleted = progress::drain(bar, limits.limit, async |limit| sessions.purge(limit).await).await?;
    output.say(format!("Sessions that had ended, deleted: {deleted}."), &json!({ "deleted": deleted }))
}

async fn end(store: &Store, name: &str, which: &Which, output: &mut Output) -> Result<(), Failure> {
    let user = store.user(name).await?;
    let Some(key) = &which.digest else {
        let ended = store.sessions().end_all(&user.id, None).await?;
        return output.say(
            format!("Sessions of user `{name}`, ended: {ended}."),
            &json!({ "username": name, "ended": ended }),
        );
    };
    if !store.sessions().end(&user.id, key).await? {
        let why = format!("user `{name}` has no such session: `portcullis session list {name}` shows all");
        return Err(Failure::Refused(why));
    }
    output.say(format!("The session of user `{name}` is ended."), &json!({ "username": name, "ended": 1 }))
}

fn row((key, session): &(Digest, SessionRecord)) -> Row {
    let cells = vec![
        key.to_string(),
        moment(session.created_at),
        moment(session.last_seen_at),
        moment(session.expires_at),
        session.label.to_string(),
    ];
    let document = json!({
        "key": key.to_string(),
        "created_at": moment_json(session.created_at),
        "last_seen_at": moment_json(session.last_seen_at),
        "ends_at": moment_json(session.expires_at),
        "label": &*session.label,
    });
    (cells, document)
}
