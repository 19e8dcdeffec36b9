//! Drafts that come back from elsewhere: stale, damaged, or made by someone who wants another signature.

use lacre_publish::channel::{
    Draft, Edit, Launch, Role, Rotation, VerifiedRepository, Withdrawal, edit, refresh, rotate,
};
use lacre_release::{ChannelDocument, ReasonCode};
use serde_json::Value;

use crate::crew::{Crew, Holders, code, days, now, promote, publish, version};

fn live(crew: &Crew) -> VerifiedRepository {
    let live = crew.with(&[("1.0", 1), ("2.0", 2)]);
    let revoke = Edit::Withdraw {
        version: version("1.0"),
        withdrawal: Withdrawal::Revoke,
        code: ReasonCode::Cve,
        text: "a hole".to_owned(),
    };
    crew.edit(&live, &revoke).unwrap()
}

type Forgery = fn(&mut ChannelDocument);

/// The draft with its document changed by `change`, and everything that names the document made to fit.
fn forge(draft: &Draft, change: impl FnOnce(&mut ChannelDocument)) -> Vec<u8> {
    let mut wire: Value = serde_json::from_slice(&draft.to_bytes().unwrap()).unwrap();
    let files = wire["files"].as_object_mut().unwrap();
    let name_of = |files: &serde_json::Map<String, Value>, part: &str| {
        files.keys().find(|name| name.contains(part)).unwrap().clone()
    };
    let (target, role) = (name_of(files, "channels/"), name_of(files, "org~name"));
    files.remove(&target);
    let mut document = draft.document().clone();
    change(&mut document);
    let bytes = document.to_bytes();
    let digest = lacre_hash::Sha256Digest::of(&bytes).to_string();
    let mut file: Value = serde_json::from_str(files[&role].as_str().unwrap()).unwrap();
    file["signatures"] = serde_json::json!([]);
    file["signed"]["expires"] = Value::String(document.expires.to_string());
    let target = &mut file["signed"]["targets"]["channels/org/name/stable.json"];
    target["length"] = Value::from(bytes.len());
    target["hashes"]["sha256"] = Value::String(digest.clone());
    target["custom"]["lacre"] = serde_json::json!({
        "current": document.current, "epoch": document.epoch,
        "floor": document.floor.counter, "sequence": document.sequence,
    });
    files.insert(role, Value::String(file.to_string()));
    files.insert(
        format!("channels/org/name/{digest}.stable.json"),
        Value::String(String::from_utf8(bytes).unwrap()),
    );
    wire.to_string().into_bytes()
}

#[test]
fn a_draft_comes_back_as_it_was() {
    let crew = Crew::single();
    let live = live(&crew);
    let mut draft = edit(&live, &publish("3.0", None, Launch::Current), now()).unwrap();
    assert_eq!(Draft::parse(&draft.to_bytes().unwrap(), Some(live.clone())).unwrap(), draft);
    draft.sign(&crew.all(), now()).unwrap();
    assert_eq!(Draft::parse(&draft.to_bytes().unwrap(), Some(live.clone())).unwrap(), draft);
    // The forger's tool makes drafts that are read: what is refused below is refused for what it says.
    assert!(Draft::parse(&forge(&draft, |_| ()), Some(live)).is_ok());
}

#[test]
fn a_draft_on_something_that_is_gone_is_stale() {
    let crew = Crew::single();
    let live = live(&crew);
    let draft = edit(&live, &publish("3.0", None, Launch::Hold), now()).unwrap();
    let moved = crew.edit(&live, &Edit::Renew).unwrap();
    assert_eq!(code(draft.onto(moved)), "E-DRAFT-STALE");
    let rotated = crew.finish(rotate(&live, &Rotation::default(), now()).unwrap()).unwrap();
    assert_eq!(code(draft.onto(rotated)), "E-DRAFT-STALE");
    assert_eq!(code(Draft::parse(&draft.to_bytes().unwrap(), None)), "E-DRAFT-STALE");
    let mut draft = draft;
    assert_eq!(code(draft.sign(&crew.all(), days(90))), "E-DRAFT-STALE");
}

#[test]
fn a_draft_outlives_the_timestamps_of_its_base() {
    let crew = Crew::of_three();
    let live = crew.begin();
    let mut draft = edit(&live, &publish("1.0", None, Launch::Current), now()).unwrap();
    draft.sign(&crew.all(), now()).unwrap();
    assert_eq!(draft.pending(), None);
    let mut renewed = live;
    for day in 1..6 {
        let mut refresh = refresh(&renewed, days(day)).unwrap();
        refresh.sign(&crew.online(), days(day)).unwrap();
        renewed = refresh.finish().unwrap();
    }
    // Its own snapshot and timestamp have numbers that were used meanwhile: they are made again.
    let mut draft = draft.onto(renewed).unwrap();
    let roles: Vec<Role> = draft.pending().unwrap().lacks.iter().map(|lack| lack.role).collect();
    assert_eq!(roles, [Role::Snapshot, Role::Timestamp]);
    draft.sign(&crew.online(), days(6)).unwrap();
    assert_eq!(draft.finish().unwrap().document().sequence, 2);
}

