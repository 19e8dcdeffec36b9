use lacre_release::{Kept, Refresh};
use lacre_testkit::{Pins, TufKey, TufSimulator};
use serde_json::{Value, json};

use crate::client::{Client, NOW, answer, time};

fn edited(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut file: Value = serde_json::from_slice(bytes).unwrap();
    edit(&mut file);
    serde_json::to_vec(&file).unwrap()
}

fn stored(versions: &[(&str, u64)]) -> Vec<(String, u64)> {
    versions.iter().map(|(role, version)| ((*role).to_owned(), *version)).collect()
}

#[test]
fn test_basic_refresh_requests() {
    let repository = TufSimulator::new();
    Client::of(&repository).refresh(&repository).unwrap();
    assert_eq!(repository.asked(), ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
}

#[test]
fn test_basic_refresh_without_consistent_snapshot() {
    let mut repository = TufSimulator::new();
    repository.draft("root")["consistent_snapshot"] = json!(false);
    repository.draft("root")["version"] = json!(0);
    repository.publish(&["root"]);
    repository.add_target("targets", "a/b", b"content");
    repository.publish_all();
    let mut client = Client::of(&repository);
    assert_eq!(client.download(&repository, &["a/b"]).unwrap(), [b"content"]);
    assert_eq!(repository.asked(), ["2.root.json", "timestamp.json", "snapshot.json", "targets.json", "a/b"]);
}

#[test]
fn test_basic_refresh_trusted_data_and_test_metadata_bytes_match() {
    let mut repository = TufSimulator::new();
    // White space that nobody else would write.
    let odd = [repository.file("timestamp.json").as_slice(), b" \n"].concat();
    repository.serve("timestamp.json", &odd);
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    assert_eq!(client.kept.root, repository.file("1.root.json"));
    assert_eq!(client.kept.timestamp, Some(odd));
    assert_eq!(client.kept.snapshot, Some(repository.file("1.snapshot.json")));
    assert_eq!(client.kept.roles, [("targets".to_owned(), repository.file("1.targets.json"))].into());
}

#[test]
fn test_implicit_refresh() {
    let repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    assert_eq!(client.download_outcome(&repository, "nonexistent artifact"), "E-TUF-MISSING");
    assert_eq!(repository.asked().len(), 4);
    assert_eq!(client.stored(), stored(&[("root", 1), ("snapshot", 1), ("targets", 1), ("timestamp", 1)]));
}

#[test]
fn test_invalid_initial_root_and_test_unsigned_initial_root() {
    let root = TufSimulator::new().file("1.root.json");
    let start =
        |root| Refresh::start(Kept::anchor(root), time(NOW)).map_or_else(|error| error.code(), |_| "ok");
    assert_eq!(start(root.clone()), "ok");
    let without = edited(&root, |root| drop(root["signed"].as_object_mut().unwrap().remove("version")));
    assert_eq!(start(without), "E-JSON");
    let other = TufSimulator::new().file("1.root.json");
    let other: Value = serde_json::from_slice(&other).unwrap();
    let signature = other["signatures"][0]["sig"].clone();
    assert_eq!(start(edited(&root, |root| root["signatures"][0]["sig"] = signature)), "E-TUF-SIGNATURE");
    assert_eq!(start(edited(&root, |root| root["signatures"] = json!([]))), "E-TUF-SIGNATURE");
}

#[test]
fn test_unsigned_metadata() {
    for (role, kept) in [
        ("root", stored(&[("root", 1)])),
        ("timestamp", stored(&[("root", 2)])),
        ("snapshot", stored(&[("root", 2), ("timestamp", 2)])),
        ("targets", stored(&[("root", 2), ("snapshot", 2), ("timestamp", 2)])),
    ] {
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        repository.signers.remove(role);
        repository.publish(&["root"]);
        repository.publish_all();
        assert_eq!(client.outcome(&repository), "E-TUF-SIGNATURE", "{role}");
        assert_eq!(client.stored(), kept, "{role}");
    }
}

#[test]
fn test_url_and_metadata_version_mismatch() {
    for (role, code, kept) in [
        ("root", "E-TUF-MISMATCH", stored(&[("root", 1)])),
        ("snapshot", "E-TUF-MISMATCH", stored(&[("root", 2), ("timestamp", 2)])),
        ("targets", "E-TUF-MISMATCH", stored(&[("root", 2), ("snapshot", 2), ("timestamp", 2)])),
    ] {
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        repository.publish(&["root"]);
        repository.publish_all();
        // Version 3 in the place of version 2, and named as version 2.
        repository.draft(role)["version"] = json!(3);
        let third = repository.signed(role, &repository.drafts[role]);
        repository.serve(&format!("2.{role}.json"), &third);
        assert_eq!(client.outcome(&repository), code, "{role}");
        assert_eq!(client.stored(), kept, "{role}");
    }
}

#[test]
fn test_timestamp_content_changes() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    assert_eq!(client.refresh(&repository).unwrap().equivocated(), None);
    assert_eq!(client.refresh(&repository).unwrap().equivocated(), None);
    let first = client.kept.clone();
    repository.asked();

    repository.draft("timestamp")["meta"]["snapshot.json"]["version"] = json!(100);
    repository.publish_as_drafted("timestamp");
    let refresh = client.refresh(&repository).unwrap();
    assert_eq!(repository.asked(), ["2.root.json", "timestamp.json"]);
    assert_eq!(client.kept, first);
    // The specification is content; who asks for more is told.
    assert_eq!(refresh.equivocated(), Some("timestamp"));
}

