//! N of M approvers, in any order, each with keys of their own.

use crate::bench::Bench;
use crate::desk::{CH, begun, changes, init, log, published, take, waits, with};

const PUBLISH: &str = "publish oci:store:stable 1.0.0 --artifact oci:store:v1.0.0";

/// A channel that two of three approve; `online` has the keys of snapshot and timestamp, `one` to `three` one of
/// channel each, and `keys` those of root and targets.
fn of_three() -> Bench {
    let bench = begun(&["1.0.0", "1.1.0"], "root=2/3,channel=2/3");
    take(&bench, "online", &["snapshot-1", "timestamp-1"]);
    for (folder, key) in [("one", "channel-1"), ("two", "channel-2"), ("three", "channel-3")] {
        take(&bench, folder, &[key]);
    }
    bench
}

fn lacks(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|(role, needed)| ((*role).to_owned(), *needed)).collect()
}

#[test]
fn in_every_order_and_the_last_one_publishes() {
    for order in [["one", "two", "online"], ["three", "one", "online"], ["two", "three", "online"]] {
        let bench = of_three();
        let waiting = waits(&bench, &format!("{PUBLISH} --keys {}", order[0]));
        assert_eq!(waiting, lacks(&[("channel", 1), ("snapshot", 1), ("timestamp", 1)]));
        let waiting = waits(&bench, &format!("sign {CH} --keys {}", order[1]));
        assert_eq!(waiting, lacks(&[("snapshot", 1), ("timestamp", 1)]));
        assert_eq!(log(&bench, CH).len(), 1, "nothing is published yet");
        let result = published(&bench, &format!("sign {CH} --keys {}", order[2]));
        assert_eq!(changes(&result), ["1.0.0 is new, counter 1", "1.0.0 is current"]);
        bench.bad(&format!("channel sign {CH} --keys {}", order[1]), "E-USAGE", 2);
        let said = bench.run(&format!("channel sign {CH} --keys {}", order[1]));
        assert!(said.stderr.contains("nothing waits for signatures"), "{said:?}");
    }
}