#[test]
fn nobody_is_made_to_sign_what_no_edit_says() {
    let crew = Crew::single();
    let live = live(&crew);
    let live = crew.edit(&live, &Edit::Floor { counter: 2 }).unwrap();
    let draft = edit(&live, &publish("3.0", None, Launch::Hold), now()).unwrap();
    let forgeries: [(&str, Forgery); 7] = [
        ("skips a sequence", |it| it.sequence += 1),
        ("goes back", |it| it.sequence -= 1),
        ("lowers the floor", |it| it.floor.counter = 1),
        ("drops a release", |it| drop(it.releases.remove(0))),
        ("gives a version other contents", |it| it.releases[1].manifest.size += 1),
        ("takes a revocation back", |it| {
            it.releases[0].status = lacre_release::Status::Active;
            it.releases[0].reason = None;
        }),
        ("jumps to another epoch", |it| it.epoch += 1),
    ];
    for (what, change) in forgeries {
        assert_eq!(code(Draft::parse(&forge(&draft, change), Some(live.clone()))), "E-DRAFT", "{what}");
    }
}

#[test]
fn a_draft_that_was_changed_on_its_way_is_refused() {
    let crew = Crew::of_three();
    let live = crew.with(&[("1.0", 1)]);
    let mut draft = edit(&live, &publish("1.1", None, Launch::Hold), now()).unwrap();
    draft.sign(&[&crew.channel.keys[0]], now()).unwrap();
    let text = String::from_utf8(draft.to_bytes().unwrap()).unwrap();
    let parse = |text: &str| code(Draft::parse(text.as_bytes(), Some(live.clone())));
    assert_eq!(parse(&text), "accepted");
    let wire: Value = serde_json::from_str(&text).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut wire = wire.clone();
        change(&mut wire);
        parse(&wire.to_string())
    };
    let role = "3.org~name~stable.json";
    let replace = |wire: &mut Value, from: &str, to: &str| {
        let file = wire["files"][role].as_str().unwrap();
        assert!(file.contains(from), "{file}");
        wire["files"][role] = Value::String(file.replacen(from, to, 1));
    };
    // One digit of the signature.
    assert_eq!(
        changed(&|wire| {
            let file = wire["files"][role].as_str().unwrap();
            let place = file.find("\"sig\":\"").unwrap() + 7;
            let digit = if &file[place..=place] == "0" { "1" } else { "0" };
            wire["files"][role] = Value::String(format!("{}{digit}{}", &file[..place], &file[place + 1..]));
        }),
        "E-CHANNEL-METADATA"
    );
    // The signature of a key that has no role here.
    let stranger = Holders::new(1, 1).role_keys(Role::Channel).key_ids().next().unwrap().to_string();
    assert_eq!(
        changed(&|wire| {
            let file: Value = serde_json::from_str(wire["files"][role].as_str().unwrap()).unwrap();
            let own = file["signatures"][0]["keyid"].as_str().unwrap();
            replace(wire, own, &stranger);
        }),
        "E-ROLE-KEY"
    );
    // A target that the document is not, another schema, a file that does not belong there, no files.
    assert_eq!(changed(&|wire| replace(wire, "\"length\":", "\"length\":1")), "E-DRAFT");
    assert_eq!(changed(&|wire| replace(wire, "\"version\":3", "\"version\":4")), "E-DRAFT");
    assert_eq!(changed(&|wire| wire["schemaVersion"] = Value::from(2)), "E-DRAFT");
    assert_eq!(changed(&|wire| wire["files"]["x.json"] = Value::from("")), "E-CHANNEL-FILE");
    assert_eq!(changed(&|wire| wire["files"] = serde_json::json!({})), "E-DRAFT");
    assert_eq!(changed(&|wire| wire["more"] = Value::Null), "E-DRAFT");
    assert_eq!(changed(&|wire| wire["channel"] = Value::from("org/other@stable")), "E-DRAFT");
}

#[test]
fn every_cut_of_a_draft_is_refused() {
    let crew = Crew::single();
    let live = crew.begin();
    let bytes = edit(&live, &publish("1.0", None, Launch::Hold), now()).unwrap().to_bytes().unwrap();
    for end in (0..bytes.len()).step_by(97) {
        assert_eq!(code(Draft::parse(&bytes[..end], Some(live.clone()))), "E-DRAFT", "{end}");
    }
}

#[test]
fn what_is_published_can_be_edited_on() {
    let crew = Crew::single();
    let live = live(&crew);
    let held = crew.edit(&live, &publish("3.0", None, Launch::Hold)).unwrap();
    let live = crew.edit(&held, &promote("3.0")).unwrap();
    assert_eq!(live.document().sequence, held.document().sequence + 1);
}
