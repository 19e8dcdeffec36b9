//! Roles get other keys, and thieves are left behind.

use std::fs;

use serde_json::json;

use crate::desk::{CH, begun, changes, log, published, take, waits};

#[test]
fn a_key_that_lost_its_role_signs_nothing_more() {
    for role in ["snapshot", "timestamp", "channel", "targets", "root"] {
        let bench = begun(&["1.0.0"], "");
        let result = published(&bench, &format!("rotate {CH} --role {role} --keys keys --no-passphrase"));
        assert_eq!(result["new_keys"], json!([format!("{role}-2")]));
        let old = format!("{role}-1");
        // The old key alone, with all others, does not reach the threshold.
        take(&bench, "new", &[&format!("{role}-2")]);
        let line = match role {
            "snapshot" | "channel" => format!("refresh {CH} --document --keys keys"),
            "timestamp" => format!("refresh {CH} --keys keys"),
            role => format!("rotate {CH} --role {role} --renew --keys keys"),
        };
        if role == "timestamp" {
            bench.bad(&format!("channel {line}"), "E-DRAFT-PENDING", 4);
            continue;
        }
        let lacks = waits(&bench, &line);
        assert!(lacks.contains(&(role.to_owned(), 1)), "{old}: {lacks:?}");
        fs::rename(bench.path(&format!("new/{role}-2.key")), bench.path(&format!("keys/{role}-2.key")))
            .unwrap();
        fs::rename(bench.path(&format!("new/{role}-2.pub")), bench.path(&format!("keys/{role}-2.pub")))
            .unwrap();
        published(&bench, &format!("sign {CH} --keys keys"));
    }
}

#[test]
fn new_keys_of_root_are_signed_by_the_old_ones_and_themselves() {
    let bench = begun(&[], "root=2/3");
    take(&bench, "one", &["root-1"]);
    take(&bench, "two", &["root-2"]);
    take(&bench, "three", &["root-3"]);
    let lacks = waits(&bench, &format!("rotate {CH} --role root --keys keys --no-passphrase"));
    assert_eq!(lacks, [("root".to_owned(), 2)], "the new keys are here and signed");
    assert_eq!(waits(&bench, &format!("sign {CH} --keys three")), [("root".to_owned(), 1)]);
    published(&bench, &format!("sign {CH} --keys one"));
    // The anchor stays: clients walk from it to the newest root.
    published(&bench, &format!("refresh {CH} --keys keys"));
    bench.bad(&format!("channel sign {CH} --keys two"), "E-USAGE", 2);
    assert_eq!(log(&bench, CH)[1]["new_root"], 2);
}

