//! What the repository's own checks look at: tracked files, cargo's view of the crates, code without its tests.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::replay::Problem;

/// The repository's top directory.
#[must_use]
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// Every file that is tracked, or would be, relative to [`root`].
///
/// # Errors
///
/// When git cannot be asked.
pub fn files() -> Result<Vec<PathBuf>, Problem> {
    let listed =
        output(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    Ok(listed.lines().map(PathBuf::from).filter(|file| root().join(file).is_file()).collect())
}

/// The tracked Rust sources, relative to [`root`].
///
/// # Errors
///
/// As [`files`].
pub fn sources() -> Result<Vec<PathBuf>, Problem> {
    Ok(files()?.into_iter().filter(|file| file.extension().is_some_and(|name| name == "rs")).collect())
}

/// What `cargo metadata` says of the whole dependency graph.
///
/// # Errors
///
/// When cargo fails, or the lock file is out of date.
pub fn metadata() -> Result<Value, Problem> {
    let text = cargo(&["metadata", "--format-version", "1", "--locked"])?;
    Ok(serde_json::from_str(&text)?)
}

/// Names and versions of what a package's normal build is made of, itself left out; `features` go to cargo.
///
/// # Errors
///
/// As [`metadata`].
pub fn normal_dependencies(package: &str, features: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let plain = ["tree", "--locked", "-p", package, "-e", "normal", "--prefix", "none"];
    let tree = cargo(&[&plain, features].concat())?;
    let mut crates: Vec<(String, String)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned()))
        })
        .filter(|(name, _)| name != package)
        .collect();
    crates.sort();
    crates.dedup();
    Ok(crates)
}

/// The code of a source file: comments become empty, and so do items under `#[cfg(test)]`.
///
/// It relies on rustfmt: an item's last line is the next one that begins with `}` or ends with `;` at its own depth.
#[must_use]
pub fn code(source: &str) -> String {
    let mut code = String::new();
    let mut in_tests = false;
    for line in source.lines() {
        let text = line.split_once("//").map_or(line, |(before, _)| before);
        if text.starts_with("#[cfg(test)]") {
            in_tests = true;
        }
        if !in_tests {
            code.push_str(text);
        }
        code.push('\n');
        let top_level = !text.starts_with([' ', '#']);
        if in_tests && top_level && (text.starts_with('}') || text.trim_end().ends_with(';')) {
            in_tests = false;
        }
    }
    code
}

fn cargo(arguments: &[&str]) -> Result<String, Problem> {
    output(Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(arguments))
}

fn output(command: &mut Command) -> Result<String, Problem> {
    let output = command.current_dir(root()).output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(Problem::new(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_without_comments_and_tests() {
        let source = "//! doc\nuse a; // why\n#[cfg(test)]\nmod tests {\n    use b;\n}\n\nfn c() {}\n#[cfg(test)]\n#[path = \"d.rs\"]\nmod d;\nfn e() {}\n";
        assert_eq!(code(source), "\nuse a; \n\n\n\n\n\nfn c() {}\n\n\n\nfn e() {}\n");
    }
}
