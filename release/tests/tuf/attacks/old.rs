//! Old things: replays, freezes, versions that were burned, roots that expired.

use lacre_release::{Kept, Refresh};
use lacre_testkit::{Pins, TufKey, TufSimulator};
use serde_json::json;

use super::{refused, up_to_date};
use crate::client::{Client, NOW, time};

#[test]
fn replay_of_a_whole_repository() {
    for pins in [Pins::Versions, Pins::Digests] {
        let (mut repository, mut client) = up_to_date(pins);
        let old = repository.clone();
        repository.publish_all();
        client.refresh(&repository).unwrap();
        refused(&mut client, &old, "E-REPLAY", "the version before");
        refused(&mut client, &TufSimulator::new(), "E-TUF-SIGNATURE", "somebody else's");
        // Who has no state cannot tell. That is why nothing but `trust` may make one.
        assert_eq!(Client::of(&old).outcome(&old), "ok");
    }
}

#[test]
fn replay_of_a_root() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    let first = repository.file("1.root.json");
    repository.serve("2.root.json", &first);
    refused(&mut client, &repository, "E-REPLAY", "the first root as the second");
    repository.publish(&["root"]);
    client.refresh(&repository).unwrap();
    let second = repository.file("2.root.json");
    for (bytes, what) in [(&first, "the first"), (&second, "the second")] {
        repository.serve("3.root.json", bytes);
        refused(&mut client, &repository, "E-REPLAY", what);
    }
}

#[test]
fn freeze() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    for (role, expires) in [("timestamp", "2030-01-02T00:00:00Z"), ("snapshot", "2030-01-03T00:00:00Z")] {
        repository.draft(role)["expires"] = json!(expires);
    }
    repository.draft("targets")["expires"] = json!("2030-01-04T00:00:00Z");
    repository.draft("root")["expires"] = json!("2030-01-05T00:00:00Z");
    repository.publish(&["root"]);
    repository.publish_all();
    client.refresh(&repository).unwrap();

    // Every answer is the one of yesterday.
    client.now = time("2030-01-01T23:59:59Z");
    assert_eq!(client.outcome(&repository), "ok");
    client.now = time("2030-01-02T00:00:00Z");
    refused(&mut client, &repository, "E-TUF-EXPIRED", "the timestamp");
    let offline = Refresh::from_kept(client.kept.clone(), client.now).unwrap_err();
    assert_eq!((offline.code(), offline.to_string().contains("timestamp")), ("E-TUF-EXPIRED", true));
    // Thieves of the timestamp key cannot freeze for longer than the snapshot is valid, and so on up to the root.
    repository.draft("timestamp")["expires"] = json!("2031-01-01T00:00:00Z");
    repository.publish(&["timestamp"]);
    client.now = time("2030-01-03T00:00:00Z");
    let told = client.refresh(&repository).unwrap_err().to_string();
    assert_eq!(told, "snapshot expired at 2030-01-03T00:00:00Z");
    repository.draft("snapshot")["expires"] = json!("2031-01-01T00:00:00Z");
    repository.publish(&["snapshot", "timestamp"]);
    client.now = time("2030-01-04T00:00:00Z");
    let told = client.refresh(&repository).unwrap_err().to_string();
    assert_eq!(told, "targets expired at 2030-01-04T00:00:00Z");
    repository.draft("targets")["expires"] = json!("2031-01-01T00:00:00Z");
    repository.publish_all();
    client.now = time("2030-01-05T00:00:00Z");
    refused(&mut client, &repository, "E-TUF-EXPIRED", "the root");
}

#[test]
fn freeze_of_what_is_kept() {
    // The timestamp is new every day; the kept snapshot and targets are not asked for again, and expire all the same.
    for role in ["snapshot", "targets"] {
        let (mut repository, mut client) = up_to_date(Pins::Versions);
        repository.draft(role)["expires"] = json!("2030-01-02T00:00:00Z");
        repository.publish_all();
        client.refresh(&repository).unwrap();
        client.now = time("2030-01-02T00:00:00Z");
        repository.publish(&["timestamp"]);
        let error = client.refresh(&repository).unwrap_err();
        assert_eq!(error.to_string(), format!("{role} expired at 2030-01-02T00:00:00Z"));
        let offline = Refresh::from_kept(client.kept.clone(), client.now).unwrap_err();
        assert_eq!(offline.to_string(), error.to_string());
    }
}

