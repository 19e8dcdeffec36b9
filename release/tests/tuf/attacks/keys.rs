//! Keys that were stolen, and keys that are counted twice.

use lacre_release::{Kept, Refresh};
use lacre_testkit::{Pins, TufKey, TufSimulator};
use serde_json::{Value, json};

use super::{refused, up_to_date};
use crate::client::{Client, NOW, time};
use crate::conformance::test_keys::edit_served;

/// Who stole the key of the timestamp can say that nothing is new, and no more.
#[test]
fn stolen_timestamp_key() {
    let (repository, client) = up_to_date(Pins::Versions);
    let attack = |draft: Value, edit: &dyn Fn(&mut TufSimulator)| {
        let (mut repository, mut client) = (repository.clone(), client.clone());
        repository.draft("timestamp")["version"] = json!(3);
        repository.draft("timestamp")["meta"]["snapshot.json"] = draft;
        edit(&mut repository);
        repository.publish_as_drafted("timestamp");
        let code = client.outcome(&repository);
        (code, ["timestamp", "snapshot", "targets"].map(|role| client.version(role)))
    };
    let nothing: &dyn Fn(&mut TufSimulator) = &|_| {};
    assert_eq!(attack(json!({ "version": 1 }), nothing), ("E-REPLAY", [2, 2, 2]), "an old snapshot");
    assert_eq!(attack(json!({ "version": 2 }), nothing), ("ok", [3, 2, 2]), "the same snapshot");
    assert_eq!(attack(json!({ "version": 9 }), nothing), ("E-TUF-MISSING", [3, 2, 2]), "no snapshot");
    // The same snapshot with another digest is not had, and cannot be made.
    let other = json!({ "version": 2, "hashes": { "sha256": "0".repeat(64) } });
    assert_eq!(attack(other, nothing), ("E-TUF-MISMATCH", [3, 2, 2]));
    for role in ["snapshot", "root"] {
        let forge: &dyn Fn(&mut TufSimulator) = &|repository| {
            let stolen = repository.signers["timestamp"].clone();
            repository.signers.insert(role.to_owned(), stolen);
            repository.publish(&[role]);
            repository.draft("timestamp")["meta"]["snapshot.json"] = json!({ "version": 3 });
        };
        let kept = if role == "root" { [2, 2, 2] } else { [3, 2, 2] };
        assert_eq!(attack(json!({}), forge), ("E-TUF-SIGNATURE", kept), "a {role} of the same key");
    }
}

fn two_of_three() -> (TufSimulator, Client, [TufKey; 3]) {
    let mut repository = TufSimulator::new();
    let keys = [TufKey::ed25519(), TufKey::p256(), TufKey::p384()];
    for role in ["root", "targets"] {
        repository.set_keys(role, &keys, 2);
    }
    repository.draft("root")["version"] = json!(0);
    repository.publish(&["root"]);
    repository.add_target("targets", "file", b"content");
    repository.publish_all();
    let mut client = Client::of(&repository);
    client.download(&repository, &["file"]).unwrap();
    (repository, client, keys)
}

#[test]
fn stolen_one_of_two_targets_keys() {
    let (repository, client, [stolen, second, _]) = two_of_three();
    let mut evil = repository.clone();
    evil.add_target("targets", "file", b"evil");
    let text = evil.drafts["targets"].clone();
    let attack = |signers: &[TufKey], edit: &dyn Fn(&mut Value)| {
        let (mut evil, mut client) = (evil.clone(), client.clone());
        evil.signers.insert("targets".to_owned(), signers.to_vec());
        evil.publish_all();
        edit_served(&mut evil, "3.targets.json", |file| edit(file));
        let code = client.download_outcome(&evil, "file");
        assert_eq!(
            (client.version("snapshot"), client.version("targets")),
            (3, if code == "ok" { 3 } else { 2 })
        );
        code
    };
    let as_it_is: &dyn Fn(&mut Value) = &|_| {};
    assert_eq!(attack(&[stolen.clone(), second.clone()], as_it_is), "ok", "with both it would be good");
    assert_eq!(attack(std::slice::from_ref(&stolen), as_it_is), "E-TUF-SIGNATURE", "alone");
    assert_eq!(
        attack(&[stolen.clone(), TufKey::p256()], as_it_is),
        "E-TUF-SIGNATURE",
        "with a key of its own"
    );
    // In the name of the second key.
    assert_eq!(attack(&[stolen.clone(), stolen.called(&second.id)], as_it_is), "E-TUF-SIGNATURE");
    // Twice in its own name.
    assert_eq!(attack(&[stolen.clone(), stolen.clone()], as_it_is), "E-TUF-KEYS");
    assert_eq!(
        attack(&[stolen.clone(), stolen.called(&stolen.id.to_uppercase())], as_it_is),
        "E-TUF-SIGNATURE"
    );
    // With what the second key said of something else.
    let before = second.sign(b"something else");
    let of_before: &dyn Fn(&mut Value) =
        &|file| file["signatures"].as_array_mut().unwrap().push(before.clone());
    assert_eq!(attack(std::slice::from_ref(&stolen), of_before), "E-TUF-SIGNATURE");
    // The metadata names its own keys.
    let mut named = evil.clone();
    named.drafts.insert("targets".to_owned(), text);
    named.draft("targets")["keys"] = json!({ "own": TufKey::ed25519().public });
    named.draft("targets")["roles"] = json!({ "targets": { "keyids": ["own"], "threshold": 1 } });
    named.signers.insert("targets".to_owned(), vec![stolen]);
    named.publish_all();
    assert_eq!(client.clone().outcome(&named), "E-TUF-SIGNATURE");
}

