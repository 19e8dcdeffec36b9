use lacre_testkit::TufSimulator;
use serde_json::json;

use crate::client::{Client, NOW, time};

const BEFORE: &str = "2029-12-31T00:00:00Z";

#[test]
fn test_root_expired() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    repository.draft("root")["expires"] = json!(BEFORE);
    repository.publish(&["root"]);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "E-TUF-EXPIRED");
    // The root counts, and nothing below it.
    assert_eq!((client.version("root"), client.version("timestamp"), client.version("snapshot")), (2, 1, 1));
}

#[test]
fn test_timestamp_expired_and_test_snapshot_expired_and_test_targets_expired() {
    for (role, versions) in [("timestamp", [1, 1, 1]), ("snapshot", [2, 1, 1]), ("targets", [2, 2, 1])] {
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        client.refresh(&repository).unwrap();
        repository.draft(role)["expires"] = json!(BEFORE);
        repository.publish_all();
        let error = client.refresh(&repository).unwrap_err();
        assert_eq!(error.code(), "E-TUF-EXPIRED", "{role}");
        assert!(error.to_string().contains(role) && error.to_string().contains("2029-12-31"), "{error}");
        assert_eq!(["timestamp", "snapshot", "targets"].map(|role| client.version(role)), versions, "{role}");
    }
}

#[test]
fn test_delegated_expired() {
    let mut repository = TufSimulator::new();
    repository.delegate("targets", "a", &["*"]);
    repository.draft("a")["expires"] = json!(BEFORE);
    repository.publish_all();
    let mut client = Client::of(&repository);
    assert_eq!(client.download_outcome(&repository, "x"), "E-TUF-EXPIRED");
    assert_eq!(client.version("a"), 0);
}

#[test]
fn what_expires_now_has_expired() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        for (expires, outcome) in [(NOW, "E-TUF-EXPIRED"), ("2030-01-01T00:00:01Z", "ok")] {
            let mut repository = TufSimulator::new();
            let mut client = Client::of(&repository);
            repository.draft(role)["expires"] = json!(expires);
            repository.publish(&["root"]);
            repository.publish_all();
            assert_eq!(client.outcome(&repository), outcome, "{role} {expires}");
        }
    }
}

#[test]
fn test_expired_local_root() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    repository.draft("root")["expires"] = json!("2030-01-08T00:00:00Z");
    repository.publish(&["root"]);
    client.refresh(&repository).unwrap();
    client.now = time("2030-01-19T00:00:00Z");
    assert_eq!(client.outcome(&repository), "E-TUF-EXPIRED");
    repository.draft("root")["expires"] = json!("2030-01-22T00:00:00Z");
    repository.publish(&["root"]);
    assert_eq!(client.outcome(&repository), "ok");
    assert_eq!(client.version("root"), 3);
}

#[test]
fn test_expired_local_timestamp() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    repository.draft("timestamp")["expires"] = json!("2030-01-08T00:00:00Z");
    repository.publish(&["timestamp"]);
    client.refresh(&repository).unwrap();
    client.now = time("2030-01-19T00:00:00Z");
    // The same timestamp again is no news.
    assert_eq!(client.outcome(&repository), "E-TUF-EXPIRED");
    repository.draft("timestamp")["expires"] = json!("2030-01-22T00:00:00Z");
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "ok");
    assert_eq!(["timestamp", "snapshot", "targets"].map(|role| client.version(role)), [3, 2, 2]);
}

#[test]
fn an_expired_local_timestamp_still_says_what_the_lowest_version_is() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    repository.draft("timestamp")["expires"] = json!("2030-01-08T00:00:00Z");
    repository.draft("timestamp")["version"] = json!(6);
    repository.publish(&["timestamp"]);
    client.refresh(&repository).unwrap();
    client.now = time("2030-01-19T00:00:00Z");
    repository.draft("timestamp")["expires"] = json!("2030-02-01T00:00:00Z");
    repository.draft("timestamp")["version"] = json!(5);
    repository.publish(&["timestamp"]);
    repository.draft("timestamp")["version"] = json!(6);
    repository.publish_as_drafted("timestamp");
    assert_eq!(client.outcome(&repository), "E-REPLAY");
}