#[test]
fn a_timestamp_of_nobody_is_no_equivocation() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    repository.signers.insert("timestamp".to_owned(), vec![TufKey::ed25519()]);
    repository.draft("timestamp")["meta"]["snapshot.json"]["version"] = json!(100);
    repository.publish_as_drafted("timestamp");
    let mut refresh = Refresh::start(client.kept.clone(), client.now).unwrap();
    assert_eq!(answer(&mut refresh, &repository).unwrap_err().code(), "E-TUF-SIGNATURE");
    assert_eq!((refresh.equivocated(), refresh.kept()), (None, &client.kept));
}

#[test]
fn test_basic_metadata_hash_support_and_hash_mismatches() {
    for role in ["targets", "snapshot"] {
        for broken in ["hashes", "length"] {
            let mut repository = TufSimulator::new();
            repository.pins = Pins::Digests;
            repository.publish_all();
            let mut client = Client::of(&repository);
            client.refresh(&repository).unwrap();

            repository.publish_all();
            let (by, file) =
                if role == "targets" { ("snapshot", "targets.json") } else { ("timestamp", "snapshot.json") };
            let pin = &mut repository.draft(by)["meta"][file];
            match broken {
                "hashes" => pin["hashes"]["sha256"] = json!("0".repeat(64)),
                _ => pin["length"] = json!(pin["length"].as_u64().unwrap() + 1),
            }
            repository.publish_as_drafted(by);
            if by == "snapshot" {
                repository.publish_again("timestamp");
            }
            assert_eq!(client.outcome(&repository), "E-TUF-MISMATCH", "{role} {broken}");
            assert_eq!(client.version(role), 2);
            assert_eq!(client.version(by), 3);
        }
    }
}

#[test]
fn test_custom_fields_and_test_deprecated_keyid_hash_algorithms() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    let key = TufKey::ed25519().described(|key| {
        key["extra-field"] = json!({ "a": 1, "b": 2 });
        key["keyid_hash_algorithms"] = json!("md5");
    });
    repository.add_key("root", "root", &key);
    repository.set_keys("snapshot", &[key], 1);
    repository.draft("root")["x-lacre-epoch"] = json!(7);
    repository.entry("root", "root")["another-field"] = json!("value");
    repository.publish(&["root"]);
    repository.publish_all();
    let refresh = client.refresh(&repository).unwrap();
    assert_eq!(refresh.root_member("x-lacre-epoch"), Some(&json!(7)));
    assert_eq!(refresh.root_member("version"), None);
    assert_eq!((client.version("root"), client.version("snapshot")), (2, 2));
}

#[test]
fn test_snapshot_404_and_test_targets_404_and_test_timestamp_404() {
    let (mut repository, mut client) = refreshed();
    repository.draft("timestamp")["meta"]["snapshot.json"]["version"] = json!(2);
    repository.draft("timestamp")["version"] = json!(2);
    repository.publish_as_drafted("timestamp");
    assert_eq!(client.outcome(&repository), "E-TUF-MISSING");
    assert_eq!(client.stored(), stored(&[("root", 1), ("snapshot", 1), ("targets", 1), ("timestamp", 2)]));

    let (mut repository, mut client) = refreshed();
    repository.publish_all();
    repository.remove("2.targets.json");
    assert_eq!(client.outcome(&repository), "E-TUF-MISSING");
    assert_eq!(client.stored(), stored(&[("root", 1), ("snapshot", 2), ("targets", 1), ("timestamp", 2)]));

    let (mut repository, mut client) = refreshed();
    repository.remove("timestamp.json");
    let first = client.kept.clone();
    assert_eq!(client.outcome(&repository), "E-TUF-MISSING");
    assert_eq!(client.kept, first);
}

fn refreshed() -> (TufSimulator, Client) {
    let repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    (repository, client)
}

#[test]
fn test_incorrect_metadata_type() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    // A snapshot that would be a timestamp, if it were not for its type.
    let keys = repository.signers["timestamp"].clone();
    repository.draft("snapshot")["meta"] = json!({ "snapshot.json": { "version": 1 } });
    repository.draft("snapshot")["version"] = json!(2);
    repository.signers.insert("snapshot".to_owned(), keys);
    let file = repository.signed("snapshot", &repository.drafts["snapshot"]);
    repository.serve("timestamp.json", &file);
    assert_eq!(client.outcome(&repository), "E-TUF-METADATA");
    assert_eq!(client.stored(), stored(&[("root", 1)]));
}

#[test]
fn test_faketime() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    repository.draft("root")["expires"] = json!("2030-01-08T00:00:00Z");
    repository.publish(&["root"]);
    assert_eq!(client.outcome(&repository), "ok");
    client.now = time("2030-01-09T00:00:00Z");
    assert_eq!(client.outcome(&repository), "E-TUF-EXPIRED");
    // Time passes for what is kept, too.
    let mut refresh = Refresh::start(client.kept.clone(), client.now).unwrap();
    assert_eq!(refresh.give(None).unwrap_err().code(), "E-TUF-EXPIRED");
}
