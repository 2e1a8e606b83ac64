//! `bookshop`: see `bookshop --help`.

use std::process::ExitCode;

use bookshop::app::Failure;
use bookshop::cli::{Cli, Serve};
use bookshop::{frameworks, server, stores};
use clap::Parser;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match run(Cli::parse().serve()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bookshop: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(serve: Serve) -> Result<(), Failure> {
    serve.check()?;
    let listener = server::bind(serve.listen).await?;
    let (site, hooks) = stores::open(&serve).await?;
    let address = listener.local_addr()?;
    greet(&format!("http://{address}"));
    frameworks::serve(serve.framework, listener, site, hooks).await
}

#[expect(clippy::print_stdout, reason = "this is what a person at a terminal wants to see")]
fn greet(url: &str) {
    println!("bookshop on {url}/ (a page to log in), for example:");
    println!("  curl {url}/api/books/ -H 'Authorization: Token {}'", "1".repeat(40));
    println!("  curl {url}/api/whoami/basic/ -u mary:marypass321");
    println!("  curl {url}/api/login/ -d username=john -d password=secret123");
}
