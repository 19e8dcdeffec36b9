use lacre_hash::Sha256Digest;
use lacre_testkit::{Pins, TufSimulator};
use serde_json::{Value, json};

fn served(repository: &TufSimulator, name: &str) -> Value {
    serde_json::from_slice::<Value>(&repository.file(name)).unwrap()["signed"].take()
}

#[test]
fn test_repo_initialzation_unittest() {
    let repository = TufSimulator::new();
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let signed = served(&repository, &format!("1.{role}.json"));
        assert_eq!((&signed["version"], &signed["_type"]), (&json!(1), &json!(role)));
        assert_eq!(repository.ask(&format!("2.{role}.json")), None);
    }
}

#[test]
fn test_basic_metadata_hash_support_unittest() {
    let mut repository = TufSimulator::new();
    repository.pins = Pins::Digests;
    repository.publish_all();
    let snapshot = repository.file("2.snapshot.json");
    let pin = served(&repository, "timestamp.json")["meta"]["snapshot.json"].take();
    let digest = Sha256Digest::of(&snapshot).to_string();
    assert_eq!(pin, json!({ "version": 2, "length": snapshot.len(), "hashes": { "sha256": digest } }));
}

#[test]
fn test_update_timestamp() {
    let mut repository = TufSimulator::new();
    repository.draft("timestamp")["expires"] = json!("2029-12-27T00:00:00Z");
    repository.publish(&["timestamp"]);
    let signed = served(&repository, "timestamp.json");
    assert_eq!((&signed["version"], &signed["expires"]), (&json!(2), &json!("2029-12-27T00:00:00Z")));
}
