//! A process of the fault tests: a node that serves the site, or somebody who locks an SQLite file.

use std::env;
use std::io::{self, Read, Write};
use std::process::{self, ExitCode};
use std::str::FromStr as _;
use std::thread;
use std::time::Duration;

use portcullis_tests::faults::{open, serve};
use portcullis_tests::replay::Problem;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const USAGE: &str = "usage: faults-node serve ADDRESS STORE BESIDE MILLISECONDS | faults-node lock FILE";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let run = Runtime::new().map_err(Problem::from).and_then(|runtime| runtime.block_on(run(&arguments)));
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // When standard error is gone too, the exit code is all that is left to say.
            let _ = writeln!(io::stderr(), "faults-node: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &[&str]) -> Result<(), Problem> {
    match arguments {
        ["serve", address, store, beside, timeout] => {
            let listener = TcpListener::bind(address).await?;
            let world = open(store, beside, Duration::from_millis(timeout.parse()?)).await?;
            say(&listener.local_addr()?.to_string())?;
            serve(listener, world).await
        }
        ["lock", file] => {
            let options = SqliteConnectOptions::from_str(&format!("sqlite:{file}"))?;
            let mut database = options.busy_timeout(Duration::from_secs(5)).connect().await?;
            database.execute("BEGIN EXCLUSIVE").await?;
            say("locked")?;
            std::future::pending().await
        }
        _ => Err(Problem::new(USAGE)),
    }
}

/// Tells the parent that this is ready, and ends with it.
fn say(line: &str) -> Result<(), Problem> {
    thread::spawn(|| {
        // It ends or fails: nobody is there any more, either way.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let mut output = io::stdout();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}
