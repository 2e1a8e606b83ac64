//! The documents: what they show is what the program prints.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The lines of the `console` blocks, in order.
fn console(text: &str) -> Vec<&str> {
    let mut is_inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line {
            "```console" => is_inside = true,
            "```" => is_inside = false,
            line if is_inside => lines.push(line),
            _ => {}
        }
    }
    lines
}

/// What differs from run to run as one word each, and spaces between columns as one.
fn without_chance(line: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':' | '-' | '.');
    let word = |word: &str| {
        let is_hexadecimal = word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        match word {
            _ if word.starts_with("pct_") && word.len() == 50 => "(token)".to_owned(),
            _ if is_hexadecimal => format!("({} digits)", word.len()),
            _ if word.len() == 20 && word.ends_with('Z') && word.starts_with("20") => "(moment)".into(),
            _ if word.contains('.') && word.parse::<f64>().is_ok() => "(number)".into(),
            word => word.to_owned(),
        }
    };
    let words = line.split_inclusive(|letter| !is_part(letter)).map(|piece| {
        let end = piece.trim_end_matches(|letter| !is_part(letter));
        word(end) + piece.strip_prefix(end).unwrap_or_default()
    });
    words.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_documents_show_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().unwrap();
    for (document, commands) in [("../../docs/book/src/cli.md", 25), ("README.md", 3)] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let lines = console(&text);
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("password.txt"), "correct horse battery\n").unwrap();
        let mut script = String::from("exec 2>&1\n");
        let mut expected = Vec::new();
        for line in &lines {
            // Each command says itself, so that what it prints stands below it.
            if let Some(command) = line.strip_prefix("$ ") {
                script.push_str(&format!("cat <<'END'\n{line}\nEND\n{command}\n"));
            }
            expected.push(without_chance(line));
        }
        let ran = Command::new("sh")
            .args(["-c", &script])
            .current_dir(directory.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
            .output()
            .unwrap();
        let printed = String::from_utf8(ran.stdout).unwrap();
        let printed: Vec<String> = printed.lines().map(without_chance).collect();
        assert_eq!(printed, expected, "{document}");
        assert_eq!(
            lines.iter().filter(|line| line.starts_with("$ portcullis")).count(),
            commands,
            "{document}"
        );
    }
}
