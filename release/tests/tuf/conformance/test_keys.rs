use lacre_testkit::{TufKey, TufSimulator};
use serde_json::{Value, json};

use crate::client::Client;

/// Edits a file that is served already, without signing it again.
pub(crate) fn edit_served(repository: &mut TufSimulator, name: &str, edit: impl FnOnce(&mut Value)) {
    let mut file: Value = serde_json::from_slice(&repository.file(name)).unwrap();
    edit(&mut file);
    repository.serve(name, &serde_json::to_vec(&file).unwrap());
}

#[test]
fn test_snapshot_does_not_meet_threshold() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    repository.set_keys("snapshot", &[TufKey::ed25519(), TufKey::p256(), TufKey::p384()], 3);
    repository.publish(&["root"]);
    repository.publish_all();
    client.refresh(&repository).unwrap();
    repository.signers.get_mut("snapshot").unwrap().pop();
    repository.publish_all();
    let error = client.refresh(&repository).unwrap_err();
    assert_eq!(error.to_string(), "snapshot is signed by 2 of the 3 keys that are needed");
    assert_eq!(client.version("snapshot"), 2);
}

#[test]
fn test_snapshot_has_too_few_keys() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    let keys: Vec<TufKey> = (0..5).map(|_| TufKey::ed25519()).collect();
    repository.set_keys("snapshot", &keys, 6);
    repository.publish(&["root"]);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "E-TUF-SIGNATURE");
    assert_eq!((client.version("root"), client.version("snapshot")), (2, 0));
}

#[test]
fn test_duplicate_keys() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    let key = TufKey::ed25519();
    repository.set_keys("snapshot", &vec![key; 9], 6);
    repository.publish(&["root"]);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "E-TUF-KEYS");
    assert_eq!(client.version("root"), 1);
}

#[test]
fn test_duplicate_sig_keyids() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    edit_served(&mut repository, "1.snapshot.json", |file| {
        let first = file["signatures"][0].clone();
        file["signatures"].as_array_mut().unwrap().push(first);
    });
    assert_eq!(client.outcome(&repository), "E-TUF-KEYS");
    assert_eq!(client.version("snapshot"), 0);
}

#[test]
fn test_keytype_and_scheme() {
    for key in [TufKey::ed25519(), TufKey::p256(), TufKey::p384(), TufKey::rsa()] {
        let scheme = key.public["scheme"].clone();
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        repository.add_key("root", "root", &key);
        repository.entry("root", "root")["threshold"] = json!(2);
        repository.publish(&["root"]);
        assert_eq!(client.outcome(&repository), "ok", "{scheme}");
        assert_eq!(client.version("root"), 2);

        // The signature of something else.
        repository.publish(&["root"]);
        let wrong = key.sign(b"something else");
        edit_served(&mut repository, "3.root.json", |file| file["signatures"][1] = wrong);
        assert_eq!(client.outcome(&repository), "E-TUF-SIGNATURE", "{scheme}");
        assert_eq!(client.version("root"), 2);
    }
}

#[test]
fn keys_of_other_schemes_count_for_nothing() {
    for (member, value) in
        [("scheme", "rsa-pkcs1v15-sha256"), ("scheme", "ml-dsa-44/1"), ("scheme", "ecdsa-sha2-nistp384")]
    {
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        let key = TufKey::p256().described(|key| key[member] = json!(value));
        repository.add_key("root", "timestamp", &key);
        repository.publish(&["root"]);
        repository.publish_all();
        assert_eq!(client.outcome(&repository), "ok", "{value}: the other key signed");
        repository.set_keys("timestamp", &[key], 1);
        repository.publish(&["root"]);
        repository.publish_all();
        assert_eq!(client.outcome(&repository), "E-TUF-SIGNATURE", "{value}");
    }
}

#[test]
fn test_invalid_sig_in_valid_metadata() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    let second = TufKey::ed25519();
    repository.add_key("root", "timestamp", &second);
    repository.publish(&["root"]);
    for signature in [second.sign(b"else")["sig"].clone(), json!(""), json!("not hex"), json!("0")] {
        repository.publish_all();
        edit_served(&mut repository, "timestamp.json", |file| file["signatures"][0]["sig"] = signature);
        assert_eq!(client.outcome(&repository), "ok");
    }
}