/// Without a network nothing is newer than what is kept: that it has expired is the reason, not that there is no other.
#[test]
fn freeze_without_a_network() {
    let mut repository = TufSimulator::new();
    repository.delegate("targets", "delegated", &["*"]);
    repository.draft("delegated")["expires"] = json!("2030-01-02T00:00:00Z");
    repository.add_target("delegated", "file", b"content");
    repository.publish_all();
    let mut client = Client::of(&repository);
    client.download(&repository, &["file"]).unwrap();
    for (now, code) in [(NOW, "E-TUF-MISSING"), ("2030-01-02T00:00:00Z", "E-TUF-EXPIRED")] {
        let mut refresh = Refresh::from_kept(client.kept.clone(), time(now)).unwrap();
        refresh.seek("file").unwrap();
        // The target first, then the role that names it.
        assert_eq!(refresh.give(None).unwrap_err().code(), code);
    }
    // A role, or a snapshot, that is newer than the kept one is not expired but not there.
    for role in ["delegated", "snapshot"] {
        let mut repository = repository.clone();
        let mut client = client.clone();
        repository.publish_all();
        repository.remove(&format!("{}.{role}.json", if role == "snapshot" { 3 } else { 2 }));
        client.now = time("2030-01-02T00:00:00Z");
        assert_eq!(client.download_outcome(&repository, "file"), "E-TUF-MISSING", "{role}");
    }
}

#[test]
fn what_has_expired_is_read_by_who_repairs_it_only() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    repository.draft("timestamp")["expires"] = json!("2020-01-01T00:00:00Z");
    repository.publish(&["timestamp"]);
    refused(&mut client, &repository, "E-TUF-EXPIRED", "a timestamp of 2020");
    let read = |repository: &TufSimulator| {
        let mut refresh = Refresh::start_with_expired_danger(client.kept.clone()).unwrap();
        crate::client::answer(&mut refresh, repository).map_or_else(|error| error.code(), |()| "ok")
    };
    assert_eq!(read(&repository), "ok");
    // It is as strict in all else.
    repository.draft("timestamp")["version"] = json!(1);
    repository.publish_as_drafted("timestamp");
    assert_eq!(read(&repository), "E-REPLAY");
    repository.signers.insert("timestamp".to_owned(), vec![TufKey::ed25519()]);
    repository.publish(&["timestamp"]);
    assert_eq!(read(&repository), "E-TUF-SIGNATURE");
}

/// Who stole the online keys burns all versions that there are.
#[test]
fn fast_forward_and_recovery() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    let honest = repository.clone();
    for role in ["targets", "snapshot", "timestamp"] {
        repository.draft(role)["version"] = json!(u64::MAX - 1);
    }
    repository.publish_all();
    client.refresh(&repository).unwrap();
    assert_eq!(["targets", "snapshot", "timestamp"].map(|role| client.version(role)), [u64::MAX; 3]);

    let mut repository = honest;
    repository.publish_all();
    refused(&mut client, &repository, "E-REPLAY", "no root has spoken");
    // A root that lets the old keys speak as well makes nothing good.
    for role in ["snapshot", "timestamp"] {
        repository.add_key("root", role, &TufKey::ed25519());
    }
    repository.publish(&["root"]);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "E-REPLAY");
    assert_eq!((client.version("root"), client.version("timestamp")), (2, u64::MAX));
    for role in ["snapshot", "timestamp"] {
        repository.rotate(role);
    }
    repository.publish(&["root"]);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "ok");
    assert_eq!(["targets", "snapshot", "timestamp"].map(|role| client.version(role)), [5, 5, 5]);
    assert_eq!(client.download(&repository, &["file"]).unwrap(), [b"content"]);
}

