//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The example application of Portcullis.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (what `bookshop` alone does, with the defaults)
    Serve(Serve),
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// The web framework
    #[arg(long, value_enum, default_value_t = Framework::Axum)]
    pub framework: Framework,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// Where users, tokens, sessions and books are kept: `memory` or `sqlite:PATH`
    #[arg(long, value_name = "STORE", default_value = "sqlite:target/bookshop.db")]
    pub store: StoreAddress,
    /// Wipe the store, and add the test hooks `POST /__reset__` and `POST /__user__` (loopback only)
    #[arg(long)]
    pub reset_endpoint: bool,
}

/// A web framework that the bookshop runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Framework {
    /// axum, through `portcullis-axum`
    Axum,
    /// actix-web, through `portcullis-actix`
    Actix,
    /// hyper alone, through `portcullis-hyper`
    Hyper,
}

/// Where the bookshop keeps what it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// In this process.
    Memory,
    /// In an SQLite file.
    Sqlite(PathBuf),
}

impl Cli {
    /// Returns how to serve; the defaults when there is no subcommand.
    #[must_use]
    pub fn serve(self) -> Serve {
        match self.command.or_else(|| Self::parse_from(["bookshop", "serve"]).command) {
            Some(Command::Serve(serve)) => serve,
            None => unreachable!("`serve` was just parsed"),
        }
    }
}

impl Serve {
    /// Refuses what must not be started.
    ///
    /// # Errors
    ///
    /// A sentence for the terminal.
    ///
    /// # Security
    ///
    /// The test hooks change any user without asking who you are: only this machine may reach them.
    pub fn check(&self) -> Result<(), String> {
        if self.reset_endpoint && !self.listen.ip().is_loopback() {
            let listen = self.listen;
            return Err(format!(
                "--reset-endpoint lets anyone change users, so it needs a loopback address, not {listen}"
            ));
        }
        Ok(())
    }
}

impl FromStr for StoreAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err("expected `memory` or `sqlite:PATH`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Serve {
        Cli::try_parse_from([&["bookshop"], arguments].concat()).unwrap().serve()
    }

    #[test]
    fn bookshop_alone_serves_with_the_defaults() {
        for arguments in [&[][..], &["serve"]] {
            let serve = parse(arguments);
            assert_eq!(serve.listen, "127.0.0.1:8000".parse().unwrap());
            assert_eq!(serve.store, StoreAddress::Sqlite("target/bookshop.db".into()));
            assert!(!serve.reset_endpoint);
        }
    }

    #[test]
    fn a_store_is_memory_or_a_file() {
        assert_eq!("memory".parse(), Ok(StoreAddress::Memory));
        assert_eq!("sqlite:/tmp/a:b.db".parse(), Ok(StoreAddress::Sqlite("/tmp/a:b.db".into())));
        for bad in ["", "sqlite", "sqlite:", "memory:x", "postgres://x"] {
            assert!(bad.parse::<StoreAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_test_hooks_need_a_loopback_address() {
        for (listen, allowed) in [
            ("127.0.0.1:0", true),
            ("127.9.9.9:80", true),
            ("[::1]:0", true),
            ("0.0.0.0:0", false),
            ("[::]:0", false),
        ] {
            let serve = parse(&["serve", "--reset-endpoint", "--listen", listen]);
            assert_eq!(serve.check().is_ok(), allowed, "{listen}");
            assert!(parse(&["serve", "--listen", listen]).check().is_ok(), "{listen}");
        }
    }
}
