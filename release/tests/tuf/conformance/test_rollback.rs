use lacre_testkit::{Pins, TufSimulator};
use serde_json::json;

use crate::client::Client;

fn refreshed(pins: Pins) -> (TufSimulator, Client) {
    let mut repository = TufSimulator::new();
    repository.pins = pins;
    repository.publish_all();
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    (repository, client)
}

#[test]
fn test_new_timestamp_version_rollback() {
    let (mut repository, mut client) = refreshed(Pins::Versions);
    repository.draft("timestamp")["version"] = json!(0);
    repository.publish(&["timestamp"]);
    assert_eq!(client.outcome(&repository), "E-REPLAY");
    assert_eq!(client.version("timestamp"), 2);
}

#[test]
fn test_snapshot_rollback() {
    for pins in [Pins::Versions, Pins::Digests] {
        let (mut repository, mut client) = refreshed(pins);
        repository.asked();
        repository.draft("snapshot")["version"] = json!(0);
        repository.publish(&["snapshot", "timestamp"]);
        assert_eq!(client.outcome(&repository), "E-REPLAY");
        assert_eq!((client.version("timestamp"), client.version("snapshot")), (2, 2));
        assert_eq!(repository.asked(), ["2.root.json", "timestamp.json"]);
    }
}

#[test]
fn test_targets_rollback() {
    for pins in [Pins::Versions, Pins::Digests] {
        let (mut repository, mut client) = refreshed(pins);
        repository.draft("targets")["version"] = json!(0);
        repository.publish_all();
        assert_eq!(client.outcome(&repository), "E-REPLAY");
        assert_eq!((client.version("snapshot"), client.version("targets")), (2, 2));
    }
}

#[test]
fn test_delegated_rollback() {
    let (mut repository, mut client) = refreshed(Pins::Versions);
    repository.delegate("targets", "a", &["*"]);
    repository.publish_all();
    repository.publish_all();
    client.refresh(&repository).unwrap();
    repository.draft("a")["version"] = json!(0);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "E-REPLAY");
    assert_eq!((client.version("timestamp"), client.version("snapshot")), (5, 4));
}

#[test]
fn test_targets_role_removal() {
    let (mut repository, mut client) = refreshed(Pins::Versions);
    repository.delegate("targets", "delegated", &["a/*"]);
    repository.publish_all();
    client.refresh(&repository).unwrap();
    repository.draft("snapshot")["meta"].as_object_mut().unwrap().remove("delegated.json");
    repository.draft("snapshot")["version"] = json!(4);
    repository.publish_as_drafted("snapshot");
    repository.publish(&["timestamp"]);
    assert_eq!(client.outcome(&repository), "E-TUF-MISMATCH");
    assert_eq!(client.version("snapshot"), 3);
}

#[test]
fn test_targets_fast_forward_recovery() {
    let (mut repository, mut client) = refreshed(Pins::Versions);
    repository.delegate("targets", "delegated", &["a/*"]);
    repository.draft("targets")["version"] = json!(99);
    repository.publish_all();
    assert_eq!(client.download_outcome(&repository, "a/file"), "E-TUF-MISSING");
    assert_eq!((client.version("targets"), client.version("delegated")), (100, 1));

    repository.draft("targets")["version"] = json!(0);
    repository.drafts.remove("delegated");
    repository.draft("targets").as_object_mut().unwrap().remove("delegations");
    repository.draft("snapshot")["meta"].as_object_mut().unwrap().remove("delegated.json");
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "E-TUF-MISMATCH", "a new root must say so");
    repository.draft("targets")["version"] = json!(0);
    repository.rotate("snapshot");
    repository.publish(&["root"]);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "ok");
    assert_eq!((client.version("targets"), client.version("delegated")), (1, 0));
}

#[test]
fn test_new_snapshot_fast_forward_recovery() {
    let (mut repository, mut client) = refreshed(Pins::Versions);
    repository.draft("snapshot")["version"] = json!(99);
    repository.publish(&["snapshot", "timestamp"]);
    client.refresh(&repository).unwrap();
    assert_eq!(client.version("snapshot"), 100);
    repository.draft("snapshot")["version"] = json!(0);
    repository.rotate("snapshot");
    repository.rotate("timestamp");
    repository.publish(&["root"]);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "ok");
    assert_eq!(client.version("snapshot"), 1);
}

#[test]
fn test_new_timestamp_fast_forward_recovery() {
    let (mut repository, mut client) = refreshed(Pins::Versions);
    repository.draft("timestamp")["version"] = json!(99);
    repository.publish(&["timestamp"]);
    client.refresh(&repository).unwrap();
    assert_eq!(client.version("timestamp"), 100);
    repository.draft("timestamp")["version"] = json!(0);
    repository.publish(&["timestamp"]);
    assert_eq!(client.outcome(&repository), "E-REPLAY", "a new root must say so");
    repository.draft("timestamp")["version"] = json!(0);
    repository.rotate("timestamp");
    repository.publish(&["root", "timestamp"]);
    assert_eq!(client.outcome(&repository), "ok");
    assert_eq!(client.version("timestamp"), 1);
}
