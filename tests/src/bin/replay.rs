//! Replays the recorded cases against a server that runs already; `tests/data/drf/README.md` shows how.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use portcullis_tests::replay::{Differences, Problem, glob, replay};

const USAGE: &str = "usage: replay [--as-recorded] http://HOST:PORT [PATTERN OVER FILE/CASE-ID]";

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
    let all = arguments.len();
    arguments.retain(|argument| argument != "--as-recorded");
    let differences = if arguments.len() < all { Differences::default() } else { Differences::read()? };
    let (base_url, pattern) = match arguments.as_slice() {
        [base_url] => (base_url, "*"),
        [base_url, pattern] => (base_url, pattern.as_str()),
        _ => return Err(Problem::new(USAGE)),
    };
    let report = replay(base_url, &differences, |name| glob(pattern, name))?;
    writeln!(io::stdout(), "{report}")?;
    if report.totals.is_empty() {
        return Err(Problem::new("no case matched"));
    }
    Ok(report.failed() == 0)
}
