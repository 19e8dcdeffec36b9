//! What differs, each kind of it, by the file that it is about.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use lacre_testkit::tamper;
use serde_json::Value;

use crate::bench::Bench;

/// Place and message of each result.
fn found(bench: &Bench, more: &str, exit: i32) -> Vec<(String, String)> {
    let said = bench.run(&format!("verify MODEL --key k.pub --format sarif {more}"));
    assert_eq!(said.exit, Some(exit), "{said:?}");
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let results = document["runs"][0]["results"].as_array().unwrap();
    results
        .iter()
        .map(|it| {
            let place = &it["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
            (text(place), text(&it["message"]["text"]))
        })
        .collect()
}

#[test]
fn every_kind_of_difference_names_its_file() {
    type Interfere = fn(&Bench);
    let kinds: [(Interfere, &str, &str); 6] = [
        (|it| tamper::flip(&it.path("MODEL/config.json"), 3), "config.json", "has other bytes"),
        (|it| tamper::grow(&it.path("MODEL/config.json"), b"x"), "config.json", "has 16 bytes, not 15"),
        (|it| tamper::remove(&it.path("MODEL/config.json")), "config.json", "is missing"),
        (|it| tamper::plant(&it.path("MODEL/new"), "x"), "new", "is not signed"),
        (
            |it| tamper::rename(&it.path("MODEL/config.json"), &it.path("MODEL/c2.json")),
            "config.json",
            "is now c2.json",
        ),
        (
            |it| tamper::link_away(&it.path("MODEL/config.json"), &it.path("c")),
            "config.json",
            "is a symbolic link",
        ),
    ];
    for (interfere, path, what) in kinds {
        let bench = Bench::with_signed_model();
        interfere(&bench);
        assert_eq!(found(&bench, "", 1), [(format!("MODEL/{path}"), format!("{path}: {what}"))]);
    }
}

#[test]
fn what_only_the_strict_refuse_names_its_file_too() {
    let bench = Bench::with_signed_model();
    fs::set_permissions(bench.path("MODEL/config.json"), Permissions::from_mode(0o755)).unwrap();
    let place = "MODEL/config.json".to_owned();
    let message = "config.json: is executable and was not".to_owned();
    assert_eq!(found(&bench, "--strict", 1), [(place, message)]);
    assert_eq!(found(&bench, "", 0), []);

    let bench = Bench::with_model_and_key();
    bench.write("MODEL/notes.txt", b"x");
    bench.good("sign MODEL --key k.key --name m --ignore notes.txt");
    let notes = ("MODEL/notes.txt".to_owned(), "notes.txt: not covered by the signature".to_owned());
    assert_eq!(found(&bench, "--strict", 8), [notes]);
    let said = bench.good("verify MODEL --key k.pub --format markdown").stdout;
    assert!(said.contains("- `notes.txt`: `ignored by the signature`\n"), "{said}");
}