#[test]
fn whoever_signs_sees_what_it_is_before() {
    let bench = of_three();
    waits(&bench, &format!("{PUBLISH} --keys one"));
    let said = bench.good(&format!("channel sign {CH} --keys two --dry-run"));
    for words in ["1.0.0 is new, counter 1", "1.0.0 is current", "channel-2"] {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
    assert_eq!(waits(&bench, &format!("sign {CH} --keys two")).len(), 2, "the dry run did not sign");
}

#[test]
fn one_key_does_not_count_twice() {
    let bench = of_three();
    waits(&bench, &format!("{PUBLISH} --keys one"));
    let said = bench.bad(&format!("channel sign {CH} --keys one"), "E-DRAFT-PENDING", 4);
    assert!(said.stderr.contains("1 of 2 for channel"), "{said:?}");
    // Nor under another name.
    for suffix in ["key", "pub"] {
        bench.write(format!("one/channel-2.{suffix}"), &bench.read(&format!("one/channel-1.{suffix}")));
    }
    bench.bad(&format!("channel sign {CH} --keys one"), "E-DRAFT-PENDING", 4);
}

#[test]
fn a_key_without_a_role_signs_nothing() {
    let bench = of_three();
    waits(&bench, &format!("{PUBLISH} --keys one"));
    for name in ["root.json", "last.json"] {
        bench.write(format!("stranger/{name}"), &bench.read(&format!("one/{name}")));
    }
    bench.good("key new stranger/channel-1 --algorithm ed25519 --no-passphrase");
    bench.bad(&format!("channel sign {CH} --keys stranger"), "E-DRAFT-PENDING", 4);
}

#[test]
fn a_stolen_key_alone_publishes_nothing_even_with_those_that_are_online() {
    let bench = of_three();
    for suffix in ["key", "pub"] {
        bench.write(format!("online/channel-1.{suffix}"), &bench.read(&format!("one/channel-1.{suffix}")));
    }
    let waiting = waits(&bench, &format!("{PUBLISH} --keys online"));
    assert_eq!(waiting[0], ("channel".to_owned(), 1));
    assert_eq!(log(&bench, CH).len(), 1);
}

#[test]
fn keys_of_root_and_targets_are_not_needed_for_edits() {
    let bench = begun(&["1.0.0"], "root=2/3,targets=2/2,channel=1/1");
    take(&bench, "offline", &["root-1", "root-2", "root-3", "targets-1", "targets-2"]);
    published(&bench, &format!("{PUBLISH} --keys keys"));
    published(&bench, &format!("revoke {CH} 1.0.0 --code license --reason x --keys keys"));
    published(&bench, &format!("refresh {CH} --keys keys"));
}

#[test]
fn a_draft_that_waits_is_not_pushed_aside_by_accident() {
    let bench = of_three();
    waits(&bench, &format!("{PUBLISH} --keys one"));
    let other = format!("publish {CH} 1.1.0 --artifact oci:store:v1.1.0 --keys three");
    let said = bench.bad(&format!("channel {other}"), "E-USAGE", 2);
    assert!(said.stderr.contains("another draft waits") && said.stderr.contains("--force"), "{said:?}");
    waits(&bench, &format!("{other} --force"));
    waits(&bench, &format!("sign {CH} --keys two"));
    let result = published(&bench, &format!("sign {CH} --keys online"));
    assert_eq!(result["current"], "1.1.0");
}

#[test]
fn what_waits_is_void_once_something_else_is_published() {
    let bench = begun(&["1.0.0", "1.1.0"], "channel=1/2");
    take(&bench, "one", &["channel-1"]);
    waits(&bench, &format!("{PUBLISH} --keys one"));
    // A refresh in between does no harm.
    published(&bench, &format!("refresh {CH} --keys keys"));
    published(&bench, &format!("publish {CH} 1.1.0 --artifact oci:store:v1.1.0 --keys keys"));
    bench.bad(&format!("channel sign {CH} --keys keys"), "E-USAGE", 2);
}

#[test]
fn a_copy_of_a_draft_comes_too_late() {
    let bench = with(&["1.0.0", "1.1.0"]);
    init(&bench, "channel", "channel=1/2");
    take(&bench, "one", &["channel-1"]);
    waits(&bench, "publish channel 1.0.0 --artifact oci:store:v1.0.0 --keys one");
    let draft = bench.read("channel/pending.json");
    published(&bench, "publish channel 1.1.0 --artifact oci:store:v1.1.0 --keys keys");
    bench.write("channel/pending.json", &draft);
    bench.bad("channel sign channel --keys keys", "E-DRAFT-STALE", 6);
    // What is of no use any more keeps nobody from an edit.
    waits(&bench, "publish channel 1.0.0 --artifact oci:store:v1.0.0 --hold --keys one");
    published(&bench, "sign channel --keys keys");
}

#[test]
fn a_refresh_does_not_disturb_who_waits() {
    let bench = of_three();
    waits(&bench, &format!("{PUBLISH} --keys one"));
    published(&bench, &format!("refresh {CH} --keys online"));
    waits(&bench, &format!("sign {CH} --keys two"));
    published(&bench, &format!("refresh {CH} --keys online"));
    published(&bench, &format!("sign {CH} --keys online"));
}

#[test]
fn a_channel_begins_with_keys_of_several_people() {
    let bench = with(&["1.0.0"]);
    for (folder, key) in [("one", "root-1"), ("two", "root-2")] {
        std::fs::create_dir(bench.path(folder)).unwrap();
        bench.good(&format!("key new {folder}/{key} --algorithm ed25519 --no-passphrase"));
        bench.write(format!("keys/{key}.pub"), &bench.read(&format!("{folder}/{key}.pub")));
    }
    for place in [CH, "channel"] {
        let line = format!(
            "init {place} --model org/m --channel stable --keys keys --no-passphrase --threshold root=2/2 --force"
        );
        assert_eq!(waits(&bench, &line)[0], ("root".to_owned(), 2));
        assert!(!bench.path("keys/root.json").exists());
        let (code, exit) = if place == CH { ("E-REFERENCE-NOT-FOUND", 11) } else { ("E-NOT-FOUND", 10) };
        bench.bad(&format!("channel refresh {place} --keys keys"), code, exit);
        waits(&bench, &format!("sign {place} --keys two"));
        assert_eq!(waits(&bench, &format!("sign {place} --keys one")).len(), 2, "snapshot and timestamp");
        let result = published(&bench, &format!("sign {place} --keys keys"));
        assert_eq!((&result["sequence"], &result["root"]), (&1.into(), &"keys/root.json".into()));
        published(&bench, &format!("publish {place} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
        for name in ["root.json", "last.json"] {
            std::fs::remove_file(bench.path(&format!("keys/{name}"))).unwrap();
        }
        for name in ["one", "two"] {
            std::fs::remove_file(bench.path(&format!("{name}/last.json"))).unwrap();
        }
    }
}

#[test]
fn a_draft_that_was_tampered_with_is_not_signed() {
    let bench = with(&["1.0.0"]);
    init(&bench, "channel", "channel=2/2");
    take(&bench, "two", &["channel-2"]);
    waits(&bench, "publish channel 1.0.0 --artifact oci:store:v1.0.0 --keys keys");
    let good = String::from_utf8(bench.read("channel/pending.json")).unwrap();
    for (from, to, code, exit) in [
        ("1.0.0", "6.6.6", "E-DRAFT", 13),
        ("\\\"floor\\\":{\\\"counter\\\":0}", "\\\"floor\\\":{\\\"counter\\\":1}", "E-DRAFT", 13),
        ("org/m@stable", "org/other@stable", "E-DRAFT", 13),
        ("schemaVersion\":1", "schemaVersion\":2", "E-DRAFT", 13),
    ] {
        assert!(good.contains(from), "{from} in {good}");
        bench.write("channel/pending.json", good.replace(from, to).as_bytes());
        bench.bad("channel sign channel --keys two", code, exit);
    }
    bench.write("channel/pending.json", b"not JSON");
    bench.bad("channel sign channel --keys two", "E-DRAFT", 13);
    bench.write("channel/pending.json", good.as_bytes());
    waits(&bench, "sign channel --keys two");
    published(&bench, "sign channel --keys keys");
}
