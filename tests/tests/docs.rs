//! The documents: every link leads somewhere, and every chapter is in the contents and among the compiled ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use portcullis_tests::workspace::{files, root};
use regex::Regex;

const CHAPTERS: &str = "docs/book/src";

fn documents() -> Vec<PathBuf> {
    let is_document = |file: &PathBuf| {
        file.extension().is_some_and(|extension| extension == "md") && !file.starts_with("tests/data")
    };
    files().unwrap().into_iter().filter(is_document).collect()
}

/// The text without what stands in fences and between back quotes, where brackets are no links.
fn prose(text: &str) -> String {
    let fences = Regex::new(r"(?s)```.*?```").unwrap();
    let quotes = Regex::new(r"`[^`\n]*`").unwrap();
    quotes.replace_all(&fences.replace_all(text, ""), "code").into_owned()
}

/// Where the links of a document lead, addresses of the web aside: the path, and the heading behind `#`.
fn links(text: &str) -> Vec<(String, Option<String>)> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let prose = prose(text);
    let targets = link.captures_iter(&prose).map(|found| found[1].to_owned());
    let local = targets.filter(|target| !target.contains("://"));
    local
        .map(|target| match target.split_once('#') {
            Some((path, heading)) => (path.to_owned(), Some(heading.to_owned())),
            None => (target, None),
        })
        .collect()
}

/// The anchors of a document's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let keep = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    headings
        .map(|line| {
            line.trim_start_matches('#').trim().to_lowercase().chars().filter(keep).collect::<String>()
        })
        .map(|heading| heading.replace(' ', "-"))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for (path, heading) in links(&text) {
            let target = if path.is_empty() {
                root().join(&document)
            } else {
                root().join(&document).with_file_name(&path)
            };
            let has_heading = |heading: &String| {
                fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(heading))
            };
            if !target.exists() || heading.as_ref().is_some_and(|heading| !has_heading(heading)) {
                broken.push(format!("{}: {path}#{}", document.display(), heading.unwrap_or_default()));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere: {broken:#?}");
}

#[test]
fn every_chapter_is_in_the_contents_and_compiled() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let chapters: BTreeSet<String> = documents()
        .into_iter()
        .filter_map(|file| Some(file.strip_prefix(CHAPTERS).ok()?.to_str()?.to_owned()))
        .filter(|file| file != "SUMMARY.md")
        .collect();
    let listed: BTreeSet<String> =
        links(&read(&format!("{CHAPTERS}/SUMMARY.md"))).into_iter().map(|(path, _)| path).collect();
    assert_eq!(listed, chapters, "SUMMARY.md lists the chapters");
    let compiled = read("tests/src/docs.rs");
    let left_out: Vec<_> =
        chapters.iter().filter(|file| !compiled.contains(&format!("\"{CHAPTERS}/{file}\""))).collect();
    assert!(left_out.is_empty(), "tests/src/docs.rs leaves out {left_out:?}");
    assert!(Path::new(root()).join("docs/book/book.toml").exists());
}

#[test]
fn links_are_found_outside_of_code_alone() {
    for (text, found) in [
        ("[a](b.md) and [c](d.md#e)", vec!["b.md", "d.md#e"]),
        ("`[a](b.md)` and [c](https://example.com)", vec![]),
        ("```\n[a](b.md)\n```\n[`code`](x.md)", vec!["x.md"]),
    ] {
        let join = |(path, heading): (String, Option<String>)| match heading {
            Some(heading) => format!("{path}#{heading}"),
            None => path,
        };
        assert_eq!(links(text).into_iter().map(join).collect::<Vec<_>>(), found, "{text}");
    }
}
