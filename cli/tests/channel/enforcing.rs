//! What may not run is set aside, and what may takes its place.

use crate::bench::Bench;
use crate::desk::{CH, begun, published};

const ASK: &str = "--channel oci:store:stable --state st --key k.pub";

/// A client that runs 1.1.0, with 1.0.0 and 1.1.0 in its cache.
fn running() -> Bench {
    let bench = begun(&["1.0.0", "1.1.0"], "");
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state st"));
    for version in ["1.0.0", "1.1.0"] {
        published(&bench, &format!("publish {CH} {version} --artifact oci:store:v{version} --keys keys"));
        bench.good(&format!("pull org/m@stable OUT {ASK} --cache cache --force"));
    }
    bench
}

fn edit(bench: &Bench, line: &str) {
    published(bench, &format!("{line} --keys keys"));
}

#[test]
fn a_model_that_may_run_stays() {
    let bench = running();
    let before = bench.names("OUT");
    let result =
        bench.good(&format!("channel enforce OUT {ASK} --cache cache --json")).json()["result"].take();
    assert_eq!(
        (&result["aside"], &result["channel"]["version"]),
        (&serde_json::Value::Null, &"1.1.0".into())
    );
    assert_eq!(bench.names("OUT"), before);
    assert!(!bench.path("OUT.quarantine").exists());
}

#[test]
fn a_revoked_model_goes_and_the_newest_allowed_one_comes_from_the_cache() {
    let bench = running();
    edit(&bench, &format!("rollback {CH} 1.0.0 --until 2199-01-01 --reason worse"));
    edit(&bench, &format!("revoke {CH} 1.1.0 --code backdoor --reason trigger"));
    // What would be done, and nothing done.
    let dry = bench.run(&format!("channel enforce OUT {ASK} --cache cache --dry-run"));
    assert_eq!(dry.exit, Some(6));
    assert_eq!(bench.read("OUT/version.txt"), b"1.1.0");

    let result =
        bench.good(&format!("channel enforce OUT {ASK} --cache cache --json")).json()["result"].take();
    assert_eq!((&result["code"], &result["restored"]["version"]), (&"E-REVOKED".into(), &"1.0.0".into()));
    assert_eq!(bench.read("OUT/version.txt"), b"1.0.0");
    assert_eq!(bench.read("OUT.quarantine/1.1.0/model/version.txt"), b"1.1.0", "nothing is deleted");
    let why: serde_json::Value =
        serde_json::from_slice(&bench.read("OUT.quarantine/1.1.0/why.json")).unwrap();
    assert_eq!((&why["code"], &why["reason"]["text"]), (&"E-REVOKED".into(), &"trigger".into()));
    assert_eq!((&why["version"], &why["channel"]), (&"1.1.0".into(), &"org/m@stable".into()));
    bench.good(&format!("verify OUT {ASK}"));
}

#[test]
fn without_anything_allowed_in_the_cache_the_place_stays_empty() {
    let bench = running();
    edit(&bench, &format!("revoke {CH} 1.1.0 --code backdoor --reason trigger"));
    assert_eq!(bench.run(&format!("channel enforce OUT {ASK} --cache empty")).exit, Some(6));
    assert!(!bench.path("OUT").exists() && bench.path("OUT.quarantine/1.1.0/model").exists());
    // There is nothing left to be judged.
    assert_eq!(bench.run(&format!("channel enforce OUT {ASK}")).exit, Some(10));
}

#[test]
fn a_model_that_was_tampered_with_goes_too() {
    let bench = running();
    bench.write("OUT/version.txt", b"9.9.9");
    let result =
        bench.good(&format!("channel enforce OUT {ASK} --cache cache --json")).json()["result"].take();
    assert_eq!(
        (&result["code"], &result["restored"]["version"]),
        (&"E-FILE-CHANGED".into(), &"1.1.0".into())
    );
    assert_eq!(bench.read("OUT.quarantine/unproven/model/version.txt"), b"9.9.9");
    assert_eq!(bench.read("OUT/version.txt"), b"1.1.0");
}

#[test]
fn a_channel_that_cannot_be_believed_moves_nothing() {
    let bench = running();
    std::fs::remove_file(bench.path("st/org~m~stable/state.json")).unwrap();
    assert_eq!(bench.run(&format!("channel enforce OUT {ASK} --cache cache")).exit, Some(13));
    assert_eq!(bench.read("OUT/version.txt"), b"1.1.0");
}
