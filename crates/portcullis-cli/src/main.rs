//! The command line of Portcullis: users, tokens, sessions, refresh tokens and keys, in any store.
//!
//! 1. Whatever changes goes through `Users`, `Tokens`, `Sessions` and `Jwt`, so that their rules hold here, too.
//! 2. A password is typed without echo or read from standard input, and is never an argument: those stand in the list of
//!    processes and in the shell's history.
//! 3. A token or a key is written once, to standard output or its file, and nowhere else.
//! 4. No command but `migrate` makes tables or brings them up to date.
//! 5. What a store says is printed without control characters: a browser's name may hold commands of a terminal.

mod alias;
mod check;
mod cli;
mod duration;
mod failure;
mod key;
mod key_file;
mod migrate;
mod output;
mod password;
mod progress;
mod refresh;
mod session;
mod store;
mod token;
mod user;

use std::env;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::output::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            return output::print_usage(&error, env::args_os().any(|argument| argument == "--json"));
        }
    };
    let is_json = cli.options.json;
    let mut output = Output::new(is_json);
    let done = run(cli, &mut output).await.and_then(|()| output.flush());
    done.map_or_else(|failure| output::print_failure(&failure, is_json), |()| ExitCode::SUCCESS)
}

async fn run(cli: Cli, output: &mut Output) -> Result<(), Failure> {
    let options = &cli.options;
    match cli.command {
        Command::Migrate => migrate::run(options, output).await,
        Command::User(command) => user::run(command, options, output).await,
        Command::Token(command) => token::run(command, options, output).await,
        Command::Session(command) => session::run(command, options, output).await,
        Command::Refresh(command) => refresh::run(command, options, output).await,
        Command::Key(command) => key::run(command, output),
        Command::Check => check::run(options, output).await,
        Command::Alias(command) => alias::run(command, options, output).await,
    }
}
