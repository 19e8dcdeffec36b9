//! A bench with releases to publish.

use serde_json::Value;

use crate::bench::Bench;

/// The place of most channels here.
pub(crate) const CH: &str = "oci:store:stable";

/// A bench with the signed model `org/m` in these versions, each in the layout `store` under `vVERSION`.
pub(crate) fn with(versions: &[&str]) -> Bench {
    let bench = Bench::new();
    bench.key("k");
    bench.write("MODEL/config.json", b"{}");
    for version in versions {
        push(&bench, version, &format!("oci:store:v{version}"));
    }
    bench
}

/// Signs the model as `version` and pushes it to `reference`.
pub(crate) fn push(bench: &Bench, version: &str, reference: &str) {
    bench.write("MODEL/version.txt", version.as_bytes());
    bench.good(&format!("sign MODEL --key k.key --name org/m --version {version} --force"));
    bench.good(&format!("push MODEL {reference}"));
}

/// The same with a channel `org/m@stable` in [`CH`], whose keys lie in `keys`.
pub(crate) fn begun(versions: &[&str], threshold: &str) -> Bench {
    let bench = with(versions);
    init(&bench, CH, threshold);
    bench
}

pub(crate) fn init(bench: &Bench, place: &str, threshold: &str) -> Value {
    let threshold = if threshold.is_empty() { String::new() } else { format!("--threshold {threshold}") };
    let line = format!(
        "channel init {place} --model org/m --channel stable --keys keys --no-passphrase {threshold}"
    );
    bench.good(&format!("{line} --json")).json()["result"].take()
}

/// Runs an edit that must be published, and gives its result.
pub(crate) fn published(bench: &Bench, line: &str) -> Value {
    let result = bench.good(&format!("channel {line} --json")).json()["result"].take();
    assert_eq!((&result["published"], &result["pending"]), (&true.into(), &Value::Null), "{result}");
    result
}

/// Runs an edit that must wait for signatures, and gives the roles that lack some and how many.
pub(crate) fn waits(bench: &Bench, line: &str) -> Vec<(String, u64)> {
    let result = bench.good(&format!("channel {line} --json")).json()["result"].take();
    assert_eq!(result["published"], false, "{result}");
    let lacks = result["pending"].as_array().unwrap();
    lacks
        .iter()
        .map(|lack| (lack["role"].as_str().unwrap().to_owned(), lack["needed"].as_u64().unwrap()))
        .collect()
}

/// The texts of the changes.
pub(crate) fn changes(result: &Value) -> Vec<&str> {
    result["changes"].as_array().unwrap().iter().map(|change| change["text"].as_str().unwrap()).collect()
}

/// What the channel says now: sequence, current release, number of states.
pub(crate) fn log(bench: &Bench, place: &str) -> Vec<Value> {
    let result = bench.good(&format!("channel log {place} --keys keys --limit 1000 --json")).json();
    result["result"]["states"].as_array().unwrap().clone()
}

/// Moves the keys of these roles from `keys` to `folder`, with `root.json` and `last.json` beside them.
pub(crate) fn take(bench: &Bench, folder: &str, keys: &[&str]) {
    std::fs::create_dir_all(bench.path(folder)).unwrap();
    for name in ["root.json", "last.json"] {
        if bench.path("keys").join(name).exists() {
            bench.write(format!("{folder}/{name}"), &bench.read(&format!("keys/{name}")));
        }
    }
    for key in keys {
        for suffix in ["key", "pub"] {
            let (from, to) =
                (bench.path(&format!("keys/{key}.{suffix}")), format!("{folder}/{key}.{suffix}"));
            std::fs::rename(from, bench.path(&to)).unwrap();
        }
    }
}
