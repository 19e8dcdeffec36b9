//! The house, checked: which crate stands on which, what the verifying side may pull in, and how rooms are kept.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates a crate may use in its own code; what those use, it may name too. Crates stand on lower floors only,
/// and the claiming side (sign, publish) and the deciding side (verify, deliver) do not see each other.
const ARROWS: &[(&str, &[&str])] = &[
    ("lacre-json", &[]),
    ("lacre-hash", &[]),
    ("lacre-encrypt", &[]),
    ("lacre-weights", &["lacre-json"]),
    ("lacre-manifest", &["lacre-hash"]),
    ("lacre-release", &["lacre-hash", "lacre-json"]),
    ("lacre-attest", &["lacre-manifest", "lacre-hash", "lacre-json"]),
    ("lacre-dataset", &["lacre-manifest", "lacre-hash", "lacre-json"]),
    ("lacre-registry-client", &["lacre-manifest", "lacre-hash", "lacre-json", "lacre-encrypt"]),
    ("lacre-sign", &["lacre-attest", "lacre-manifest", "lacre-weights", "lacre-hash"]),
    (
        "lacre-verify",
        &["lacre-attest", "lacre-release", "lacre-manifest", "lacre-weights", "lacre-hash", "lacre-json"],
    ),
    ("lacre-publish", &["lacre-sign", "lacre-release", "lacre-registry-client"]),
    ("lacre-deliver", &["lacre-verify", "lacre-release", "lacre-registry-client"]),
    ("lacre", &["lacre-publish", "lacre-deliver", "lacre-dataset"]),
    ("lacre-conformance", &["lacre"]),
    ("lacre-testkit", &["lacre-publish", "lacre-deliver", "lacre-dataset"]),
    ("xtask", &[]),
];

/// Crates that never come with `lacre-verify`: it is synchronous and opens no socket.
const NEVER_IN_VERIFY: [&str; 3] = ["tokio", "hyper", "reqwest"];
const CRATES_OF_VERIFY: usize = 100;
const CRATES_OF_VERIFY_WITH_ALL_FEATURES: usize = 170;

const LINES_OF_A_FILE: usize = 600;
const LINES_OF_A_LIB: usize = 120;
const NAMELESS_MODULES: [&str; 7] = ["common", "helper", "helpers", "misc", "util", "utilities", "utils"];
const UNFINISHED: [&str; 3] = ["TODO", "FIXME", "XXX"];
/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 7] = ["/root/", "/home/", "/Users/", "/work/", "/mnt/", "/tmp/", "C:\\"];

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).args(arguments).current_dir(checkout()).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Package {
    name: String,
    folder: PathBuf,
    /// Crates of this workspace that its own code (or its build) uses; not those of its tests.
    uses: BTreeSet<String>,
}

fn packages() -> Vec<Package> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"]))
            .unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            folder: Path::new(&text(&package["manifest_path"])).parent().unwrap().to_path_buf(),
            uses: package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|used| used["kind"] != "dev" && used["path"].is_string())
                .map(|used| text(&used["name"]))
                .collect(),
        })
        .collect()
}

/// All that `name` may use: its arrows, and what they lead to.
fn allowed(name: &str, arrows: &BTreeMap<&str, &[&str]>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut ahead: Vec<&str> = arrows[name].to_vec();
    while let Some(next) = ahead.pop() {
        if all.insert(next.to_owned()) {
            ahead.extend(arrows[next]);
        }
    }
    all
}

/// Every file below `folder` whose name ends in `.{extension}`.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|met| met == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The sources of every crate, the examples and the fuzz targets.
fn sources() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        packages().iter().flat_map(|package| files(&package.folder.join("src"), "rs")).collect();
    all.extend(files(&checkout().join("examples"), "rs"));
    all.extend(files(&checkout().join("fuzz"), "rs"));
    all
}

fn shown(path: &Path) -> String {
    path.strip_prefix(checkout()).unwrap_or(path).display().to_string()
}

/// Fails with every complaint at once.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// RSA keys in certificates are verified by `aws-lc-rs`; the crate `rsa` leaks secret keys by its timing, and is not here.
#[test]
fn rustsec_2023_0071_the_crate_rsa_is_not_used() {
    let tree =
        cargo(&["tree", "--locked", "--workspace", "--all-features", "-e", "normal", "--prefix", "none"]);
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("aws-lc-rs"), "{names:?}");
    assert!(!names.contains("rsa"));
}

#[test]
fn crates_stand_on_lower_floors_only() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let packages = packages();
    assert!(packages.len() >= 12, "{} packages", packages.len());
    let mut complaints = Vec::new();
    for package in &packages {
        if !arrows.contains_key(package.name.as_str()) {
            complaints.push(format!("{} has no place in the house", package.name));
            continue;
        }
        let allowed = allowed(&package.name, &arrows);
        complaints.extend(
            package.uses.difference(&allowed).map(|used| format!("{} must not use {used}", package.name)),
        );
    }
    none(&complaints);
}

#[test]
fn the_claiming_and_the_deciding_side_do_not_see_each_other() {
    // By the arrows themselves, so that nobody widens them unawares.
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for claiming in ["lacre-sign", "lacre-publish"] {
        for deciding in ["lacre-verify", "lacre-deliver"] {
            assert!(!allowed(claiming, &arrows).contains(deciding), "{claiming} sees {deciding}");
            assert!(!allowed(deciding, &arrows).contains(claiming), "{deciding} sees {claiming}");
        }
    }
}