/// A timestamp was believed, its snapshot withheld: what the snapshot before it said counts until there is another.
#[test]
fn a_snapshot_that_is_withheld_lowers_nothing() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    repository.publish_all();
    repository.remove("3.snapshot.json");
    assert_eq!(client.outcome(&repository), "E-TUF-MISSING");
    assert_eq!((client.version("timestamp"), client.version("snapshot")), (3, 2));
    // The snapshot comes a day later, and names the first targets.
    repository.draft("targets")["version"] = json!(0);
    repository.publish(&["targets"]);
    repository.publish_again("snapshot");
    assert_eq!(client.outcome(&repository), "E-REPLAY");
    assert_eq!((client.version("snapshot"), client.version("targets")), (2, 2));
    // Nor can it leave them out.
    repository.draft("snapshot")["meta"] = json!({ "other.json": { "version": 1 } });
    repository.publish_as_drafted("snapshot");
    assert_eq!(client.outcome(&repository), "E-TUF-METADATA");
    repository.draft("snapshot")["meta"] = json!({ "targets.json": { "version": 3 } });
    repository.publish_as_drafted("snapshot");
    repository.draft("targets")["version"] = json!(3);
    repository.publish_as_drafted("targets");
    assert_eq!(client.outcome(&repository), "ok");
}

#[test]
fn gap_between_versions_of_the_root() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    repository.publish(&["root", "root"]);
    let third = repository.file("3.root.json");
    repository.serve("2.root.json", &third);
    refused(&mut client, &repository, "E-TUF-MISMATCH", "the third root as the second");
    repository.draft("root")["version"] = json!(u64::MAX);
    let last = repository.signed("root", &repository.drafts["root"]);
    repository.serve("2.root.json", &last);
    refused(&mut client, &repository, "E-TUF-MISMATCH", "the last root that there can be");
    // Without the second one, the third is not even asked for.
    repository.remove("2.root.json");
    repository.asked();
    assert_eq!(client.outcome(&repository), "ok");
    assert_eq!((client.version("root"), repository.asked()[0].as_str()), (1, "2.root.json"));
    // There is no root after the last one.
    let anchor = Kept::anchor(last);
    let mut refresh = Refresh::start(anchor, time(NOW)).unwrap();
    assert_eq!(refresh.wanted().unwrap().name, format!("{}.root.json", u64::MAX));
    assert_eq!(refresh.give(Some(third)).unwrap_err().code(), "E-REPLAY");
}

/// Roots in between may have expired, the last one may not: else who withholds the newest would live for ever on an old
/// one.
#[test]
fn expired_root_chain() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    repository.draft("root")["expires"] = json!("2029-06-01T00:00:00Z");
    repository.publish(&["root", "root"]);
    repository.draft("root")["expires"] = json!("2031-01-01T00:00:00Z");
    repository.publish(&["root"]);
    let newest = repository.file("4.root.json");
    repository.remove("4.root.json");
    assert_eq!(client.outcome(&repository), "E-TUF-EXPIRED");
    assert_eq!(client.version("root"), 3);
    assert_eq!(repository.asked().last().map(String::as_str), Some("4.root.json"), "and no timestamp");
    repository.serve("4.root.json", &newest);
    assert_eq!(client.outcome(&repository), "ok");
    // The same from an anchor that has expired itself.
    let mut late = Client { kept: Kept::anchor(repository.file("2.root.json")), now: time(NOW) };
    assert_eq!(late.outcome(&repository), "ok");
    // A root in between that nobody signed breaks the chain, expired or not.
    let mut file: serde_json::Value = serde_json::from_slice(&repository.file("3.root.json")).unwrap();
    file["signed"]["expires"] = json!("2031-01-01T00:00:00Z");
    repository.serve("3.root.json", &serde_json::to_vec(&file).unwrap());
    let mut late = Client { kept: Kept::anchor(repository.file("2.root.json")), now: time(NOW) };
    refused(&mut late, &repository, "E-TUF-SIGNATURE", "a root whose expiry was edited");
}
