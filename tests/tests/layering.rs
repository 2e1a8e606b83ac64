//! The shape of the repository: what may import what, how long a file may be, what may lie where.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use portcullis_tests::workspace::{code, files, normal_dependencies, root, sources};
use regex::Regex;

/// The core's modules: each imports only those above it. `lib.rs` is the contents page and may name them all.
const ORDER: [&str; 31] = [
    "secret",
    "clock",
    "random",
    "user",
    "identity",
    "challenge",
    "credentials",
    "error",
    "event",
    "environment",
    "request",
    "header",
    "cookie",
    "form",
    "body",
    "response",
    "store",
    "password",
    "token",
    "csrf",
    "session",
    "jwt",
    "throttle",
    "login",
    "users",
    "authentication",
    "permission",
    "policy",
    "guard",
    "endpoint",
    "routing",
];

/// No runtime, no framework, no database: names of crates, and beginnings of names, that the core never pulls in.
const BANNED: [&str; 26] = [
    "actix",
    "async-std",
    "axum",
    "deadpool",
    "diesel",
    "h2",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "mongodb",
    "mysql",
    "native-tls",
    "openssl",
    "poem",
    "postgres",
    "redis",
    "reqwest",
    "rocket",
    "rusqlite",
    "rustls",
    "salvo",
    "smol",
    "sqlx",
    "tokio",
    "tower",
    "warp",
];

/// What may lie in the top directory, dotfiles aside.
const TOP: [&str; 8] =
    ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "benches", "crates", "docs", "tests"];

const CORE: &str = "crates/portcullis/src";
const LONGEST_FILE: usize = 600;
/// How many crates the core may pull in, without and with JSON Web Tokens, whose cryptography and keys are a dozen.
const MOST_CRATES: [(&[&str], usize); 2] =
    [(&["--no-default-features", "--features", "argon2"], 60), (&[], 75)];

/// The modules of the core that a text names, by `crate::module` or within `use crate::{…}`.
fn named_modules(code: &str) -> BTreeSet<String> {
    // `$crate::` of a macro names the public items of whoever uses it, and `crate::name!` is a macro.
    let path = Regex::new(r"(?:^|[^$\w])crate::(?:\{([^;]*)\}\s*;|(\w+)\b(!?))").unwrap();
    let first = Regex::new(r"(?:^|,)\s*(\w+)").unwrap();
    let inner = Regex::new(r"\{[^{}]*\}").unwrap();
    let mut names = BTreeSet::new();
    for found in path.captures_iter(code) {
        let is_macro = found.get(3).is_some_and(|mark| mark.as_str() == "!");
        if let Some(name) = found.get(2).filter(|_| !is_macro) {
            names.insert(name.as_str().to_owned());
        }
        if let Some(group) = found.get(1) {
            let mut flat = group.as_str().to_owned();
            while inner.is_match(&flat) {
                flat = inner.replace_all(&flat, "").into_owned();
            }
            names
                .extend(first.captures_iter(&flat).filter_map(|name| Some(name.get(1)?.as_str().to_owned())));
        }
    }
    names
}

/// The core's own files, those with tests alone left out.
fn core() -> Vec<PathBuf> {
    let is_test = |file: &PathBuf| {
        let inside = file.with_extension("");
        inside.components().any(|name| name.as_os_str().to_string_lossy().ends_with("tests"))
    };
    let sources = sources().unwrap().into_iter();
    sources.filter(|file| file.starts_with(CORE) && !is_test(file)).collect()
}

/// The top-level module that a file of the core belongs to.
fn module_of(file: &Path) -> Option<String> {
    let inside = file.strip_prefix(CORE).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_owned())
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_default()
}

#[test]
fn imports_are_found_however_they_are_written() {
    let rows = [
        ("use crate::secret::Secret;", vec!["secret"]),
        ("use crate::{clock::{Clock, a::b}, user};", vec!["clock", "user"]),
        ("use crate::{\n    store::{\n        token,\n    },\n    Secret,\n};", vec!["Secret", "store"]),
        ("pub(in crate::store) fn f(x: crate::user::User) {}", vec!["store", "user"]),
        ("use self::other;", vec![]),
        ("    crate::policy_words!(say);", vec![]),
        ("pub fn public(self) { $crate::Policy::public }", vec![]),
        ("(crate::guard::Route)", vec!["guard"]),
    ];
    for (code, wanted) in rows {
        assert_eq!(named_modules(code).into_iter().collect::<Vec<_>>(), wanted, "{code}");
    }
}

