//! Replays the recorded cases against a server that runs already; `tests/data/drf/README.md` shows how.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use portcullis_tests::replay::{Differences, Problem, Protocol, glob, replay};

const USAGE: &str = "usage: replay [--as-recorded] [--http2] http://HOST:PORT [PATTERN OVER FILE/CASE-ID]";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            // When standard error is gone too, the exit code is all that is left to say.
            let _ = writeln!(io::stderr(), "{problem}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, Problem> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let mut take = |flag: &str| {
        let all = arguments.len();
        arguments.retain(|argument| argument != flag);
        arguments.len() < all
    };
    let differences = if take("--as-recorded") { Differences::default() } else { Differences::read()? };
    let protocol = if take("--http2") { Protocol::Http2 } else { Protocol::Http1 };
    let (base_url, pattern) = match arguments.as_slice() {
        [base_url] => (base_url, "*"),
        [base_url, pattern] => (base_url, pattern.as_str()),
        _ => return Err(Problem::new(USAGE)),
    };
    let report = replay(base_url, protocol, &differences, |name| glob(pattern, name))?;
    writeln!(io::stdout(), "{report}")?;
    if report.totals.is_empty() {
        return Err(Problem::new("no case matched"));
    }
    Ok(report.failed() == 0)
}