fn crates_of_verify(features: &str) -> BTreeSet<String> {
    cargo(&[
        "tree",
        "--locked",
        "-p",
        "lacre-verify",
        "-e",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        features,
    ])
    .lines()
    .filter_map(|line| line.split(' ').next())
    .filter(|name| !name.is_empty())
    .map(str::to_owned)
    .collect()
}

#[test]
fn verifying_brings_few_crates_and_no_network() {
    let budgets =
        [("--no-default-features", CRATES_OF_VERIFY), ("--all-features", CRATES_OF_VERIFY_WITH_ALL_FEATURES)];
    for (features, budget) in budgets {
        let crates = crates_of_verify(features);
        assert!(crates.contains("lacre-verify") && crates.contains("lacre-hash"), "{crates:?}");
        assert!(crates.len() <= budget, "{features}: {} crates, not {budget}: {crates:?}", crates.len());
        for name in NEVER_IN_VERIFY {
            assert!(!crates.contains(name), "{features}: lacre-verify brings {name}");
        }
    }
}

#[test]
fn files_are_short() {
    let mut complaints = Vec::new();
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        let limit = if path.ends_with("src/lib.rs") { LINES_OF_A_LIB } else { LINES_OF_A_FILE };
        if lines > limit {
            complaints.push(format!("{}: {lines} lines, not {limit}", shown(&path)));
        }
    }
    none(&complaints);
}

/// The code of a line: what is before a comment.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// Whether a line of code opens something unsafe, as opposed to naming the lint or saying the word.
fn opens_unsafe(line: &str) -> bool {
    code(line).match_indices("unsafe").any(|(at, word)| {
        let before = code(line)[..at].chars().next_back();
        let after = code(line)[at + word.len()..].trim_start();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '"')
            && (after.is_empty()
                || ["{", "(", "fn ", "impl ", "impl<", "trait ", "extern ", "mod "]
                    .iter()
                    .any(|opening| after.starts_with(opening)))
    })
}

#[test]
fn unsafe_code_is_recognised() {
    for line in ["unsafe {", "let x = unsafe { f() };", "pub unsafe fn f()", "#[unsafe(no_mangle)]", "unsafe"]
    {
        assert!(opens_unsafe(line), "{line}");
    }
    for line in ["#![deny(unsafe_code)]", "// unsafe { }", "an unsafe path", "not_unsafe {"] {
        assert!(!opens_unsafe(line), "{line}");
    }
}

/// The rooms that may hold unsafe code: the vector kernels of SHA-256, and the mappings of verified loading.
const UNSAFE_ROOMS: [&str; 2] = ["hash/src/sha256_lanes/", "verify/src/load/memory.rs"];

#[test]
fn unsafe_code_stays_in_its_room_and_says_why_it_is_sound() {
    let mut complaints = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let place = path.strip_prefix(checkout()).unwrap().to_string_lossy().into_owned();
        let inside = UNSAFE_ROOMS.iter().any(|room| place.starts_with(room));
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| opens_unsafe(line)) {
            // The reason stands in the comment right above, which may have several lines.
            let above = lines[..number].iter().rev().map(|line| line.trim());
            let is_told =
                above.take_while(|line| line.starts_with("//")).any(|line| line.contains("SAFETY:"));
            if !inside || !is_told {
                complaints.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    none(&complaints);
}

#[test]
fn modules_are_named_for_what_they_are() {
    let mut complaints = Vec::new();
    for path in sources() {
        let inside = path.strip_prefix(checkout()).unwrap().to_path_buf();
        for part in inside.components() {
            let name = part.as_os_str().to_string_lossy();
            if NAMELESS_MODULES.contains(&name.trim_end_matches(".rs")) {
                complaints.push(format!("{}: `{name}` says nothing", shown(&path)));
            }
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let named = code(line).split_whitespace().skip_while(|word| *word != "mod").nth(1);
            if named.is_some_and(|name| NAMELESS_MODULES.contains(&name.trim_end_matches([';', '{']))) {
                complaints.push(format!("{}: `{}` says nothing", shown(&path), line.trim()));
            }
        }
    }
    none(&complaints);
}

#[test]
fn nothing_is_left_for_later() {
    let mut complaints = Vec::new();
    for path in sources() {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let words = line.split(|letter: char| !letter.is_alphanumeric());
            if words.into_iter().any(|word| UNFINISHED.contains(&word)) {
                complaints.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    none(&complaints);
}

/// Where a text names a path that exists on one machine only.
fn machine_paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for start in MACHINE_PATHS {
            for (at, _) in line.match_indices(start) {
                // `~/work/` and `https://host/home/` begin nowhere on this machine.
                let before = line[..at].chars().next_back();
                if !before.is_some_and(|letter| letter.is_alphanumeric() || "~.-_}".contains(letter)) {
                    found.push(format!("{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    found
}

#[test]
fn machine_paths_are_recognised() {
    assert_eq!(machine_paths("see `/root/x`\n(/home/me/y)").len(), 2);
    assert!(machine_paths("see https://example.test/home/ and ~/work/ and $HOME/work/").is_empty());
}

#[test]
fn texts_name_no_path_of_one_machine() {
    let root = checkout();
    let mut texts = files(&root.join("docs"), "md");
    texts.extend(files(&root.join("examples"), "rs"));
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            texts.push(path);
        }
    }
    let mut complaints = Vec::new();
    for path in texts {
        let text = fs::read_to_string(&path).unwrap();
        complaints.extend(machine_paths(&text).into_iter().map(|place| format!("{}:{place}", shown(&path))));
    }
    none(&complaints);
}
