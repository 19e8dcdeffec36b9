//! What makes no sense is refused by its own code, and nothing is written.

use crate::bench::Bench;
use crate::desk::{CH, begun, log, published, with};

/// A channel with 1.0.0 (counter 1), 1.1.0 (counter 2, current) and 1.2.0 (held); the floor is 1.
fn with_three() -> Bench {
    let bench = begun(&["1.0.0", "1.1.0", "1.2.0"], "");
    for (version, more) in [("1.0.0", "--counter 1"), ("1.1.0", "--counter 2"), ("1.2.0", "--hold")] {
        published(
            &bench,
            &format!("publish {CH} {version} --artifact oci:store:v{version} --keys keys {more}"),
        );
    }
    published(&bench, &format!("floor {CH} 1 --keys keys"));
    bench
}

#[test]
fn senseless_edits() {
    let bench = with_three();
    let before = log(&bench, CH);
    let until = "--until 2199-01-01 --reason x";
    let publish = "publish oci:store:stable 1.2.0 --artifact oci:store:v1.2.0";
    for (line, code) in [
        (publish.to_owned(), "E-EDIT-LISTED"),
        (format!("promote {CH} 1.0.0"), "E-EDIT-ORDER"),
        (format!("promote {CH} 1.1.0"), "E-EDIT-NOTHING"),
        (format!("promote {CH} 9.9.9"), "E-EDIT-UNLISTED"),
        (format!("rollback {CH} 1.1.0 {until}"), "E-EDIT-NOTHING"),
        (format!("rollback {CH} 9.9.9 {until}"), "E-EDIT-UNLISTED"),
        (format!("rollback {CH} 1.0.0 --until 2020-01-01 --reason x"), "E-EDIT-VALUE"),
        (format!("reinstate {CH} 1.0.0"), "E-EDIT-STATUS"),
        (format!("floor {CH} 1"), "E-EDIT-NOTHING"),
        (format!("floor {CH} 0"), "E-EDIT-FLOOR"),
        (format!("floor {CH} 3"), "E-EDIT-FLOOR"),
        (format!("revoke {CH} 9.9.9 --code cve --reason x"), "E-EDIT-UNLISTED"),
        (format!("rotate {CH} --new-epoch --floor 3 --current 1.1.0 --no-passphrase"), "E-EDIT-FLOOR"),
        (format!("rotate {CH} --new-epoch --floor 1 --current 9.9.9 --no-passphrase"), "E-EDIT-UNLISTED"),
        (format!("rotate {CH} --role channel --threshold 2"), "E-ROLE-THRESHOLD"),
        (format!("rotate {CH} --role channel --threshold 0"), "E-ROLE-THRESHOLD"),
    ] {
        bench.bad(&format!("channel {line} --keys keys"), code, 2);
    }
    assert_eq!(log(&bench, CH), before);
    assert!(!bench.path("keys/channel-2.key").exists(), "no key is made for an edit that is refused");
}

#[test]
fn texts_that_are_none() {
    let bench = with_three();
    let long = "x".repeat(501);
    for reason in ["", " ", "a\nb", &long] {
        for verb in [
            &["rollback", CH, "1.0.0", "--until", "2199-01-01"][..],
            &["revoke", CH, "1.0.0", "--code", "cve"],
        ] {
            let mut words = vec!["channel"];
            words.extend(verb);
            words.extend(["--reason", reason, "--keys", "keys", "--json"]);
            let said = bench.args(words);
            assert_eq!(
                (said.exit, &said.json()["error"]["code"]),
                (Some(2), &"E-EDIT-VALUE".into()),
                "{reason:?}"
            );
        }
    }
}

#[test]
fn what_is_revoked_or_below_the_floor_stays_out() {
    let bench = with_three();
    published(&bench, &format!("revoke {CH} 1.2.0 --code backdoor --reason x --keys keys"));
    for line in [
        format!("promote {CH} 1.2.0"),
        format!("rollback {CH} 1.2.0 --until 2199-01-01 --reason x"),
        format!("reinstate {CH} 1.2.0"),
        format!("revoke {CH} 1.2.0 --code cve --reason other"),
        format!("revoke {CH} 1.2.0 --code cve --reason weaker --quarantine"),
    ] {
        bench.bad(&format!("channel {line} --keys keys"), "E-EDIT-STATUS", 2);
    }
    let result = published(&bench, &format!("floor {CH} 2 --keys keys"));
    assert!(result["warnings"].to_string().contains("shuts out 1.0.0"), "{result}");
    bench.bad(
        &format!("channel rollback {CH} 1.0.0 --until 2199-01-01 --reason x --keys keys"),
        "E-EDIT-FLOOR",
        2,
    );
}