#[test]
fn a_module_of_the_core_imports_only_modules_above_it() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in core() {
        let Some(module) = module_of(&file).filter(|module| module != "lib") else { continue };
        seen += 1;
        let Some(own) = rank(&module) else {
            wrong.push(format!("{}: give the module a place in ORDER", file.display()));
            continue;
        };
        for name in named_modules(&code(&read(&file))) {
            if rank(&name).is_none_or(|other| other > own) {
                wrong.push(format!("{}: {module} must not import {name}", file.display()));
            }
        }
    }
    assert!(seen > 10, "the core is not where this test looks");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn core_pulls_in_no_runtime_framework_or_database() {
    for (features, most) in MOST_CRATES {
        let crates = normal_dependencies("portcullis", features).unwrap();
        assert!(crates.iter().any(|(name, _)| name == "http"), "cargo tree says too little: {crates:?}");
        let is_banned = |name: &str| BANNED.iter().any(|banned| name.starts_with(banned));
        let banned: Vec<_> = crates.iter().filter(|(name, _)| is_banned(name)).collect();
        assert!(banned.is_empty(), "{banned:?}");
        let count = crates.len();
        assert!(count <= most, "{count} crates, at most {most}: {crates:?}");
    }
}

#[test]
fn core_names_no_runtime_framework_or_database() {
    let words = Regex::new(r"\b(tokio|axum|actix|actix_web|hyper|sqlx|redis|tower|rusqlite)\b").unwrap();
    let mut wrong = Vec::new();
    for file in core() {
        for (number, line) in code(&read(&file)).lines().enumerate().filter(|(_, line)| words.is_match(line))
        {
            wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The adapters, and which other adapters each is built on.
const ADAPTERS: [(&str, &[&str]); 4] = [
    ("portcullis-axum", &[]),
    ("portcullis-actix", &[]),
    ("portcullis-tower", &[]),
    ("portcullis-hyper", &["portcullis-tower"]),
];
/// How many lines of code an adapter may have; documentation, which each repeats for its users, is not counted.
const MOST_LINES: usize = 1000;

#[test]
fn an_adapter_is_thin() {
    for (adapter, _) in ADAPTERS {
        let folder = format!("crates/{adapter}/src");
        let own = sources()
            .unwrap()
            .into_iter()
            .filter(|file| file.starts_with(&folder) && !file.ends_with("tests.rs"));
        let lines = own.map(|file| code(&read(&file)).lines().filter(|line| !line.trim().is_empty()).count());
        let lines = lines.sum::<usize>();
        assert!(0 < lines && lines < MOST_LINES, "{adapter}: {lines} lines");
    }
}

#[test]
fn an_adapter_can_be_deleted_and_the_others_build() {
    for (adapter, built_on) in ADAPTERS {
        let manifest = read(Path::new(&format!("crates/{adapter}/Cargo.toml")));
        for (other, _) in ADAPTERS.iter().filter(|(other, _)| *other != adapter && !built_on.contains(other))
        {
            assert!(!manifest.contains(other), "{adapter} names {other}");
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let manifests = files().unwrap().into_iter().filter(|file| file.ends_with("Cargo.toml"));
    let members =
        manifests.filter(|file| file.as_os_str() != "Cargo.toml" && !file.starts_with("tests/fuzz"));
    for file in members {
        let text = read(&file);
        assert!(text.contains("[lints]\nworkspace = true"), "{}", file.display());
        assert!(text.contains("rust-version = "), "{} states no lowest Rust version", file.display());
    }
}

#[test]
fn files_stay_short() {
    let lengths = sources().unwrap().into_iter().map(|file| (read(&file).lines().count(), file));
    let long: Vec<_> = lengths.filter(|(lines, _)| *lines > LONGEST_FILE).collect();
    assert!(long.is_empty(), "more than {LONGEST_FILE} lines: {long:?}");
}

#[test]
fn no_test_is_left_out() {
    let ignored = Regex::new(r"(?m)^\s*#\[(ignore|cfg_attr\([^\]]*ignore)").unwrap();
    let wrong: Vec<_> = sources().unwrap().into_iter().filter(|file| ignored.is_match(&read(file))).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn top_directory_holds_only_what_belongs_there() {
    let entries: BTreeSet<String> = files()
        .unwrap()
        .iter()
        .filter_map(|file| file.components().next()?.as_os_str().to_str().map(str::to_owned))
        .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()))
        .collect();
    assert!(entries.is_empty(), "{entries:?}");
}
