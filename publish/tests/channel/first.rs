//! A channel as it begins.

use jiff::Timestamp;
use lacre_attest::KeyAlgorithm;
use lacre_publish::channel::{FileName, Lifetimes, Plan, Role, RoleKeys, VerifiedRepository, init};
use serde_json::Value;

use crate::crew::{Crew, Holders, code, days, id, now};

fn json(live: &VerifiedRepository, name: FileName) -> Value {
    serde_json::from_slice(live.repository().get(name).unwrap()).unwrap()
}

#[test]
fn a_channel_begins_empty() {
    let live = Crew::single().begin();
    let document = live.document();
    assert_eq!((document.epoch, document.sequence, document.floor.counter), (1, 1, 0));
    assert_eq!((document.current.as_ref(), document.releases.len()), (None, 0));
    assert_eq!((document.issued, document.expires), (now(), days(90)));
    let names: Vec<String> = live.repository().files().map(|(name, _)| name.text(&id())).collect();
    let (document, metadata) = names.split_first().unwrap();
    assert!(document.starts_with("channels/org/name/") && document.ends_with(".stable.json"), "{document}");
    assert_eq!(
        metadata,
        ["1.org~name~stable.json", "1.targets.json", "1.snapshot.json", "1.root.json", "timestamp.json"]
    );
}

#[test]
fn its_files_are_those_of_tuf() {
    let live = Crew::of_three().begin();
    let root = json(&live, FileName::Root(1));
    let signed = &root["signed"];
    assert_eq!(signed["_type"], "root");
    assert_eq!(signed["spec_version"], "1.0.31");
    assert_eq!(signed["consistent_snapshot"], true);
    assert_eq!(signed["x-lacre-epoch"], 1);
    assert_eq!(signed["expires"], "2027-11-23T10:00:00Z");
    assert_eq!(signed["roles"]["root"]["threshold"], 2);
    assert_eq!(signed["keys"].as_object().unwrap().len(), 8);
    assert_eq!(root["signatures"].as_array().unwrap().len(), 2);

    let targets = json(&live, FileName::Targets(1));
    let role = &targets["signed"]["delegations"]["roles"][0];
    assert_eq!(role["name"], "org~name~stable");
    assert_eq!(role["paths"], serde_json::json!(["channels/org/name/stable.json"]));
    assert_eq!((&role["terminating"], &role["threshold"]), (&Value::Bool(true), &Value::from(2)));

    let channel = json(&live, FileName::Channel(1));
    let target = &channel["signed"]["targets"]["channels/org/name/stable.json"];
    assert_eq!(target["length"], live.document().to_bytes().len());
    let lacre = serde_json::json!({"current": null, "epoch": 1, "floor": 0, "sequence": 1});
    assert_eq!(target["custom"]["lacre"], lacre);
    assert_eq!(channel["signed"]["expires"], "2027-02-21T10:00:00Z");

    assert_eq!(json(&live, FileName::Snapshot(1))["signed"]["expires"], "2026-11-30T10:00:00Z");
    let timestamp = json(&live, FileName::Timestamp);
    assert_eq!(timestamp["signed"]["expires"], "2026-11-24T10:00:00Z");
    assert_eq!(timestamp["signed"]["meta"]["snapshot.json"]["version"], 1);
}

#[test]
fn parts_of_a_second_are_left_out() {
    let crew = Crew::single();
    let now: Timestamp = "2026-11-23T10:00:00.987Z".parse().unwrap();
    let live = init(&crew.plan(), &crew.all(), now).unwrap().finish().unwrap();
    assert_eq!(live.document().issued.to_string(), "2026-11-23T10:00:00Z");
    assert_eq!(json(&live, FileName::Timestamp)["signed"]["expires"], "2026-11-24T10:00:00Z");
}

#[test]
fn every_kind_of_key_can_hold_a_role_but_p521() {
    let crew = Crew {
        root: Holders::of(KeyAlgorithm::EcdsaP384, 1, 1),
        targets: Holders::of(KeyAlgorithm::EcdsaP256, 1, 1),
        ..Crew::single()
    };
    assert_eq!(crew.begin().document().sequence, 1);
    let key = lacre_sign::FileKey::generate(KeyAlgorithm::EcdsaP521).unwrap();
    let refused = RoleKeys::new(Role::Root, &[key.public_key().clone()], 1);
    assert_eq!(code(refused), "E-ROLE-ALGORITHM");
    // Nor can it come in by the way of signers.
    let mut draft = init(&crew.plan(), &[], now()).unwrap();
    assert_eq!(code(draft.sign(&[&key], now())), "E-ROLE-ALGORITHM");
}

#[test]
fn lifetimes_are_chosen_within_reason() {
    let crew = Crew::single();
    let lifetimes = Lifetimes { timestamp: 3600, channel: 7200, ..Lifetimes::default() };
    let plan = Plan { lifetimes, ..crew.plan() };
    let live = init(&plan, &crew.all(), now()).unwrap().finish().unwrap();
    assert_eq!(live.expires(Role::Timestamp).to_string(), "2026-11-23T11:00:00Z");
    assert_eq!(live.expires(Role::Channel).to_string(), "2026-11-23T12:00:00Z");
    assert_eq!(live.document().expires, live.expires(Role::Channel));
    let plan = Plan { lifetimes: Lifetimes { root: 0, ..lifetimes }, ..plan };
    assert_eq!(code(init(&plan, &[], now())), "E-LIFETIME");
}
