//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use portcullis::Secret;

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
    /// Where users, tokens, sessions and books are kept: `memory`, `sqlite:PATH` or `postgres://…`
    #[arg(long, value_name = "STORE", default_value = "sqlite:target/bookshop.db")]
    pub store: StoreAddress,
    /// Where sessions, refresh tokens and counters are kept instead: `redis://…` or `redis+cluster://HOST:PORT,…`
    #[arg(long, value_name = "URL", value_parser = redis_url)]
    pub sessions: Option<Secret>,
    /// Wipe the stores, and add the test hooks `POST /__reset__` and `POST /__user__` (loopback only)
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
#[derive(Debug, Clone)]
pub enum StoreAddress {
    /// In this process.
    Memory,
    /// In an SQLite file.
    Sqlite(PathBuf),
    /// In a PostgreSQL database, by its URL: there may be a password in it.
    Postgres(Secret),
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
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(text.into()))
            }
            _ => Err("expected `memory`, `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`"),
        }
    }
}

fn redis_url(text: &str) -> Result<Secret, &'static str> {
    match text.split_once("://") {
        Some(("redis" | "redis+cluster", host)) if !host.is_empty() => Ok(text.into()),
        _ => Err("expected `redis://HOST:PORT` or `redis+cluster://HOST:PORT,HOST:PORT`"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(arguments: &[&str]) -> Serve {
        Cli::try_parse_from([&["bookshop"], arguments].concat()).unwrap().serve()
    }

    #[test]
    fn bookshop_alone_serves_with_the_defaults() {
        for arguments in [&[][..], &["serve"]] {
            let serve = parse(arguments);
            assert_eq!(serve.listen, "127.0.0.1:8000".parse().unwrap());
            assert!(
                matches!(serve.store, StoreAddress::Sqlite(file) if file == Path::new("target/bookshop.db"))
            );
            assert!(serve.sessions.is_none());
            assert!(!serve.reset_endpoint);
        }
    }

    #[test]
    fn a_store_is_memory_a_file_or_a_database() {
        for (text, store) in [
            ("memory", "Memory"),
            ("sqlite:/tmp/a:b.db", "Sqlite(\"/tmp/a:b.db\")"),
            ("postgres://shop:swordfish@localhost/shop", "Postgres(Secret(..))"),
            ("postgresql:///shop", "Postgres(Secret(..))"),
        ] {
            assert_eq!(format!("{:?}", text.parse::<StoreAddress>().unwrap()), store, "{text}");
        }
        for bad in
            ["", "sqlite", "sqlite:", "memory:x", "postgres", "postgres:shop", "mysql://x", "redis://x"]
        {
            assert!(bad.parse::<StoreAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sessions_are_kept_in_redis_or_where_everything_is() {
        for url in ["redis://127.0.0.1:6379", "redis+cluster://one:7000,two:7000"] {
            let serve = parse(&["serve", "--sessions", url]);
            assert_eq!(serve.sessions.as_ref().unwrap().expose_secret(), url);
            assert!(!format!("{serve:?}").contains("://"), "{serve:?}");
        }
        for bad in ["", "redis", "redis://", "memory", "sqlite:x.db", "postgres://x", "http://127.0.0.1:6379"]
        {
            assert!(redis_url(bad).is_err(), "{bad}");
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
