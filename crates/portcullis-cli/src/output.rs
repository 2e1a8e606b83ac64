//! What a command prints: a sentence or a table for people, or with `--json` one document.
//!
//! 1. A table and a document are written page by page, and a reader who leaves ends the command.
//! 2. Control characters of a store do not reach a terminal: a label is what a browser called itself, and may hold escape
//!    sequences (CWE-150), or marks that turn the direction of text (CVE-2021-42574). A document is read at a terminal,
//!    too: there they are escaped, and its readers get what was stored.

use std::env;
use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use portcullis::Timestamp;
use serde_json::{Value, json};

use crate::failure::Failure;

/// How long a token or the key of a session is at least.
const SHORTEST_SECRET: usize = 20;

/// Where answers go.
pub(crate) struct Output {
    is_json: bool,
    out: Box<dyn Write>,
}

/// One line of a table, and the same as a document.
pub(crate) type Row = (Vec<String>, Value);

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, out: Box::new(BufWriter::new(io::stdout())) }
    }

    /// Writes a sentence, or a document.
    pub(crate) fn say(&mut self, sentence: impl Display, document: &Value) -> Result<(), Failure> {
        if self.is_json {
            writeln!(self.out, "{}", escaped(document))?;
        } else {
            writeln!(self.out, "{}", clean(&sentence.to_string()))?;
        }
        Ok(())
    }

    /// Writes a text as it is, whether documents are asked for or not.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Begins a table with these columns, or a document that is a list of this name.
    pub(crate) fn list(&mut self, name: &str, columns: &'static [&'static str]) -> Result<List<'_>, Failure> {
        if self.is_json {
            write!(self.out, "{{{}:[", json!(name))?;
        }
        let widths = columns.iter().map(|column| column.len()).collect();
        Ok(List { output: self, columns, widths, is_first: true })
    }

    /// Writes a whole table, or a document that is a list.
    pub(crate) fn table(
        &mut self,
        name: &str,
        columns: &'static [&'static str],
        rows: Vec<Row>,
    ) -> Result<(), Failure> {
        let mut list = self.list(name, columns)?;
        list.page(rows)?;
        list.end()
    }

    /// Writes a note for people beside an answer, once that is out.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), Failure> {
        self.flush()?;
        if !self.is_json {
            // Whoever does not listen has the answer.
            let _ = writeln!(io::stderr(), "{}", clean(text));
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }
}

/// A table that is being written.
pub(crate) struct List<'a> {
    output: &'a mut Output,
    columns: &'static [&'static str],
    widths: Vec<usize>,
    is_first: bool,
}

impl List<'_> {
    /// Writes some rows, aligned with each other and, where the cells are no longer, with those before.
    pub(crate) fn page(&mut self, rows: Vec<Row>) -> Result<(), Failure> {
        if self.output.is_json {
            for (_, document) in rows {
                let comma = if self.is_first { "" } else { "," };
                self.is_first = false;
                write!(self.output.out, "{comma}{}", escaped(&document))?;
            }
            return Ok(());
        }
        let rows: Vec<Vec<String>> =
            rows.into_iter().map(|(cells, _)| cells.iter().map(|cell| clean(cell)).collect()).collect();
        for cells in &rows {
            for (width, cell) in self.widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        self.head()?;
        rows.iter().try_for_each(|cells| self.line(cells))
    }

    /// Ends the table.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        if self.output.is_json { Ok(writeln!(self.output.out, "]}}")?) } else { self.head() }
    }

    fn head(&mut self) -> Result<(), Failure> {
        if self.is_first {
            self.is_first = false;
            self.line(&self.columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn line(&mut self, cells: &[String]) -> Result<(), Failure> {
        let padded: Vec<String> =
            self.widths.iter().zip(cells).map(|(width, cell)| format!("{cell:width$}")).collect();
        Ok(writeln!(self.output.out, "{}", padded.join("  ").trim_end())?)
    }
}

/// Writes a moment for people: to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    if at == Timestamp::MAX { "never".into() } else { Timestamp::from_seconds(at.as_seconds()).to_string() }
}

/// Writes a moment for programs; `null` for never.
pub(crate) fn moment_json(at: Timestamp) -> Value {
    if at == Timestamp::MAX { Value::Null } else { at.to_string().into() }
}

pub(crate) fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.into()
}

/// Says why nothing, or not all, was done, and returns the exit code.
pub(crate) fn print_failure(failure: &Failure, is_json: bool) -> ExitCode {
    if failure.code() > 0 {
        print_error(&failure.message(), is_json);
    }
    failure.code().into()
}

/// Says how a command is to be written, or what was asked with `--help` or `--version`.
pub(crate) fn print_usage(error: &clap::Error, is_json: bool) -> ExitCode {
    let text = error.to_string();
    let hidden =
        without_secrets(&text, env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()));
    if error.use_stderr() && is_json {
        print_error(hidden.lines().next().unwrap_or_default().trim_start_matches("error: "), true);
    } else if error.use_stderr() && hidden != text {
        let _ = write!(io::stderr(), "{hidden}");
    } else {
        // Whoever does not listen needs no help.
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).unwrap_or(2).into()
}

/// Leaves out words of the command line that may be a token or the URL of a store, in a place where none belongs: errors
/// are kept in logs, which others read.
fn without_secrets(text: &str, words: impl Iterator<Item = String>) -> String {
    let may_be_secret = |word: &String| word.len() >= SHORTEST_SECRET || word.contains("://");
    words.filter(may_be_secret).fold(text.to_owned(), |text, word| text.replace(&word, "…"))
}

fn print_error(message: &str, is_json: bool) {
    if is_json {
        let _ = writeln!(io::stderr(), "{}", escaped(&json!({ "error": message })));
    } else {
        let _ = writeln!(io::stderr(), "{}", clean(&format!("error: {message}")));
    }
}

/// Replaces what could steer a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if is_harmful(letter) { '\u{fffd}' } else { letter }).collect()
}

/// Writes a document in which what could steer a terminal is escaped: JSON itself leaves DEL and what follows as it is.
fn escaped(document: &Value) -> String {
    document.to_string().chars().fold(String::new(), |mut escaped, letter| {
        if is_harmful(letter) {
            // All of them have four hexadecimal digits, and stand in strings.
            escaped.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            escaped.push(letter);
        }
        escaped
    })
}

fn is_harmful(letter: char) -> bool {
    let turns_text = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    letter.is_control() || turns_text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_replaced() {
        for (text, printed) in [
            ("mary", "mary"),
            ("Müller ☂", "Müller ☂"),
            ("\u{1b}[2J", "\u{fffd}[2J"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("a\nb\tc\r", "a\u{fffd}b\u{fffd}c\u{fffd}"),
            ("\u{202e}nimda", "\u{fffd}nimda"),
            ("\u{61c}nimda", "\u{fffd}nimda"),
        ] {
            assert_eq!(clean(text), printed);
            let document = json!({ "label": text });
            assert!(!escaped(&document).contains(is_harmful), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&escaped(&document)).unwrap(), document, "{text:?}");
        }
    }

    #[test]
    fn a_moment_that_never_comes_is_said_so() {
        assert_eq!(moment(Timestamp::MAX), "never");
        assert_eq!(moment_json(Timestamp::MAX), Value::Null);
        let at = Timestamp::from_micros(1_700_000_000_250_000);
        assert_eq!(moment(at), "2023-11-14T22:13:20Z");
        assert_eq!(moment_json(at), "2023-11-14T22:13:20.25Z");
    }
}
