//! `docs/ADVISORIES.md`, checked: every entry stands once and says where it holds, and what it names is there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

use std::fs;
use std::path::{Path, PathBuf};

const ENTRIES: usize = 56;
const PARTS: [&str; 1] = ["policy"];

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

struct Row {
    number: usize,
    ids: String,
    here: String,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(checkout().join("docs/ADVISORIES.md")).unwrap();
    text.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
            let number = cells.next()?.parse().ok()?;
            let (ids, _, here) = (cells.next()?.to_owned(), cells.next()?, cells.next()?.to_owned());
            assert_eq!(cells.next(), None, "{line}");
            Some(Row { number, ids, here })
        })
        .collect()
}

/// `path::name` of each test, in backquotes.
fn tests(here: &str) -> Vec<(&str, &str)> {
    here.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.split_once("::")).collect()
}

/// Each identifier as the name of a test has it: `CVE-2022-23649` is `cve_2022_23649`.
fn names(ids: &str) -> Vec<String> {
    let named = ids.split(['(', ')']).step_by(2).flat_map(|part| part.split(','));
    let mut prefix = String::new();
    named
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(|id| {
            // `TOB-SIGSTORE-3, -4`: the rest belongs to what was said before.
            let whole = if id.starts_with('-') { format!("{prefix}{id}") } else { id.to_owned() };
            prefix = whole.rsplit_once('-').map_or(whole.clone(), |(front, _)| front.to_owned());
            whole.to_lowercase().replace(['-', ' ', '.', '#'], "_")
        })
        .collect()
}

#[test]
fn every_entry_stands_once() {
    let numbers: Vec<usize> = rows().iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=ENTRIES).collect::<Vec<_>>());
}

#[test]
fn every_test_that_is_named_exists_and_says_which_advisory_it_is_about() {
    for Row { number, ids, here } in rows() {
        let tests = tests(&here);
        for (path, name) in &tests {
            let source =
                fs::read_to_string(checkout().join(path)).unwrap_or_else(|_| panic!("{number}: no {path}"));
            let at = source
                .find(&format!("fn {name}()"))
                .unwrap_or_else(|| panic!("{number}: no {name} in {path}"));
            let before = source[..at].trim_end();
            assert!(before.ends_with("#[test]"), "{number}: {name} is no test");
        }
        if let Some((_, part)) = here.split_once("Part: ") {
            assert!(PARTS.iter().any(|known| part.starts_with(known)), "{number}: no part {part}");
        } else {
            let names = names(&ids);
            let about = |test: &str| names.iter().any(|id| test == id || test.starts_with(&format!("{id}_")));
            assert!(tests.iter().any(|(_, test)| about(test)), "{number}: no test is called {names:?}");
        }
    }
}

#[test]
fn names_of_tests_follow_from_identifiers() {
    assert_eq!(names("CVE-2022-23649 (cosign)"), ["cve_2022_23649"]);
    assert_eq!(names("TOB-SIGSTORE-3, -4 (x), CVE-1 (y)"), ["tob_sigstore_3", "tob_sigstore_4", "cve_1"]);
    assert_eq!(names("sigstore-python 4.2.0 (changelog)"), ["sigstore_python_4_2_0"]);
    assert_eq!(names("sigstore-rs#285"), ["sigstore_rs_285"]);
}
