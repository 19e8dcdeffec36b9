//! The whole story of a publisher, wherever the channel lies.

use std::fs;

use lacre_testkit::registry::Registry;

use crate::bench::Bench;
use crate::desk::{changes, init, log, published, push, with};

/// From the first document to the last, in `place`; `models` is where the artifacts are.
fn told(bench: &Bench, place: &str, models: &str) {
    let first = init(bench, place, "");
    assert_eq!((&first["sequence"], &first["current"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(first["root"], "keys/root.json");
    let edit = |line: &str| published(bench, &format!("{line} --keys keys"));

    let result = edit(&format!("publish {place} 1.0.0 --artifact {models}:v1.0.0 --key k.pub"));
    assert_eq!(changes(&result), ["1.0.0 is new, counter 1", "1.0.0 is current"]);
    let result = edit(&format!("publish {place} 1.1.0 --artifact {models}:v1.1.0 --canary 5"));
    assert_eq!(changes(&result), ["1.1.0 is new, counter 1", "5 of 100 instances run 1.1.0"]);
    assert_eq!(result["current"], "1.0.0");
    let result = edit(&format!("promote {place} 1.1.0"));
    assert_eq!(changes(&result), ["1.1.0 is current"]);
    let result = edit(&format!("publish {place} 1.2.0 --artifact {models}:v1.2.0 --counter 2 --hold"));
    assert_eq!(changes(&result), ["1.2.0 is new, counter 2"]);
    edit(&format!("promote {place} 1.2.0"));
    let result = edit(&format!("rollback {place} 1.1.0 --until 2199-12-31 --reason worse"));
    assert_eq!(changes(&result), ["1.1.0 is current", "1.1.0 may run until 2200-01-01T00:00:00Z (worse)"]);
    let result = edit(&format!("revoke {place} 1.2.0 --code backdoor --reason trigger"));
    assert_eq!(changes(&result), ["1.2.0 was active and is revoked (backdoor: trigger)"]);
    edit(&format!("revoke {place} 1.0.0 --code cve --reason unclear --quarantine"));
    let result = edit(&format!("reinstate {place} 1.0.0"));
    assert_eq!(changes(&result), ["1.0.0 was quarantined and is active"]);
    let result = edit(&format!("floor {place} 1"));
    assert_eq!(
        (&result["sequence"], &result["floor"], &result["current"]),
        (&11.into(), &1.into(), &"1.1.0".into())
    );
    let refreshed = edit(&format!("refresh {place}"));
    assert_eq!((&refreshed["sequence"], refreshed["signatures"].as_u64()), (&11.into(), Some(1)));
    let renewed = edit(&format!("refresh {place} --document"));
    assert_eq!(renewed["sequence"], 12);
}

#[test]
fn in_an_image_layout() {
    let bench = with(&["1.0.0", "1.1.0", "1.2.0"]);
    told(&bench, "oci:store:stable", "oci:store");
    let states = log(&bench, "oci:store:stable");
    assert_eq!(states.len(), 13);
    assert!(states.iter().all(|state| state["verified"] == true));
    assert_eq!(states[12]["changes"][0]["kind"], "began");
    // The models are still found without a tag of their own.
    bench.good("inspect oci:store:v1.0.0");
    bench.good("pull oci:store:v1.1.0 OUT --key k.pub");
}

#[test]
fn in_a_folder() {
    let bench = with(&["1.0.0", "1.1.0", "1.2.0"]);
    told(&bench, "channel", "oci:store");
    assert_eq!(bench.names("channel"), ["metadata", "targets"]);
    let metadata = bench.names("channel/metadata");
    assert!(metadata.contains(&"1.root.json".to_owned()) && metadata.contains(&"timestamp.json".to_owned()));
    // What clients need no more goes: of each role a few versions stay.
    assert_eq!(
        metadata.iter().filter(|name| name.ends_with(".org~m~stable.json")).count(),
        4,
        "{metadata:?}"
    );
    let states = log(&bench, "channel");
    assert_eq!(states.len(), 4);
    assert_eq!(states[0]["verified"], true);
    assert!(states[1..].iter().all(|state| state["verified"] == false), "only the newest is vouched for");
    // What a web server has there of its own stays.
    bench.write("channel/targets/index.html", b"hello");
    published(&bench, "refresh channel --keys keys");
    assert_eq!(bench.read("channel/targets/index.html"), b"hello");
}

#[test]
fn in_a_registry() {
    let registry = Registry::start();
    let bench = with(&[]);
    let models = format!("{}/org/m", registry.host());
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        push(&bench, version, &format!("{models}:v{version}"));
    }
    told(&bench, &format!("{models}:stable"), &models);
    assert_eq!(log(&bench, &format!("{models}:stable")).len(), 13);
}

#[test]
fn clients_are_told_a_repository_that_is_not_the_channels_own() {
    let registry = Registry::start();
    let bench = with(&["1.0.0"]);
    let place = format!("{}/org/channels:stable", registry.host());
    init(&bench, &place, "");
    push(&bench, "1.1.0", &format!("{}/org/models:v1.1.0", registry.host()));
    let models = format!("{}/org/models", registry.host());
    let result = published(&bench, &format!("publish {place} 1.1.0 --artifact {models}:v1.1.0 --keys keys"));
    assert_eq!(result["artifact"]["repository"], models.as_str());
    let result =
        published(&bench, &format!("publish {place} 1.0.0 --artifact oci:store:v1.0.0 --hold --keys keys"));
    assert_eq!(result["artifact"]["repository"], serde_json::Value::Null);
    assert!(result["warnings"].to_string().contains("a folder of this machine"), "{result}");
}

#[test]
fn a_dry_run_says_it_and_writes_nothing() {
    let bench = with(&["1.0.0"]);
    let before = bench.names("");
    let line = "channel init channel --model org/m --channel stable --keys keys --no-passphrase --dry-run";
    let said = bench.good(&format!("{line} --json")).json();
    assert_eq!((&said["result"]["published"], &said["result"]["dry_run"]), (&false.into(), &true.into()));
    assert_eq!(bench.names(""), before);
    init(&bench, "channel", "");
    let files = || (bench.names("channel/metadata"), bench.names("keys"), bench.read("keys/last.json"));
    let before = files();
    let line = "channel publish channel 1.0.0 --artifact oci:store:v1.0.0 --keys keys --dry-run";
    let result = bench.good(&format!("{line} --json")).json();
    assert_eq!(
        (&result["result"]["current"], &result["result"]["published"]),
        (&"1.0.0".into(), &false.into())
    );
    bench.good("channel rotate channel --role root --keys keys --dry-run");
    assert_eq!(files(), before);
    assert!(!fs::exists(bench.path("channel/pending.json")).unwrap());
}
