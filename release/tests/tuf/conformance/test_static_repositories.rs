use lacre_release::{Kept, Refresh};
use lacre_testkit::{TufKey, TufSimulator};
use serde_json::json;

use super::test_keys::edit_served;
use crate::client::{Client, NOW, time};

/// As `tuf-on-ci` writes it: members of its own beside keys and roles, ECDSA keys whose ids follow from less than what
/// stands there, and signatures of signers who have not signed yet.
#[test]
fn test_static_repository_tuf_on_ci() {
    let mut repository = TufSimulator::new();
    let person = TufKey::p256().described(|key| key["x-tuf-on-ci-keyowner"] = json!("@somebody"));
    let online = TufKey::p256().described(|key| key["x-tuf-on-ci-online-uri"] = json!("gcpkms:projects/x"));
    let absent = TufKey::p256().described(|key| key["x-tuf-on-ci-keyowner"] = json!("@absent"));
    for role in ["root", "targets"] {
        repository.set_keys(role, std::slice::from_ref(&person), 1);
        repository.list_key("root", role, &absent);
    }
    for role in ["timestamp", "snapshot"] {
        repository.set_keys(role, std::slice::from_ref(&online), 1);
        repository.entry("root", role)["x-tuf-on-ci-expiry-period"] = json!(7300);
        repository.entry("root", role)["x-tuf-on-ci-signing-period"] = json!(60);
    }
    repository.draft("root")["version"] = json!(0);
    repository.publish(&["root"]);
    repository.add_target("targets", "file1.txt", b"content");
    repository.publish_all();
    for name in ["1.root.json", "2.targets.json"] {
        edit_served(&mut repository, name, |file| {
            file["signatures"].as_array_mut().unwrap().insert(0, json!({ "keyid": absent.id, "sig": "" }));
        });
    }
    let mut client = Client::of(&repository);
    assert_eq!(client.download(&repository, &["file1.txt"]).unwrap(), [b"content"]);
    let refresh = Refresh::from_kept(client.kept.clone(), time(NOW)).unwrap();
    let shown: Vec<_> = refresh.expirations();
    let told: Vec<_> = shown
        .iter()
        .map(|role| (role.role.as_str(), role.version, role.threshold, role.keys.len()))
        .collect();
    assert_eq!(
        told,
        [("root", 1, 1, 2), ("timestamp", 2, 1, 1), ("snapshot", 2, 1, 1), ("targets", 2, 1, 2)]
    );
    assert!(shown.iter().all(|role| role.expires == time(lacre_testkit::TUF_EXPIRES)));
}

/// As the root of Sigstore was written over the years: a short `spec_version`, names of roles in the snapshot that
/// there are no more, with digests, some of them top roles, signatures that are empty, a delegation that ends the
/// search.
#[test]
fn test_static_repository_sigstore_root_signing() {
    let mut repository = TufSimulator::new();
    let people: Vec<TufKey> = (0..5)
        .map(|_| {
            TufKey::p256().described(|key| {
                key["keyid_hash_algorithms"] = json!(["sha256", "sha512"]);
                key["x-tuf-on-ci-keyowner"] = json!("@somebody");
            })
        })
        .collect();
    for role in ["root", "targets"] {
        repository.set_keys(role, &people, 3);
    }
    let online = TufKey::p256();
    for role in ["timestamp", "snapshot"] {
        repository.set_keys(role, std::slice::from_ref(&online), 1);
    }
    for role in ["root", "timestamp", "snapshot", "targets"] {
        repository.draft(role)["spec_version"] = json!("1.0");
    }
    repository.draft("root")["version"] = json!(11);
    repository.delegate_terminating("targets", "registry.npmjs.org", &["registry.npmjs.org/*"]);
    repository.add_target("targets", "trusted_root.json", b"content");
    let custom =
        json!({ "sigstore": { "status": "Active", "uri": "https://tuf.example", "usage": "Unknown" } });
    repository.draft("targets")["targets"]["trusted_root.json"]["custom"] = custom;
    let old = json!({ "hashes": { "sha256": "9d", "sha512": "17" }, "length": 797, "version": 3 });
    for gone in ["rekor.json", "revocation.json", "root.json", "staging.json"] {
        repository.draft("snapshot")["meta"][gone] = old.clone();
    }
    repository.publish(&["root"]);
    repository.publish_all();
    for signature in [0, 2] {
        edit_served(&mut repository, "12.root.json", |file| file["signatures"][signature]["sig"] = json!(""));
    }
    let mut client = Client { kept: Kept::anchor(repository.file("12.root.json")), now: time(NOW) };
    assert_eq!(client.outcome(&repository), "ok");
    assert_eq!(client.download(&repository, &["trusted_root.json"]).unwrap(), [b"content"]);

    // With one signature less there are not enough.
    edit_served(&mut repository, "12.root.json", |file| file["signatures"][1]["sig"] = json!(""));
    let refusal = Refresh::start(Kept::anchor(repository.file("12.root.json")), time(NOW)).unwrap_err();
    assert_eq!(refusal.to_string(), "root is signed by 2 of the 3 keys that are needed");
}
