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
    let refresh = lacre_release::Refresh::from_kept(client.kept.clone(), time(NOW)).unwrap();
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
