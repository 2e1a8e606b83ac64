//! What must not compile: each file of `tests/misuse` is one mistake, and what rustc says of it.
//!
//! 1. Each file is compiled twice: with `--cfg wrong` it is refused, with `--cfg right` it is not, so that what is refused
//!    is the mistake and nothing else.
//! 2. What a `//~` line quotes stands in the message, whatever the compiler.
//! 3. With the compiler that `tests/misuse/compiler` names, the errors are those of the `.txt` beside the file, word for
//!    word; `BLESS=1` writes them anew.
//!
//! rustc runs alone, on what cargo has built for this test: nothing is built a second time, as trybuild does.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use std::{env, fs, thread};

use portcullis_tests::workspace::root;
use regex::Regex;
use serde::Deserialize;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// rustc, and the crates that this test itself was linked with.
struct Compiler {
    dependencies: PathBuf,
    library: PathBuf,
}

/// A mistake.
struct Row {
    name: String,
    file: PathBuf,
    quoted: Vec<String>,
}

impl Compiler {
    /// Finds the newest library that rustc accepts: an older one is of other features, or of another compiler.
    fn find() -> Outcome<Self> {
        let executable = env::current_exe()?;
        let dependencies = executable.parent().ok_or("the test lies nowhere")?.to_owned();
        let mut libraries = Vec::new();
        for entry in fs::read_dir(&dependencies)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("libportcullis_tests-") && name.ends_with(".rlib") {
                libraries.push((fs::metadata(&path)?.modified().unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        libraries.sort();
        let smallest = Path::new(env!("CARGO_TARGET_TMPDIR")).join("smallest.rs");
        fs::write(&smallest, "pub use portcullis_tests::crates;")?;
        for (_, library) in libraries.into_iter().rev() {
            let compiler = Self { dependencies: dependencies.clone(), library };
            if compiler.run(&smallest, "right")?.status.success() {
                return Ok(compiler);
            }
        }
        Err("rustc takes none of the libraries that cargo built".into())
    }

    fn run(&self, file: &Path, cfg: &str) -> Outcome<Output> {
        let library = format!("portcullis_tests={}", self.library.display());
        let dependencies = format!("dependency={}", self.dependencies.display());
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(cfg).join(file.file_stem().unwrap_or_default());
        fs::create_dir_all(&out)?;
        Ok(rustc()
            .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=json"])
            .args(["--check-cfg=cfg(right, wrong)", "--cfg", cfg, "--extern", &library, "-L", &dependencies])
            .arg("--out-dir")
            .arg(out)
            .arg(file)
            .output()?)
    }
}

/// The compiler that cargo runs.
fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn version() -> Outcome<String> {
    Ok(String::from_utf8(rustc().arg("--version").output()?.stdout)?)
}

/// What rustc says, as it writes it with `--error-format=json`.
#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    code: Option<Code>,
    message: String,
    spans: Vec<Span>,
    children: Vec<Self>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    label: Option<String>,
}

/// Errors in words, without the lines that they point at.
fn errors(stderr: &[u8]) -> Outcome<String> {
    let mut text = String::new();
    for line in std::str::from_utf8(stderr)?.lines() {
        let Diagnostic { level, code, message, spans, children } = serde_json::from_str(line)?;
        if level != "error" || message.starts_with("aborting") {
            continue;
        }
        let code = code.map(|Code { code }| format!("[{code}]")).unwrap_or_default();
        text.push_str(&format!("error{code}: {message}\n"));
        for label in spans.into_iter().filter_map(|span| span.label).filter(|label| !label.is_empty()) {
            text.push_str(&format!("  here: {}\n", label.replace('\n', "\n    ")));
        }
        for Diagnostic { level, message, .. } in children {
            if !is_passing(&message) {
                text.push_str(&format!("  {level}: {}\n", message.replace('\n', "\n    ")));
            }
        }
    }
    let paths = Regex::new(r"\bstd::(\w+::)*|portcullis_tests::crates::")?;
    Ok(paths.replace_all(&text, "").replace(&format!("{}/", root().display()), ""))
}

/// What repeats the message, and changes with every crate that is added.
fn is_passing(message: &str) -> bool {
    [
        "the trait `",
        "the following other types",
        "for that trait implementation",
        "required ",
        "the full name",
    ]
    .iter()
    .any(|start| message.starts_with(start))
}

fn rows() -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(root().join("tests/misuse"))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "rs") {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().replace('_', " ");
            let text = fs::read_to_string(&file)?;
            let quoted =
                text.lines().filter_map(|line| Some(line.strip_prefix("//~ ")?.to_owned())).collect();
            rows.push(Row { name, file, quoted });
        }
    }
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(rows)
}

/// Says what is wrong with a row; nothing where it holds.
fn judge(row: &Row, compiler: &Compiler, is_recorded: bool) -> Outcome<Option<String>> {
    let right = compiler.run(&row.file, "right")?;
    if !right.status.success() {
        return Ok(Some(format!("what is right does not compile:\n{}", errors(&right.stderr)?)));
    }
    let wrong = compiler.run(&row.file, "wrong")?;
    if wrong.status.success() {
        return Ok(Some("it compiles".to_owned()));
    }
    let said = errors(&wrong.stderr)?;
    if row.quoted.is_empty() {
        return Ok(Some(format!("it quotes nothing of\n{said}")));
    }
    if let Some(missing) = row.quoted.iter().find(|quoted| !said.contains(*quoted)) {
        return Ok(Some(format!("`{missing}` is not in\n{said}")));
    }
    let recorded = row.file.with_extension("txt");
    if env::var_os("BLESS").is_some() {
        fs::write(&recorded, &said)?;
    } else if is_recorded {
        let was = fs::read_to_string(&recorded).unwrap_or_default();
        if said != was {
            return Ok(Some(format!("it says\n{said}and not (BLESS=1 takes it)\n{was}")));
        }
    }
    Ok(None)
}

#[test]
fn no_misuse_compiles_and_each_is_told_what_to_do() -> Outcome<()> {
    let (compiler, rows, version) = (Compiler::find()?, rows()?, version()?);
    let names = root().join("tests/misuse/compiler");
    if env::var_os("BLESS").is_some() {
        fs::write(&names, &version)?;
    }
    let is_recorded = fs::read_to_string(names)? == version;
    let next = AtomicUsize::new(0);
    let work = || -> Outcome<Vec<String>> {
        let mut wrong = Vec::new();
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            let judged = judge(row, &compiler, is_recorded)?;
            wrong.extend(judged.map(|why| format!("{}: {why}", row.name)));
        }
        Ok(wrong)
    };
    let threads = thread::available_parallelism()?.get();
    let wrong = thread::scope(|scope| -> Outcome<Vec<String>> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut wrong = Vec::new();
        for worker in workers {
            wrong.extend(worker.join().map_err(|_| "a worker panicked")??);
        }
        Ok(wrong)
    })?;
    assert!(wrong.is_empty(), "{} of {} rows:\n\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert!(rows.len() >= 25, "{} rows", rows.len());
    Ok(())
}

#[test]
fn no_message_is_left_of_a_row_that_is_gone() -> Outcome<()> {
    for entry in fs::read_dir(root().join("tests/misuse"))? {
        let path = entry?.path();
        let is_message = path.extension().is_some_and(|extension| extension == "txt");
        assert!(!is_message || path.with_extension("rs").is_file(), "{}", path.display());
    }
    Ok(())
}