#[test]
fn keys_of_other_people_come_in_by_name() {
    let bench = begun(&["1.0.0"], "");
    for name in ["ann", "bob"] {
        bench.good(&format!("key new {name} --algorithm ed25519 --no-passphrase"));
        for file in ["root.json", "last.json"] {
            bench.write(format!("at-{name}/{file}"), &bench.read(&format!("keys/{file}")));
        }
        for suffix in ["key", "pub"] {
            bench.write(format!("at-{name}/channel-1.{suffix}"), &bench.read(&format!("{name}.{suffix}")));
        }
    }
    let line = format!("rotate {CH} --role channel --key ann.pub --key bob.pub --threshold 2 --keys keys");
    assert_eq!(waits(&bench, &line)[0], ("channel".to_owned(), 2), "they have to sign the document as it is");
    waits(&bench, &format!("sign {CH} --keys at-bob"));
    waits(&bench, &format!("sign {CH} --keys at-ann"));
    let result = published(&bench, &format!("sign {CH} --keys keys"));
    assert_eq!(result["sequence"], 1);
    waits(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys at-ann"));
    waits(&bench, &format!("sign {CH} --keys at-bob"));
    assert_eq!(published(&bench, &format!("sign {CH} --keys keys"))["current"], "1.0.0");
}

#[test]
fn lifetimes_are_changed_by_root_alone() {
    let bench = begun(&[], "");
    let hours = || {
        let result = published(&bench, &format!("refresh {CH} --document --keys keys"));
        let expires: jiff::Timestamp = result["expires"].as_str().unwrap().parse().unwrap();
        expires.duration_since(jiff::Timestamp::now()).as_hours()
    };
    assert_eq!(hours(), 90 * 24 - 1);
    take(&bench, "offline", &["root-1"]);
    let line = format!("rotate {CH} --lifetime channel=10d,timestamp=2d");
    assert_eq!(waits(&bench, &format!("{line} --keys keys"))[0], ("root".to_owned(), 1));
    waits(&bench, &format!("sign {CH} --keys offline --dry-run"));
    published(&bench, &format!("sign {CH} --keys offline"));
    assert_eq!(hours(), 10 * 24 - 1);
    for (times, code) in
        [("channel=59s", "E-LIFETIME"), ("root=4000d", "E-LIFETIME"), ("channel=1", "E-USAGE")]
    {
        bench.bad(&format!("channel rotate {CH} --lifetime {times} --keys keys"), code, 2);
    }
}

#[test]
fn a_thief_who_used_up_the_numbers_is_left_behind() {
    let bench = begun(&["1.0.0", "6.6.6"], "");
    published(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    // With the stolen keys of channel, snapshot and timestamp.
    take(&bench, "thief", &[]);
    for key in ["channel-1", "snapshot-1", "timestamp-1"] {
        for suffix in ["key", "pub"] {
            bench.write(format!("thief/{key}.{suffix}"), &bench.read(&format!("keys/{key}.{suffix}")));
        }
    }
    let most = u64::MAX;
    published(
        &bench,
        &format!("publish {CH} 6.6.6 --artifact oci:store:v6.6.6 --counter {most} --keys thief"),
    );
    published(&bench, &format!("floor {CH} {most} --keys thief"));
    bench.bad(&format!("channel promote {CH} 1.0.0 --keys keys"), "E-EDIT-FLOOR", 2);

    let line = format!(
        "rotate {CH} --new-epoch --floor 1 --current 1.0.0 --drop 6.6.6 --role channel --keys keys --no-passphrase"
    );
    let result = published(&bench, &line);
    assert_eq!(
        (&result["epoch"], &result["sequence"], &result["current"]),
        (&2.into(), &1.into(), &"1.0.0".into())
    );
    assert_eq!(result["new_keys"], json!(["channel-2", "snapshot-2", "timestamp-2"]));
    assert!(result["warnings"].to_string().contains("the floor is lower"), "{result}");
    assert!(changes(&result).contains(&"6.6.6 is not listed any more"), "{result}");
    for line in [format!("refresh {CH}"), format!("refresh {CH} --document")] {
        let said = bench.run(&format!("channel {line} --keys thief --json")).json();
        let pending = said["result"]["pending"].is_array() || said["error"]["code"] == "E-DRAFT-PENDING";
        assert!(pending, "{said}");
    }
    published(&bench, &format!("refresh {CH} --document --keys keys"));
}

#[test]
fn a_new_epoch_gives_the_keys_of_thieves_no_second_life() {
    let bench = begun(&["1.0.0"], "");
    published(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    let before = log(&bench, CH);
    bench.bad(
        &format!("channel rotate {CH} --new-epoch --floor 0 --role timestamp --key keys/timestamp-1.pub --keys keys"),
        "E-EPOCH-KEYS",
        2,
    );
    assert_eq!(log(&bench, CH), before);
}

/// A thief of the approvers' key may alter releases under their versions, too: what was said before is what counts.
#[test]
fn a_new_epoch_begins_with_what_was_said_before_a_thief() {
    let bench = begun(&["1.0.0", "1.1.0", "6.6.6"], "");
    for version in ["1.0.0", "1.1.0", "6.6.6"] {
        published(&bench, &format!("publish {CH} {version} --artifact oci:store:v{version} --keys keys"));
    }
    published(&bench, &format!("revoke {CH} 1.0.0 --code license --reason x --keys keys"));
    let anew = "--new-epoch --floor 1 --role channel --keys keys --no-passphrase";
    for sequence in ["5", "99", "0"] {
        bench.bad(&format!("channel rotate {CH} {anew} --as-of {sequence}"), "E-USAGE", 2);
    }
    let result = published(&bench, &format!("rotate {CH} {anew} --as-of 3"));
    assert_eq!((&result["epoch"], &result["current"]), (&2.into(), &"1.1.0".into()));
    bench.good(&format!("channel trust {CH} --channel-root keys/root.json --state st"));
    let status = bench.good(&format!("channel status {CH} --state st --json")).json();
    let releases = status["result"]["releases"].as_array().unwrap();
    let said: Vec<_> =
        releases.iter().map(|it| (it["version"].as_str().unwrap(), it["status"].as_str().unwrap())).collect();
    assert_eq!(said, [("1.0.0", "active"), ("1.1.0", "active")]);
}
