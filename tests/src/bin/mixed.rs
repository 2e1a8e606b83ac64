//! The mixed run: `tests/run --mixed SECONDS` builds and starts it.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use futures_util::future::join_all;
use portcullis_tests::mixed::{Options, drive_process};
use portcullis_tests::replay::Problem;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    match Runtime::new().map_err(Problem::from).and_then(|runtime| runtime.block_on(run())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            // When standard error is gone too, the exit code is all that is left to say.
            let _ = writeln!(io::stderr(), "mixed: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<bool, Problem> {
    let options = Options::parse(env::args().skip(1))?;
    let program =
        env::current_exe()?.with_file_name("mixed-server").with_extension(env::consts::EXE_EXTENSION);
    let runs = options.frameworks.iter().map(|framework| drive_process(&program, *framework, &options));
    let mut good = true;
    for report in join_all(runs).await {
        let report = report?;
        writeln!(io::stdout(), "{report}")?;
        good &= report.is_good();
    }
    Ok(good)
}
