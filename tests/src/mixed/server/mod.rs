//! The server of a mixed run: one process, one framework.

mod actix;
mod axum;
pub(super) mod hasher;
mod hyper;
pub(super) mod site;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::{process, thread};

use super::{Framework, ServerOptions};
use crate::replay::Problem;

/// Serves on a free loopback port until standard input ends, and says first where: a client that dies leaves no server.
///
/// # Errors
///
/// When it cannot listen, or the store cannot be opened.
pub fn serve(options: &ServerOptions) -> Result<(), Problem> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    thread::spawn(|| {
        // It ends or fails: nobody is there any more, either way.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    match options.framework {
        Framework::Axum => axum::serve(listener, options),
        Framework::Actix => actix::serve(listener, options),
        Framework::Hyper => hyper::serve(listener, options),
    }
}

/// Says where it listens, as soon as it may be asked.
fn announce(listener: &TcpListener) -> Result<(), Problem> {
    let mut output = io::stdout();
    writeln!(output, "{}", listener.local_addr()?)?;
    Ok(output.flush()?)
}
