//! The rehearsal: it passes where it must, finds a root that cannot be replaced, and leaves everything as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::bench::{Bench, Said};
use crate::desk::{CH, begun, init, published, with};

/// A drill whose temporary folder is `tmp`, which must be empty afterwards.
fn drill(bench: &Bench, line: &str) -> Said {
    let tmp = bench.path("tmp");
    fs::create_dir_all(&tmp).unwrap();
    let words = line.split_whitespace();
    let said = Said::of(bench.command().args(["channel", "drill"]).args(words).env("TMPDIR", &tmp));
    assert_eq!(bench.names("tmp"), [""; 0], "{said:?}");
    said
}

/// The same as JSON: the exit code and the result.
fn result(bench: &Bench, line: &str) -> (Option<i32>, Value) {
    let said = drill(bench, &format!("{line} --json"));
    (said.exit, said.json()["result"].take())
}

fn failed(result: &Value) -> Vec<&str> {
    let rows = result["rehearsals"].as_array().unwrap().iter();
    let failed = rows.filter(|row| row["passed"] == false);
    failed.map(|row| row["attempt"].as_str().unwrap()).collect()
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.to_str().unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn without_a_channel_everything_passes() {
    let bench = Bench::new();
    let (exit, result) = result(&bench, "");
    assert_eq!((exit, failed(&result)), (Some(0), vec![]), "{result}");
    assert_eq!(result["copied"], Value::Null);
    assert_eq!(
        (&result["failed"], &result["passed"]),
        (&json!(0), &json!(result["rehearsals"].as_array().unwrap().len()))
    );
    let came = |name: &str, attempt: &str| {
        let rows = result["rehearsals"].as_array().unwrap().iter();
        let mut found =
            rows.filter(|row| row["name"] == name && row["attempt"].as_str().unwrap().contains(attempt));
        found.next().unwrap()["came"].clone()
    };
    for (name, attempt, code) in [
        ("tamper", "timestamp", "E-TUF-SIGNATURE"),
        ("tamper", "document", "E-TUF-MISMATCH"),
        ("replay", "older files", "E-REPLAY"),
        ("freeze", "the same files", "E-TUF-EXPIRED"),
        ("equivocation", "two documents", "E-EQUIVOCATION"),
        ("stolen timestamp", "older snapshot", "E-REPLAY"),
        ("lost key", "root", "accepted"),
        ("new epoch", "leaves stolen keys behind", "accepted"),
        ("rollback", "not allowed", "E-ROLLBACK"),
        ("rollback", "allowed for an hour", "accepted"),
        ("floor", "below the floor", "E-FLOOR"),
        ("revoked", "was allowed", "E-REVOKED"),
        ("state lost", "its file", "E-STATE-MISSING"),
        ("state torn", "its file", "E-STATE-TORN"),
    ] {
        assert_eq!(came(name, attempt), code, "{name}, {attempt}");
    }
    let keys: Vec<_> = result["rehearsals"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["attempt", "came", "expected", "name", "note", "passed"]);
}

#[test]
fn the_table_is_for_people() {
    let bench = Bench::new();
    let said = drill(&bench, "");
    assert_eq!(said.exit, Some(0), "{said:?}");
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines[0], "a channel of its own");
    for title in ["rehearsal", "attempt", "expected", "came"] {
        let column = lines[2].find(title).unwrap();
        let rows = lines[3..].iter().filter(|line| line.starts_with("pass  ") || line.starts_with("FAIL"));
        for row in rows {
            assert!(&row[column - 2..column] == "  " && &row[column..=column] != " ", "{title}: {row}");
        }
    }
    for line in &lines {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(lines.last().unwrap().starts_with("passed: all "), "{said:?}");
}

#[test]
fn a_root_of_one_key_is_found_and_nothing_is_changed() {
    let bench = begun(&["1.0.0", "1.1.0"], "");
    for version in ["1.0.0", "1.1.0"] {
        published(&bench, &format!("publish {CH} {version} --artifact oci:store:v{version} --keys keys"));
    }
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state state"));
    let all = || ["store", "state", "keys"].map(|folder| files(&bench.path(folder)));
    let before = all();
    let (exit, result) = result(&bench, &format!("{CH} --state state"));
    assert_eq!((exit, failed(&result)), (Some(1), vec!["root loses a key (1 of 1 must sign)"]), "{result}");
    assert_eq!(result["failed"], 1);
    assert_eq!(
        result["copied"],
        json!({ "epoch": 1, "name": "org/m@stable", "place": "oci:store:stable", "sequence": 3 })
    );
    let said = drill(&bench, &format!("{CH} --state state"));
    assert_eq!(said.exit, Some(1));
    assert!(said.stdout.starts_with("org/m@stable, on a scratch copy\n"), "{said:?}");
    let at = said.stdout.lines().position(|line| line.starts_with("FAIL  lost key ")).unwrap();
    let note = said.stdout.lines().nth(at + 1).unwrap();
    assert!(note.contains("have spare keys of root, 2 of 3"), "{note}");
    assert!(said.stdout.lines().last().unwrap().starts_with("FAILED: 1 of "), "{said:?}");
    assert_eq!(all(), before);
    assert_eq!(bench.names("").iter().filter(|name| name.contains("drill")).count(), 0);
}

#[test]
fn a_newer_state_is_read_and_not_remembered() {
    let bench = begun(&["1.0.0"], "root=2/3");
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state state"));
    let before = files(&bench.path("state"));
    published(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    let (exit, result) = result(&bench, &format!("{CH} --state state"));
    assert_eq!((exit, &result["copied"]["sequence"]), (Some(0), &json!(2)), "{result}");
    assert_eq!(files(&bench.path("state")), before);
}

#[test]
fn spare_keys_pass_and_a_root_is_enough_to_look_with() {
    let bench = with(&[]);
    init(&bench, "channel", "root=2/3,targets=2/3,timestamp=1/2");
    let before = files(&bench.path("channel"));
    let (exit, result) = result(&bench, "channel --channel-root keys/root.json --state nowhere");
    assert_eq!(exit, Some(2), "a root stands in the place of a state: {result}");
    let (exit, result) = self::result(&bench, "channel --channel-root keys/root.json");
    assert_eq!((exit, failed(&result)), (Some(0), vec![]), "{result}");
    assert_eq!(
        result["roles"],
        json!([
            { "keys": 3, "role": "root", "threshold": 2 },
            { "keys": 3, "role": "targets", "threshold": 2 },
            { "keys": 3, "role": "channel", "threshold": 2 },
            { "keys": 1, "role": "snapshot", "threshold": 1 },
            { "keys": 2, "role": "timestamp", "threshold": 1 },
        ])
    );
    let rows = result["rehearsals"].as_array().unwrap().iter();
    let noted = rows.filter(|row| !row["note"].is_null()).map(|row| row["attempt"].as_str().unwrap());
    assert_eq!(noted.collect::<Vec<_>>(), ["snapshot loses a key (1 of 1 must sign)"]);
    assert_eq!(files(&bench.path("channel")), before);
}

#[test]
fn a_channel_that_is_not_believed_is_not_copied() {
    let bench = with(&[]);
    init(&bench, "channel", "");
    bench.bad("channel drill channel --state state", "E-STATE-MISSING", 13);
    bench.bad("channel drill nowhere --channel-root keys/root.json", "E-NOT-FOUND", 10);
    let timestamp = "channel/metadata/timestamp.json";
    let text = String::from_utf8(bench.read(timestamp)).unwrap();
    bench.write(timestamp, text.replacen("\"version\":1", "\"version\":2", 1).as_bytes());
    let said = bench.run("channel drill channel --channel-root keys/root.json");
    said.refuses("E-TUF-SIGNATURE", 3);
    bench.bad("channel drill --channel-root keys/root.json", "E-USAGE", 2);
}

#[test]
fn an_interrupted_drill_leaves_nothing() {
    let bench = Bench::new();
    let tmp = bench.path("tmp");
    fs::create_dir(&tmp).unwrap();
    let mut command = bench.command();
    command.args(["channel", "drill"]).env("TMPDIR", &tmp).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    while fs::read_dir(&tmp).unwrap().next().is_none() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it began");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(output.stdout, b"");
    assert_eq!(bench.names("tmp"), [""; 0]);
}

#[test]
fn the_help_fits_a_screen() {
    let bench = Bench::new();
    let said = Said::of(bench.command().args(["channel", "drill", "-h"]).env("COLUMNS", "80"));
    assert!(said.stdout.lines().count() <= 24, "{}", said.stdout);
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 80), "{}", said.stdout);
    assert!(said.stdout.contains("\nExamples:\n  lacre channel drill\n"), "{}", said.stdout);
}