#[test]
fn stolen_one_of_two_root_keys() {
    let (mut repository, mut client, [stolen, second, third]) = two_of_three();
    let own = TufKey::ed25519();
    for (listed, signers) in [
        (vec![stolen.clone()], vec![stolen.clone()]),
        (vec![stolen.clone(), own.clone()], vec![stolen.clone(), own.clone()]),
        (vec![own.clone()], vec![own.clone()]),
    ] {
        let mut evil = repository.clone();
        let threshold = listed.len();
        evil.set_keys("root", &listed, threshold);
        evil.signers.insert("root".to_owned(), signers);
        evil.publish(&["root"]);
        refused(&mut client, &evil, "E-TUF-SIGNATURE", "a root of one key and of new ones");
    }
    // Two honest ones put it out of office, and then it is worth nothing.
    repository.set_keys("root", &[second.clone(), third.clone()], 2);
    repository.publish(&["root"]);
    assert_eq!(client.outcome(&repository), "ok");
    repository.signers.insert("root".to_owned(), vec![stolen, second]);
    repository.publish(&["root"]);
    refused(&mut client, &repository, "E-TUF-SIGNATURE", "a key that is out of office");
}

/// The ways to write one key so that it looks like two.
fn twins() -> Vec<(&'static str, TufKey, TufKey)> {
    let ed25519 = TufKey::ed25519();
    let p256 = TufKey::p256();
    let rsa = TufKey::rsa();
    let public = |key: &TufKey| key.public["keyval"]["public"].as_str().unwrap().to_owned();
    let upper = public(&ed25519).to_uppercase();
    let framed = public(&p256).replace('\n', "\r\n");
    vec![
        ("another id", ed25519.clone(), ed25519.called("other")),
        ("upper case", ed25519.clone(), rewritten(&ed25519, &upper)),
        ("as PEM", ed25519.clone(), rewritten(&ed25519, &ed25519_pem(&public(&ed25519)))),
        ("an own member", p256.clone(), p256.described(|key| key["x-own"] = json!(1)).called("other")),
        (
            "another type",
            p256.clone(),
            p256.described(|key| key["keytype"] = json!("ecdsa-x")).called("other"),
        ),
        ("other ends of lines", p256.clone(), rewritten(&p256, &framed)),
        ("white space", p256.clone(), rewritten(&p256, &format!(" {}\n\n", public(&p256)))),
        (
            "another scheme",
            rsa.clone(),
            rsa.described(|key| key["scheme"] = json!("rsassa-pss-sha512")).called("other"),
        ),
    ]
}

fn rewritten(key: &TufKey, public: &str) -> TufKey {
    key.described(|key| key["keyval"]["public"] = json!(public)).called("other")
}

