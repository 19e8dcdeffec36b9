//! Edits that meet, edits that are broken off, and somebody who shows an old state.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use lacre_testkit::registry::{Etags, Fault, On, Registry};
use serde_json::Value;

use crate::bench::Bench;
use crate::desk::{CH, begun, init, log, published, take, waits, with};

/// A model without a signed version in `oci:store:any`, so that any version can be published.
fn any(bench: &Bench, reference: &str) {
    bench.good("sign MODEL --key k.key --name org/m --force");
    bench.good(&format!("push MODEL {reference}"));
}

/// Publishes `r0` to `rN` at once, and gives how many of them were.
fn race(bench: &Bench, place: &str, artifact: &str, processes: usize) -> usize {
    let children: Vec<_> = (0..processes)
        .map(|number| {
            let version = format!("r{number}");
            let mut command = bench.command();
            command.args(["channel", "publish", place, &version, "--artifact", artifact]);
            command.args(["--hold", "--keys", "keys", "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut published = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        match output.status.code() {
            Some(0) => published += 1,
            Some(10) => assert_eq!(value["error"]["code"], "E-CONFLICT", "{value}"),
            other => panic!("{other:?} {value}"),
        }
    }
    published
}

#[test]
fn of_edits_that_meet_each_is_published_or_refused() {
    let registry = Registry::with().rules(|rules| rules.etags = Etags::Honoured).start();
    let remote = format!("{}/org/m", registry.host());
    let places = ["oci:store:stable", "channel", &format!("{remote}:stable")];
    for place in places {
        let bench = with(&[]);
        let artifact =
            if place.starts_with("127") { format!("{remote}:any") } else { "oci:store:any".to_owned() };
        any(&bench, &artifact);
        init(&bench, place, "");
        let won = race(&bench, place, &artifact, 6);
        assert!(won > 0, "{place}");
        let result = published(&bench, &format!("refresh {place} --keys keys"));
        assert_eq!(result["sequence"], won + 1, "{place}: an edit was lost");
    }
}

/// Whoever stores at the same time in a registry that knows no conditions is told, before or after.
#[test]
fn a_registry_that_knows_no_conditions_is_asked_before_and_after() {
    let registry = Registry::start();
    let bench = with(&[]);
    let place = format!("{}/org/m:stable", registry.host());
    init(&bench, &place, "");
    let first = log(&bench, &place)[0]["manifest"].as_str().unwrap().to_owned();
    published(&bench, &format!("refresh {place} --keys keys"));
    let (second, note) =
        (log(&bench, &place)[0]["manifest"].as_str().unwrap().to_owned(), bench.read("keys/last.json"));
    let edit = format!("refresh {place} --keys keys");
    for resolves in [1, 2] {
        registry.tag("org/m", "stable", &second);
        registry.forget();
        registry.swap_tag("org/m", "stable", resolves, &first);
        bench.run(&format!("channel {edit}")).refuses("E-CONFLICT", 10);
        assert_eq!(registry.seen_at("PUT", "/manifests/stable").len(), 0, "after {resolves}");
    }
    registry.tag("org/m", "stable", &second);
    // Gone in the moment after it was written.
    registry.fault(On::method("GET").ending("/manifests/stable").nth(4), Fault::status(404));
    registry.forget();
    bench.run(&format!("channel {edit}")).refuses("E-CONFLICT", 10);
    assert_eq!(registry.seen_at("PUT", "/manifests/stable").len(), 1);
    assert_eq!(bench.read("keys/last.json"), note);
    registry.clear_faults();
    published(&bench, &edit);
}

#[test]
fn an_edit_that_cannot_be_stored_changes_nothing_and_is_made_again() {
    let registry = Registry::start();
    let bench = with(&["1.0.0"]);
    let place = format!("{}/org/m:stable", registry.host());
    init(&bench, &place, "");
    let note = bench.read("keys/last.json");
    let edit = format!("publish {place} 1.0.0 --artifact oci:store:v1.0.0 --keys keys");
    registry.fault(On::method("PUT").at("/manifests/stable"), Fault::status(403));
    bench.bad(&format!("channel {edit}"), "E-DENIED", 12);
    registry.clear_faults();
    assert_eq!((log(&bench, &place).len(), bench.read("keys/last.json")), (1, note));
    assert_eq!(published(&bench, &edit)["sequence"], 2);
}

/// A copy of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Puts the folder `channel` back to what `from` holds.
fn put_back(bench: &Bench, from: &str) {
    fs::remove_dir_all(bench.path("channel")).unwrap();
    copy(&bench.path(from), &bench.path("channel"));
}

#[test]
fn an_old_state_is_not_built_on() {
    let bench = with(&["1.0.0", "1.1.0"]);
    init(&bench, "channel", "");
    published(&bench, "publish channel 1.0.0 --artifact oci:store:v1.0.0 --keys keys");
    copy(&bench.path("channel"), &bench.path("old"));
    published(&bench, "revoke channel 1.0.0 --code backdoor --reason x --keys keys");
    put_back(&bench, "old");
    for line in ["refresh channel", "floor channel 1", "sign channel", "rotate channel --role root"] {
        let said = bench.bad(&format!("channel {line} --keys keys"), "E-REPLAY", 7);
        assert!(said.stderr.contains("somebody") || said.stderr.contains("someone"), "{said:?}");
    }
    // Nor is a place that is empty.
    fs::remove_dir_all(bench.path("channel")).unwrap();
    fs::create_dir(bench.path("channel")).unwrap();
    bench.bad("channel refresh channel --keys keys", "E-NOT-FOUND", 10);
    bench.bad("channel sign channel --keys keys", "E-USAGE", 2);
}

#[test]
fn an_approver_who_never_publishes_remembers_too() {
    let bench = with(&["1.0.0", "1.1.0"]);
    init(&bench, "channel", "channel=2/2");
    take(&bench, "two", &["channel-2"]);
    copy(&bench.path("channel"), &bench.path("old"));
    waits(&bench, "publish channel 1.0.0 --artifact oci:store:v1.0.0 --keys keys");
    waits(&bench, "sign channel --keys two");
    published(&bench, "sign channel --keys keys");
    waits(&bench, "publish channel 1.1.0 --artifact oci:store:v1.1.0 --keys two");
    put_back(&bench, "old");
    bench.bad("channel publish channel 1.1.0 --artifact oci:store:v1.1.0 --keys two", "E-REPLAY", 7);
}

#[test]
fn two_documents_in_one_place_are_told() {
    let bench = with(&["1.0.0", "1.1.0"]);
    init(&bench, "channel", "");
    copy(&bench.path("channel"), &bench.path("old"));
    copy(&bench.path("keys"), &bench.path("twin"));
    published(&bench, "publish channel 1.0.0 --artifact oci:store:v1.0.0 --keys keys");
    put_back(&bench, "old");
    published(&bench, "publish channel 1.1.0 --artifact oci:store:v1.1.0 --keys twin");
    bench.bad("channel refresh channel --keys keys", "E-EQUIVOCATION", 7);
    published(&bench, "refresh channel --keys twin");
}

#[test]
fn files_that_were_interfered_with_are_not_built_on() {
    let bench = with(&["1.0.0"]);
    init(&bench, "channel", "");
    published(&bench, "publish channel 1.0.0 --artifact oci:store:v1.0.0 --keys keys");
    copy(&bench.path("channel"), &bench.path("good"));
    let refused = |name: &str, from: &str, to: &str| {
        let path = bench.path("channel").join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let said = bench.run("channel refresh channel --keys keys --json").json();
        put_back(&bench, "good");
        (said["error"]["code"].as_str().unwrap().to_owned(), said["error"]["exit"].as_u64().unwrap())
    };
    let document = bench.names("channel/targets/channels/org/m").into_iter().find(|name| {
        fs::read_to_string(bench.path("channel/targets/channels/org/m").join(name)).unwrap().contains("1.0.0")
    });
    let document = format!("targets/channels/org/m/{}", document.unwrap());
    let sig = |code: &str, exit: u64| (code.to_owned(), exit);
    assert_eq!(refused(&document, "1.0.0", "1.0.1"), sig("E-TUF-MISMATCH", 13));
    assert_eq!(
        refused("metadata/timestamp.json", "\"version\":2", "\"version\":3"),
        sig("E-TUF-SIGNATURE", 3)
    );
    // Another file that snapshot signed.
    let older = bench.read("channel/metadata/1.snapshot.json");
    bench.write("channel/metadata/2.snapshot.json", &older);
    bench.bad("channel refresh channel --keys keys", "E-TUF-MISMATCH", 13);
    put_back(&bench, "good");
    assert_eq!(refused("metadata/timestamp.json", "{", "["), sig("E-JSON", 13));
    fs::remove_file(bench.path("channel").join(&document)).unwrap();
    bench.bad("channel refresh channel --keys keys", "E-TUF-MISSING", 13);
    put_back(&bench, "good");
    published(&bench, "refresh channel --keys keys");
}

#[test]
fn a_rotation_that_was_broken_off_is_made_again() {
    let bench = with(&["1.0.0"]);
    init(&bench, "channel", "");
    published(&bench, "publish channel 1.0.0 --artifact oci:store:v1.0.0 --keys keys");
    copy(&bench.path("channel"), &bench.path("old"));
    copy(&bench.path("keys"), &bench.path("keys-before"));
    published(&bench, "rotate channel --role timestamp --keys keys --no-passphrase");
    // The process died after the root was there, and before the timestamp was.
    let root = bench.read("channel/metadata/2.root.json");
    put_back(&bench, "old");
    bench.write("channel/metadata/2.root.json", &root);
    fs::copy(bench.path("keys-before/last.json"), bench.path("keys/last.json")).unwrap();
    let result = published(&bench, "rotate channel --role timestamp --keys keys --no-passphrase");
    assert_eq!(result["new_keys"], serde_json::json!(["timestamp-3"]));
    published(&bench, "refresh channel --keys keys");
    assert_ne!(bench.read("channel/metadata/2.root.json"), root);
}

#[test]
fn what_waits_is_left_when_publishing_fails() {
    let registry = Registry::start();
    let bench = with(&["1.0.0"]);
    let place = format!("{}/org/m:stable", registry.host());
    init(&bench, &place, "channel=2/2");
    take(&bench, "two", &["channel-2"]);
    waits(&bench, &format!("publish {place} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    waits(&bench, &format!("sign {place} --keys two"));
    registry.fault(On::method("PUT").at("/manifests/stable"), Fault::status(403));
    let before = log(&bench, &place).len();
    bench.run(&format!("channel sign {place} --keys keys")).refuses("E-DENIED", 12);
    registry.clear_faults();
    assert_eq!(log(&bench, &place).len(), before);
    published(&bench, &format!("sign {place} --keys keys"));
}

#[test]
fn a_published_channel_is_not_begun_anew_by_who_stores_it() {
    let bench = begun(&["1.0.0"], "");
    // Somebody replaces it by a first draft of their own making.
    bench.good("key new evil --algorithm ed25519 --no-passphrase");
    fs::create_dir(bench.path("evil")).unwrap();
    bench.write("evil/root-1.pub", &bench.read("evil.pub"));
    let line = format!("init {CH} --model org/m --channel stable --keys evil --no-passphrase");
    fs::remove_dir_all(bench.path("store")).unwrap();
    waits(&bench, &line);
    bench.bad(&format!("channel sign {CH} --keys keys"), "E-REFERENCE-NOT-FOUND", 11);
}
