//! What we build on: every dependency comes from crates.io, under a licence we may ship, and is not a known-bad one.
//!
//! `.cargo/deny.toml` says the same to cargo-deny, which also knows the advisories.

#![expect(clippy::expect_used, reason = "helpers of tests")]

use portcullis_tests::workspace::{metadata, normal_dependencies};
use serde_json::Value;

/// Licences under which a dependency may be used; `.cargo/deny.toml` has the same list.
const LICENCES: [&str; 12] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    // of the list of root certificates alone (webpki-roots)
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Crates that never enter the graph, and why.
const BANNED: [(&str, &str); 6] = [
    ("rsa", "RUSTSEC-2023-0071: its timing gives the private key away, and no release mends it"),
    ("openssl-sys", "one TLS stack, rustls"),
    ("native-tls", "one TLS stack, rustls"),
    ("jsonwebtoken-google", "unmaintained"),
    ("rust-crypto", "RUSTSEC-2016-0005: unmaintained"),
    ("md5", "no password format of ours needs it"),
];

/// The lowest version of a crate that has the mend of a published flaw.
const FLOORS: [(&str, [u64; 3]); 12] = [
    ("jsonwebtoken", [10, 3, 0]),
    ("bcrypt", [0, 19, 2]),
    ("sqlx", [0, 8, 1]),
    ("tokio-postgres", [0, 7, 18]),
    ("postgres-protocol", [0, 6, 12]),
    ("h2", [0, 4, 16]),
    ("time", [0, 3, 47]),
    ("rustls", [0, 23, 18]),
    ("ring", [0, 17, 12]),
    ("ed25519-dalek", [2, 0, 0]),
    ("cookie", [0, 7, 6]),
    ("axum-core", [0, 3, 0]),
];

/// Older lines of crates that only programs of ours that are not published pull in: crate, line, and why it is bearable.
const OLD_LINES: [(&str, [u64; 2], &str); 1] = [(
    "h2",
    [0, 3],
    "actix-web's HTTP/2, which nothing publishes and tests serve on loopback (RUSTSEC-2026-0258)",
)];

struct Package {
    name: String,
    version: String,
    licence: String,
    source: Option<String>,
}

fn packages() -> Vec<Package> {
    let metadata = metadata().expect("cargo describes the workspace");
    let text = |package: &Value, member: &str| package.get(member)?.as_str().map(str::to_owned);
    let packages = metadata.get("packages").and_then(Value::as_array).expect("a list of packages");
    packages
        .iter()
        .map(|package| Package {
            name: text(package, "name").unwrap_or_default(),
            version: text(package, "version").unwrap_or_default(),
            licence: text(package, "license").unwrap_or_default(),
            source: text(package, "source"),
        })
        .collect()
}

/// Whether an SPDX expression is satisfied by [`LICENCES`]: one side of an OR, both sides of an AND.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest) && rest.is_empty()
}

fn any_of(words: &mut &[&str]) -> bool {
    let mut allowed = all_of(words);
    while let [first, rest @ ..] = *words
        && *first == "OR"
    {
        *words = rest;
        allowed |= all_of(words);
    }
    allowed
}

fn all_of(words: &mut &[&str]) -> bool {
    let mut allowed = one(words);
    while let [first, rest @ ..] = *words
        && *first == "AND"
    {
        *words = rest;
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut &[&str]) -> bool {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let allowed = any_of(words);
            let [")", rest @ ..] = *words else { return false };
            *words = rest;
            allowed
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            LICENCES.contains(&format!("{licence} WITH {exception}").as_str())
        }
        [licence, rest @ ..] => {
            *words = rest;
            LICENCES.contains(licence)
        }
        [] => false,
    }
}

/// The three numbers of a version, without what follows `-` or `+`.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut numbers = version.split(['-', '+']).next()?.split('.').map(str::parse);
    Some([numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?])
}

#[test]
fn licence_expressions_are_understood() {
    let rows = [
        ("MIT", true),
        ("MIT OR Apache-2.0", true),
        ("Unlicense/MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("MIT OR Apache-2.0 AND GPL-3.0", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Apache-2.0 WITH Other-exception", false),
        ("(MIT", false),
        ("MIT MIT", false),
        ("", false),
    ];
    for (expression, allowed) in rows {
        assert_eq!(is_allowed(expression), allowed, "{expression:?}");
    }
}

#[test]
fn versions_are_compared_by_number() {
    for (version, low) in
        [("0.3.9", true), ("0.3.46", true), ("0.3.47", false), ("0.10.0", false), ("1.0.0-rc.1", false)]
    {
        assert_eq!(numbers(version).unwrap() < [0, 3, 47], low, "{version}");
    }
    assert_eq!(numbers("1.x.0"), None);
}

#[test]
fn every_dependency_may_be_shipped() {
    let wrong: Vec<String> = packages()
        .into_iter()
        .filter(|package| !is_allowed(&package.licence))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.licence))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_dependency_comes_from_crates_io() {
    let packages = packages();
    assert!(packages.len() > 50, "cargo metadata says too little");
    for Package { name, source, .. } in packages {
        let ours = name.starts_with("portcullis") || name == "bookshop";
        let good = source.as_ref().map_or(ours, |source| {
            source.starts_with("registry+") && source.ends_with("/rust-lang/crates.io-index")
        });
        assert!(good, "{name} comes from {source:?}");
    }
}

#[test]
fn no_banned_crate_is_in_the_graph() {
    for package in packages() {
        let banned = BANNED.iter().find(|(name, _)| *name == package.name);
        assert!(banned.is_none(), "{banned:?}");
    }
}

#[test]
fn no_crate_is_older_than_the_mend_of_a_known_flaw() {
    for package in packages() {
        for (_, floor) in FLOORS.iter().filter(|(name, _)| *name == package.name) {
            let found = numbers(&package.version);
            let is_bearable = |found: [u64; 3]| {
                OLD_LINES.iter().any(|(name, line, _)| *name == package.name && found.starts_with(line))
            };
            let good = found.is_some_and(|found| found >= *floor || is_bearable(found));
            assert!(good, "{} {}", package.name, package.version);
        }
    }
}

#[test]
fn no_published_crate_pulls_in_an_old_line() {
    let published =
        ["portcullis", "portcullis-sql", "portcullis-axum", "portcullis-actix", "portcullis-hyper"];
    for package in published.into_iter().chain(["portcullis-tower", "portcullis-testing"]) {
        for (name, version) in normal_dependencies(package, &["--all-features"]).expect("a tree of crates") {
            let line = OLD_LINES.iter().find(|(old, line, _)| {
                *old == name && numbers(&version).is_some_and(|found| found.starts_with(line))
            });
            assert!(line.is_none(), "{package} pulls in {name} {version}: {line:?}");
        }
    }
}
