//! The server of a mixed run; `mixed` starts it.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use portcullis_tests::mixed::{ServerOptions, serve};

fn main() -> ExitCode {
    match ServerOptions::parse(env::args().skip(1)).and_then(|options| serve(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // When standard error is gone too, the exit code is all that is left to say.
            let _ = writeln!(io::stderr(), "mixed-server: {problem}");
            ExitCode::from(2)
        }
    }
}
