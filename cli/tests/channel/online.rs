//! What expires is renewed by who has the keys for it.

use jiff::{SignedDuration, Timestamp};
use lacre_attest::KeyAlgorithm;
use lacre_publish::channel::{Carrier, Lifetimes, PerRole, Plan, Role, RoleKeys, init};
use lacre_registry_client::FolderFiles;
use lacre_sign::{FileKey, Signer};
use serde_json::Value;

use crate::bench::Bench;
use crate::desk::{CH, begun, published, take};

/// A channel in the folder `channel` that began `days` ago, with its keys in `keys`.
fn begun_before(days: i64) -> Bench {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("keys")).unwrap();
    let keys: Vec<FileKey> = Role::ALL.map(|_| FileKey::generate(KeyAlgorithm::Ed25519).unwrap()).into();
    let of = |role: Role| {
        let place = Role::ALL.iter().position(|other| *other == role).unwrap();
        let path = |suffix: &str| bench.path(&format!("keys/{role}-1.{suffix}"));
        lacre_sign::write_key_pair((&path("key"), &path("pub")), &keys[place], None).unwrap();
        RoleKeys::new(role, &[keys[place].public_key().clone()], 1).unwrap()
    };
    let keys_of = PerRole {
        root: of(Role::Root),
        targets: of(Role::Targets),
        channel: of(Role::Channel),
        snapshot: of(Role::Snapshot),
        timestamp: of(Role::Timestamp),
    };
    let plan = Plan { id: "org/m@stable".parse().unwrap(), keys: keys_of, lifetimes: Lifetimes::default() };
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    let then = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap();
    let first = init(&plan, &signers, then).unwrap().finish().unwrap();
    let folder = FolderFiles::create(&bench.path("channel")).unwrap();
    let carrier = Carrier::Folder(&folder);
    carrier.write(first.repository(), &carrier.read().unwrap()).unwrap();
    bench.write("keys/root.json", &first.root_bytes());
    bench
}

fn expires(bench: &Bench, name: &str) -> Timestamp {
    let file: Value = serde_json::from_slice(&bench.read(&format!("channel/metadata/{name}"))).unwrap();
    file["signed"]["expires"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_timestamp_that_expired_is_renewed_by_the_keys_that_are_online() {
    let bench = begun_before(2);
    take(&bench, "online", &["snapshot-1", "timestamp-1"]);
    assert!(expires(&bench, "timestamp.json") < Timestamp::now());
    let result = published(&bench, "refresh channel --keys online");
    assert_eq!(
        (&result["sequence"], &result["signatures"], &result["warnings"]),
        (&1.into(), &1.into(), &Value::Array(vec![]))
    );
    assert!(expires(&bench, "timestamp.json") > Timestamp::now());
    assert!(!bench.path("channel/metadata/2.snapshot.json").exists(), "it is good for five more days");
}

#[test]
fn a_snapshot_is_renewed_when_half_of_its_life_is_over() {
    let bench = begun_before(4);
    let result = published(&bench, "refresh channel --keys keys");
    assert_eq!(result["signatures"], 2);
    assert!(expires(&bench, "2.snapshot.json") > expires(&bench, "1.snapshot.json"));
}

#[test]
fn a_document_that_expired_is_said_again() {
    let bench = begun_before(100);
    let result = published(&bench, "refresh channel --keys keys");
    assert!(result["warnings"].to_string().contains("what channel signed expired"), "{result}");
    let result = published(&bench, "refresh channel --document --keys keys");
    assert_eq!((&result["sequence"], &result["warnings"]), (&2.into(), &Value::Array(vec![])));
    assert_eq!(result["changes"][0]["kind"], "renewed");
}

#[test]
fn root_and_targets_are_renewed_with_the_keys_that_they_have() {
    let bench = begun_before(340);
    let result = published(&bench, "refresh channel --document --keys keys");
    for role in ["root", "targets"] {
        assert!(result["warnings"].to_string().contains(&format!("what {role} signed expires")), "{result}");
    }
    published(&bench, "rotate channel --role root --renew --keys keys");
    let result = published(&bench, "rotate channel --role targets --renew --keys keys");
    assert_eq!((&result["warnings"], &result["new_keys"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    let result = published(&bench, "refresh channel --document --keys keys");
    assert_eq!(result["warnings"], Value::Array(vec![]));
}

#[test]
fn even_what_expired_long_ago_is_brought_back_by_its_keys() {
    let bench = begun_before(4000);
    published(&bench, "rotate channel --role root --role targets --renew --keys keys");
    let result = published(&bench, "refresh channel --document --keys keys");
    assert_eq!(result["warnings"], Value::Array(vec![]));
}

#[test]
fn a_refresh_without_the_key_of_timestamp_leaves_nothing() {
    let bench = begun(&[], "");
    take(&bench, "online", &["timestamp-1"]);
    let said = bench.bad(&format!("channel refresh {CH} --keys keys"), "E-DRAFT-PENDING", 4);
    assert!(said.stderr.contains("1 of 1 for timestamp"), "{said:?}");
    bench.bad(&format!("channel sign {CH} --keys keys"), "E-USAGE", 2);
    published(&bench, &format!("refresh {CH} --keys online"));
}

#[test]
fn an_edit_without_the_keys_that_are_online_waits_for_them() {
    let bench = begun(&["1.0.0"], "");
    take(&bench, "online", &["snapshot-1", "timestamp-1"]);
    let waiting =
        crate::desk::waits(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    assert_eq!(waiting, [("snapshot".to_owned(), 1), ("timestamp".to_owned(), 1)]);
    let result = published(&bench, &format!("sign {CH} --keys online"));
    assert_eq!(result["current"], "1.0.0");
}
