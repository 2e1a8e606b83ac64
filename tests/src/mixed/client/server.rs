//! The server's process, which ends with this.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::mixed::ServerOptions;
use crate::replay::Problem;

#[derive(Debug)]
pub(super) struct Server {
    process: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    pub(super) fn start(program: &Path, options: &ServerOptions) -> Result<Self, Problem> {
        let mut process = Command::new(program)
            .args(options.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Problem::new(format!("{}: {error}", program.display())))?;
        let output = process.stdout.take().ok_or_else(|| Problem::new("the server has no output"))?;
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        let address = read.map_err(Problem::from).and_then(|_| Ok(line.trim().parse()?));
        match address {
            Ok(address) => Ok(Self { process, address }),
            Err(_) => {
                end(&mut process);
                Err(Problem::new("the server ended before it said where it listens"))
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

fn end(process: &mut Child) {
    // Both fail only when the process has ended already.
    let _ = process.kill();
    let _ = process.wait();
}
