//! The words of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use portcullis::Digest;
use portcullis::jwt::Algorithm;

use crate::failure::Failure;
use crate::{duration, key_file};

const AFTER_HELP: &str = "\
Exit codes:
  0  it is done
  1  refused: no such user, the name is taken, the file exists
  2  the command is not written as it should be
  3  the store cannot be reached, or has no tables: `portcullis migrate`

Django's words work, too: createsuperuser, changepassword, clearsessions, flushexpiredtokens, drf_create_token.";

/// Users, tokens, sessions and keys of Portcullis, in any of its stores.
#[derive(Parser)]
#[command(name = "portcullis", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Options {
    /// The store: sqlite:app.db or postgres://user@host/database
    // The value of the variable may hold a password, and `--help` would show it.
    #[arg(long, global = true, env = "PORTCULLIS_STORE", hide_env_values = true, value_name = "URL")]
    store: Option<String>,
    /// Redis, where it keeps sessions and refresh tokens: redis://host or redis+cluster://host,host
    #[arg(long, global = true, env = "PORTCULLIS_SESSIONS", hide_env_values = true, value_name = "URL")]
    sessions: Option<String>,
    /// What every key in Redis begins with, as the application has it
    #[arg(
        long,
        global = true,
        env = "PORTCULLIS_NAMESPACE",
        default_value = "portcullis",
        value_name = "NAME"
    )]
    pub(crate) namespace: String,
    /// Print one JSON document in place of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

impl Options {
    /// Returns the URL of the store, which must be one that outlives this process.
    pub(crate) fn store(&self) -> Result<&str, Failure> {
        let url = self.store.as_deref().filter(|url| !url.is_empty()).ok_or_else(|| {
            Failure::Usage("say which store: `--store sqlite:app.db`, or set PORTCULLIS_STORE".into())
        })?;
        if matches!(url, "memory" | "memory:" | ":memory:") || url.contains(":memory:") {
            let why = "a store in memory ends with this command";
            return Err(Failure::Usage(format!("{why}: name a file or a server, such as `sqlite:app.db`")));
        }
        Ok(url)
    }

    /// Returns the URL of Redis, where it keeps anything.
    pub(crate) fn sessions(&self) -> Option<&str> {
        self.sessions.as_deref().filter(|url| !url.is_empty())
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make the tables, or bring them up to date
    Migrate,
    /// Create, list, activate and deactivate users, and set their passwords
    #[command(subcommand)]
    User(UserCommand),
    /// Issue, list and revoke opaque tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// List and end sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// List and revoke refresh tokens
    #[command(subcommand)]
    Refresh(RefreshCommand),
    /// Generate and rotate the keys of JSON Web Tokens
    #[command(subcommand)]
    Key(KeyCommand),
    /// Look whether the store answers, and how fast
    Check,
    #[command(flatten)]
    Alias(AliasCommand),
}

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Create a user; the password is asked for
    Create(NewUser),
    /// Set a user's password, which ends the sessions
    Password {
        /// The username
        name: String,
        #[command(flatten)]
        password: PasswordOptions,
    },
    /// Let a user authenticate again
    Activate {
        /// The username
        name: String,
    },
    /// Shut a user out, and end the sessions
    Deactivate {
        /// The username
        name: String,
    },
    /// List all users
    List,
}

#[derive(Args)]
pub(crate) struct NewUser {
    /// The username
    pub(crate) name: String,
    /// The e-mail address
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) email: String,
    /// Make the user staff
    #[arg(long)]
    pub(crate) staff: bool,
    /// Make the user staff, with every codename
    #[arg(long)]
    pub(crate) superuser: bool,
    /// Make the user a member of a group that exists; may stand more than once
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// Make a user who cannot log in with a password
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) no_password: bool,
    #[command(flatten)]
    pub(crate) password: PasswordOptions,
}

