//! Passwords: typed twice without echo, or one line of standard input.

use std::io::{self, BufRead};

use portcullis::Secret;

use crate::failure::Failure;

/// More than any password that is accepted, so that what is too long is refused and not cut off.
const LONGEST_LINE: u64 = 8 * 1024;

/// Asks for a new password.
pub(crate) fn ask(from_stdin: bool) -> Result<Secret, Failure> {
    if from_stdin {
        return line(io::stdin().lock());
    }
    let first = prompt("Password: ")?;
    let again = prompt("Password (again): ")?;
    if !first.ct_eq(again.expose_secret().as_bytes()) {
        return Err(Failure::Refused("the two passwords differ: nothing was changed".into()));
    }
    Ok(first)
}

fn prompt(text: &str) -> Result<Secret, Failure> {
    rpassword::prompt_password(text).map(Secret::from).map_err(|error| {
        let why = "no password can be asked for";
        Failure::Refused(format!("{why} ({error}): use a terminal, or `--password-stdin`"))
    })
}

/// Reads the first line.
fn line(input: impl BufRead) -> Result<Secret, Failure> {
    let mut line = Vec::new();
    input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    let line = Secret::new(line);
    let text = line.expose_secret();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match std::str::from_utf8(text) {
        Ok("") => Err(Failure::Refused("standard input has no password in its first line".into())),
        Ok(text) => Ok(text.into()),
        Err(_) => Err(Failure::Refused("the password is not UTF-8".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        for (input, password) in [
            (&b"secret123\n"[..], Some("secret123")),
            (b"secret123\r\nmore\n", Some("secret123")),
            (b"no end of line", Some("no end of line")),
            (b" spaces stay \n", Some(" spaces stay ")),
            (b"", None),
            (b"\nsecret123\n", None),
            (b"\xff\xfe\n", None),
        ] {
            let read = line(input).ok();
            assert_eq!(read.as_ref().map(|secret| secret.expose_secret().as_str()), password);
        }
        let long = line(&[b'x'; 10_000][..]).unwrap();
        assert!(long.expose_secret().len() > 4096, "a long one stays too long");
    }
}