/// RFC 8410: what stands before the 32 bytes of an Ed25519 key.
fn ed25519_pem(hex: &str) -> String {
    use base64::Engine as _;
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let bytes = (0..32).map(|place| u8::from_str_radix(&hex[place * 2..place * 2 + 2], 16).unwrap());
    let der: Vec<u8> = head.into_iter().chain(bytes).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn one_key_under_two_ids() {
    for (how, one, other) in twins() {
        // As one of two it counts, however it is written.
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        repository.set_keys("targets", &[other.clone(), TufKey::ed25519()], 2);
        repository.publish(&["root"]);
        repository.publish_all();
        if how != "another scheme" {
            assert_eq!(client.outcome(&repository), "ok", "{how}");
        }

        for role in ["root", "timestamp", "snapshot", "targets"] {
            let mut repository = TufSimulator::new();
            let mut client = Client::of(&repository);
            repository.add_key("root", role, &one);
            repository.add_key("root", role, &other);
            repository.entry("root", role)["threshold"] = json!(2);
            repository.publish(&["root"]);
            repository.publish_all();
            refused(&mut client, &repository, "E-TUF-KEYS", &format!("{role}: {how}"));
            // Nor is it an anchor.
            let anchor = Kept::anchor(repository.file("2.root.json"));
            assert_eq!(Refresh::start(anchor, time(NOW)).unwrap_err().code(), "E-TUF-KEYS", "{role}: {how}");
        }

        let mut repository = TufSimulator::new();
        repository.delegate("targets", "delegated", &["*"]);
        repository.add_key("targets", "delegated", &one);
        repository.add_key("targets", "delegated", &other);
        repository.publish_all();
        let mut client = Client::of(&repository);
        assert_eq!(client.outcome(&repository), "E-TUF-KEYS", "{how}");
        assert_eq!((client.version("snapshot"), client.version("targets")), (2, 0));
    }
}

/// One key may have several offices.
#[test]
fn one_key_of_two_roles_is_no_twin() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    let online = TufKey::ed25519();
    repository.set_keys("timestamp", std::slice::from_ref(&online), 1);
    repository.set_keys("snapshot", &[online.called("another id")], 1);
    repository.publish(&["root"]);
    repository.publish_all();
    assert_eq!(client.outcome(&repository), "ok");
}

#[test]
fn duplicate_key_ids() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        let ids = repository.entry("root", role)["keyids"].as_array_mut().unwrap();
        ids.push(ids[0].clone());
        repository.publish(&["root"]);
        let told = client.refresh(&repository).unwrap_err().to_string();
        assert_eq!(told, format!("{role}: it lists one key id twice"));
        refused(&mut client, &repository, "E-TUF-KEYS", role);
    }
    let mut repository = TufSimulator::new();
    repository.delegate("targets", "delegated", &["*"]);
    let ids = repository.entry("targets", "delegated")["keyids"].as_array_mut().unwrap();
    ids.push(ids[0].clone());
    repository.publish_all();
    assert_eq!(Client::of(&repository).outcome(&repository), "E-TUF-KEYS", "a delegation");

    // Two readers would see two keys under one id.
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    repository.publish(&["root"]);
    let text = String::from_utf8(repository.file("2.root.json")).unwrap();
    let twice = text.replacen(r#""keys":{"#, r#""keys":{},"keys":{"#, 1);
    assert_ne!(text, twice);
    repository.serve("2.root.json", twice.as_bytes());
    refused(&mut client, &repository, "E-DUPLICATE-KEY", "two members of one name");
}

#[test]
fn threshold_of_nobody() {
    for (threshold, code) in [
        (json!(0), "E-TUF-KEYS"),
        (json!(-1), "E-TUF-METADATA"),
        (json!(0.5), "E-TUF-METADATA"),
        (json!("0"), "E-TUF-METADATA"),
        (json!(null), "E-TUF-METADATA"),
        (json!(65), "E-LIMIT"),
        (json!(u64::MAX), "E-LIMIT"),
    ] {
        for role in ["root", "timestamp", "snapshot", "targets"] {
            let mut repository = TufSimulator::new();
            let mut client = Client::of(&repository);
            repository.entry("root", role)["threshold"] = threshold.clone();
            repository.publish(&["root"]);
            refused(&mut client, &repository, code, &format!("{role}: {threshold}"));
        }
        let mut repository = TufSimulator::new();
        repository.delegate("targets", "delegated", &["*"]);
        repository.entry("targets", "delegated")["threshold"] = threshold.clone();
        repository.publish_all();
        assert_eq!(Client::of(&repository).outcome(&repository), code, "a delegation: {threshold}");
    }
}

#[test]
fn a_root_without_one_of_the_four_roles() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        repository.draft("root")["roles"].as_object_mut().unwrap().remove(role);
        repository.publish(&["root"]);
        refused(&mut client, &repository, "E-TUF-METADATA", role);
    }
}