#[derive(Args)]
pub(crate) struct PasswordOptions {
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Issue a token, and print it this once
    Issue {
        /// The username
        user: String,
        /// What its owner calls it
        #[arg(long, default_value = "", hide_default_value = true, value_name = "LABEL")]
        name: String,
        /// What it is limited to, separated by spaces
        #[arg(long)]
        scopes: Option<String>,
        /// When it ends, from now: 90d, 12h, 30m or 45s; never unless told
        #[arg(long, value_parser = duration::parse, value_name = "DURATION")]
        lifetime: Option<Duration>,
        /// How it looks
        #[arg(long, value_enum, default_value_t)]
        format: TokenFormat,
    },
    /// List a user's tokens, oldest first
    List {
        /// The username
        user: String,
    },
    /// Revoke one token of a user, or all
    #[command(override_usage = "portcullis token revoke [OPTIONS] <USER> <DIGEST|--all>")]
    Revoke {
        /// The username
        user: String,
        #[command(flatten)]
        which: Which,
    },
    /// Delete the tokens that have ended
    Purge(PurgeOptions),
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum TokenFormat {
    /// `pct_` and 46 letters and digits
    #[default]
    Portcullis,
    /// 40 hexadecimal digits, as Django REST framework's
    Drf,
}

/// One of a user's tokens, sessions or families of refresh tokens, or all.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The digest that stands first in the list
    #[arg(value_parser = digest, value_name = "DIGEST")]
    pub(crate) digest: Option<Digest>,
    /// All of the user's
    #[arg(long)]
    pub(crate) all: bool,
}

fn digest(text: &str) -> Result<Digest, String> {
    text.parse().map_err(|_| "a digest is 64 lower-case hexadecimal digits, as the list shows it".into())
}

#[derive(Args)]
pub(crate) struct PurgeOptions {
    /// Delete at most so many; all unless told
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

#[derive(Subcommand)]
pub(crate) enum SessionCommand {
    /// List a user's sessions, the one used last first
    List {
        /// The username
        user: String,
    },
    /// End one session of a user, or all
    #[command(override_usage = "portcullis session end [OPTIONS] <USER> <DIGEST|--all>")]
    End {
        /// The username
        user: String,
        #[command(flatten)]
        which: Which,
    },
    /// Delete the sessions that have ended
    Purge(PurgeOptions),
}

#[derive(Subcommand)]
pub(crate) enum RefreshCommand {
    /// List a user's refresh tokens that live, newest first
    List {
        /// The username
        user: String,
    },
    /// Revoke one family of refresh tokens of a user, or all
    #[command(override_usage = "portcullis refresh revoke [OPTIONS] <USER> <DIGEST|--all>")]
    Revoke {
        /// The username
        user: String,
        #[command(flatten)]
        which: Which,
    },
    /// Delete the refresh tokens that have ended
    Purge(PurgeOptions),
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a new file of one key, or print it
    Generate {
        /// EdDSA, ES256, ES384, RS256 to RS512, PS256 to PS512 or HS256 to HS512
        #[arg(long, value_parser = key_file::algorithm, default_value = "EdDSA")]
        algorithm: Algorithm,
        /// The file to be made; standard output unless told
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Add a key that signs from now on, and retire the one that did
    Rotate {
        /// The file
        #[arg(long)]
        file: PathBuf,
        /// How long the old key verifies on: longer than any refresh token lives
        #[arg(long, value_parser = duration::parse, default_value = "7d", value_name = "DURATION")]
        retire_after: Duration,
        /// The algorithm of the new key: that of the old one unless told
        #[arg(long, value_parser = key_file::algorithm)]
        algorithm: Option<Algorithm>,
    },
    /// List the keys of a file, without their secrets
    List {
        /// The file
        #[arg(long)]
        file: PathBuf,
    },
}

/// The words of Django, Django REST framework and simplejwt.
#[derive(Subcommand)]
pub(crate) enum AliasCommand {
    /// As `user create --superuser`
    #[command(name = "createsuperuser", hide = true)]
    CreateSuperuser {
        /// The username
        #[arg(long)]
        username: String,
        /// The e-mail address
        #[arg(long, default_value = "", hide_default_value = true)]
        email: String,
        /// Ask for nothing: the user gets no password
        #[arg(long, visible_alias = "no-input", conflicts_with = "password_stdin")]
        noinput: bool,
        #[command(flatten)]
        password: PasswordOptions,
    },
    /// As `user password`
    #[command(name = "changepassword", hide = true)]
    ChangePassword {
        /// The username
        username: String,
        #[command(flatten)]
        password: PasswordOptions,
    },
    /// As `session purge`
    #[command(name = "clearsessions", hide = true)]
    ClearSessions,
    /// As `refresh purge`
    #[command(name = "flushexpiredtokens", hide = true)]
    FlushExpiredTokens,
    /// As `token issue --format drf`
    #[command(name = "drf_create_token", hide = true)]
    DrfCreateToken {
        /// The username
        username: String,
        /// Revoke the user's other tokens first
        #[arg(long, short)]
        reset: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