#[test]
fn the_current_release_is_revoked_with_a_warning() {
    let bench = with_three();
    let result =
        published(&bench, &format!("revoke {CH} 1.1.0 --code key-compromise --reason x --keys keys"));
    assert_eq!(result["current"], serde_json::Value::Null);
    assert!(result["warnings"].to_string().contains("nothing takes its place"), "{result}");
}

#[test]
fn names_thresholds_and_places() {
    let bench = with(&["1.0.0"]);
    let init = |place: &str, more: &str| format!("channel init {place} --keys keys --no-passphrase {more}");
    let named = "--model org/m --channel stable";
    for (place, more) in [
        ("c", "--model org//m --channel stable"),
        ("c", "--model ../m --channel stable"),
        ("c", "--model org/m --channel a/b"),
        ("c", "--model org/m --channel root"),
        ("c", "--model org/m --channel stable --threshold root=3/2"),
        ("c", "--model org/m --channel stable --threshold root=0/1"),
        ("c", "--model org/m --channel stable --threshold other=1/1"),
        ("oci:store", named),
        ("registry.test/org/m", named),
        ("https://models.test/stable", named),
    ] {
        bench.bad(&init(place, more), "E-USAGE", 2);
    }
    assert!(!bench.path("keys").exists() && !bench.path("c").exists());
    for line in
        ["floor c -1", "floor c x", "promote c ../x", "publish c 1.0.0 --artifact x --canary 5 --hold"]
    {
        bench.bad(&format!("channel {line} --keys keys"), "E-USAGE", 2);
    }
    for line in [
        "rotate c",
        "rotate c --new-epoch",
        "rotate c --floor 1",
        "rotate c --role x",
        "rotate c --role root --role targets --threshold 1",
    ] {
        bench.bad(&format!("channel {line} --keys keys"), "E-USAGE", 2);
    }
}

#[test]
fn a_canary_is_a_share() {
    let bench = begun(&["1.0.0"], "");
    for share in ["0", "100"] {
        let line =
            format!("channel publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys --canary {share}");
        bench.bad(&line, "E-EDIT-VALUE", 2);
    }
}

#[test]
fn a_web_server_is_not_written_to() {
    let bench = begun(&["1.0.0"], "");
    for line in
        ["floor https://models.test/c 1", "sign https://models.test/c", "refresh https://models.test/c"]
    {
        let said = bench.bad(&format!("channel {line} --keys keys"), "E-USAGE", 2);
        assert!(said.stderr.contains("can only be read"), "{said:?}");
    }
}

#[test]
fn a_channel_is_begun_once() {
    let bench = begun(&[], "");
    let line = |place: &str, keys: &str| {
        format!("channel init {place} --model org/m --channel stable --keys {keys} --no-passphrase")
    };
    let before = log(&bench, CH);
    let said = bench.bad(&line(CH, "other"), "E-EXISTS", 10);
    assert!(said.stderr.contains("a channel lies there already"), "{said:?}");
    let said = bench.bad(&line("elsewhere", "keys"), "E-EXISTS", 10);
    assert!(said.stderr.contains("one folder is for one channel"), "{said:?}");
    bench.bad(&format!("{} --force", line(CH, "keys")), "E-EXISTS", 10);
    assert_eq!(log(&bench, CH), before);
}

#[test]
fn a_place_where_nothing_lies() {
    let bench = begun(&[], "");
    bench.bad("channel floor nowhere 1 --keys keys", "E-NOT-FOUND", 10);
    bench.bad("channel floor oci:nowhere:stable 1 --keys keys", "E-NOT-FOUND", 10);
    let said = bench.bad("channel floor oci:store:beta 1 --keys keys", "E-REFERENCE-NOT-FOUND", 11);
    assert!(said.stderr.contains("lacre channel init oci:store:beta"), "{said:?}");
    bench.bad(&format!("channel floor {CH} 1 --keys none"), "E-NOT-FOUND", 10);
    bench.bad("channel log nowhere", "E-NOT-FOUND", 10);
    bench.bad("channel log oci:store:beta", "E-REFERENCE-NOT-FOUND", 11);
}
