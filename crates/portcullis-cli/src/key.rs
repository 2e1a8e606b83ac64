//! `portcullis key`: generate, rotate, list.
//!
//! 1. A file of keys is made for its owner alone (0600); a rotation keeps the owner, and the group where that may read.
//! 2. It is never overwritten: `generate` makes a new one, and `rotate` puts a whole new one in the place of the old, so
//!    that whoever reads it meanwhile sees one of both.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use portcullis::{Clock as _, Secret, SystemClock};
use serde_json::json;

use crate::cli::KeyCommand;
use crate::failure::Failure;
use crate::key_file::{Entry, KeyFile};
use crate::output::{Output, Row, moment, moment_json};

const COLUMNS: &[&str] = &["ID", "ALGORITHM", "STATE", "RETIRES"];

pub(crate) fn run(command: KeyCommand, output: &mut Output) -> Result<(), Failure> {
    let now = SystemClock.now();
    match command {
        KeyCommand::Generate { algorithm, file } => {
            let keys = KeyFile::generate(algorithm)?;
            let Some(path) = file else {
                return output.write(keys.to_text().expose_secret().trim_end());
            };
            let new = create(&path).map_err(|error| why_not_made(&path, &error))?;
            let written = fill(new, &keys.to_text());
            written.map_err(|error| {
                let _ = fs::remove_file(&path);
                refused("be written", &path, &error)
            })?;
            let id = keys.entries(now).pop().map(|entry| entry.id).unwrap_or_default();
            output.say(
                format!("Key `{id}` ({algorithm}) is in {}, which is a secret.", path.display()),
                &json!({ "id": id, "algorithm": algorithm.as_str(), "file": path }),
            )
        }
        KeyCommand::Rotate { file, retire_after, algorithm } => {
            let retires_at = now.after(retire_after);
            let id = replace(&file, |keys| keys.rotate(algorithm, now, retires_at))?;
            output.say(
                format!("Key `{id}` signs. The older ones verify until {} at most.", moment(retires_at)),
                &json!({ "id": id, "retires_at": moment_json(retires_at), "file": file }),
            )
        }
        KeyCommand::List { file } => {
            output.table("keys", COLUMNS, read(&file)?.entries(now).iter().map(row).collect())
        }
    }
}

/// Changes a file in one step. The new one, which lies beside it meanwhile, keeps a second rotation out.
fn replace<T>(file: &Path, change: impl FnOnce(&mut KeyFile) -> Result<T, Failure>) -> Result<T, Failure> {
    // Through a symbolic link, so that the link stays one.
    let file = fs::canonicalize(file).map_err(|error| refused("be read", file, &error))?;
    let beside = beside(&file);
    let new = create(&beside).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Refused(format!(
            "another rotation is under way, or was cut short: if none is, remove {}",
            beside.display()
        )),
        _ => refused("be made", &beside, &error),
    })?;
    let changed = read(&file).and_then(|mut keys| {
        let answer = change(&mut keys)?;
        // What could not be read again must not take the place of what can.
        KeyFile::parse(keys.to_text().expose_secret())?;
        let replaced = keep_readers(&file, &new)
            .and_then(|()| fill(new, &keys.to_text()))
            .and_then(|()| fs::rename(&beside, &file));
        replaced.map_err(|error| refused("be written", &file, &error))?;
        Ok(answer)
    });
    let Ok(answer) = changed else {
        let _ = fs::remove_file(&beside);
        return changed;
    };
    // The rename is done: what lies beside from here on is another rotation's.
    sync_directory(&file).map_err(|error| refused("be made to last, though it is changed", &file, &error))?;
    Ok(answer)
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn read(file: &Path) -> Result<KeyFile, Failure> {
    let text = fs::read_to_string(file).map(Secret::new).map_err(|error| refused("be read", file, &error))?;
    KeyFile::parse(text.expose_secret())
}

/// Makes a file that was not there, for its owner alone.
fn create(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Gives a file the owner and the group of another, and lets the group read what it could read; others read nothing.
#[cfg(unix)]
fn keep_readers(old: &Path, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    let old = fs::metadata(old)?;
    // First: the group of whoever rotates must not read it for a moment.
    fchown(new, Some(old.uid()), Some(old.gid()))?;
    new.set_permissions(fs::Permissions::from_mode(old.mode() & 0o640 | 0o600))
}

#[cfg(not(unix))]
fn keep_readers(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

fn fill(mut file: File, text: &Secret) -> io::Result<()> {
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()
}

/// Makes the rename last.
fn sync_directory(file: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Some(directory) = file.parent()
    {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn why_not_made(file: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        let name = file.display();
        let what = format!("{name} exists, and is not overwritten: `portcullis key rotate --file {name}`");
        return Failure::Refused(format!("{what} adds a key"));
    }
    refused("be made", file, error)
}

fn refused(what: &str, file: &Path, error: &io::Error) -> Failure {
    Failure::Refused(format!("{} cannot {what}: {error}", file.display()))
}

fn row(entry: &Entry) -> Row {
    let Entry { id, algorithm, state, retires_at } = entry;
    let cells = vec![id.clone(), algorithm.clone(), (*state).to_owned(), moment(*retires_at)];
    let document = json!({
        "id": id,
        "algorithm": algorithm,
        "state": state,
        "retires_at": moment_json(*retires_at),
    });
    (cells, document)
}
