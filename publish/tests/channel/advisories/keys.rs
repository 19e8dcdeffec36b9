//! What counts as a signature.

use lacre_publish::channel::{FileName, Role, RoleKeys};
use serde_json::{Value, json};

use super::{ALIAS, believed, key_id};
use crate::crew::{Crew, Holders, code};
use crate::thief::{alters, read, resigned};

#[test]
fn cve_2020_15093_one_key_counts_once() {
    let crew = Crew { channel: Holders::new(2, 2), ..Crew::single() };
    let live = crew.begin();
    let names = crew.channel.keys.iter().map(key_id).collect::<Vec<_>>();
    // One of the two keys was stolen, and signs in the place of both.
    let signed_by = |ids: [&str; 2]| {
        let signatures = ids.map(|id| json!({ "keyid": id, "sig": "" }));
        believed(
            &live,
            &alters(&crew, live.repository(), Role::Channel, |file| file["signatures"] = json!(signatures)),
        )
    };
    assert_eq!(signed_by([&names[0], &names[0]]), ("E-TUF-KEYS", "E-TUF-KEYS"));
    assert_eq!(signed_by([&names[0], &names[1]]), ("E-TUF-SIGNATURE", "E-TUF-SIGNATURE"));
    assert_eq!(signed_by([&names[0], ALIAS]), ("E-TUF-SIGNATURE", "E-TUF-SIGNATURE"));
    // A delegation that lists it twice, for two of two.
    let crew = Crew::single();
    let live = crew.begin();
    let own = key_id(&crew.channel.keys[0]);
    let lists = |ids: [&str; 2]| {
        believed(
            &live,
            &alters(&crew, live.repository(), Role::Targets, |file| {
                let delegations = &mut file["signed"]["delegations"];
                delegations["keys"][ALIAS] = delegations["keys"][&own].clone();
                delegations["roles"][0]["keyids"] = json!(ids);
                delegations["roles"][0]["threshold"] = json!(2);
            }),
        )
    };
    assert_eq!(lists([&own, &own]), ("E-TUF-KEYS", "E-TUF-KEYS"));
    assert_eq!(lists([&own, ALIAS]), ("E-TUF-KEYS", "E-TUF-KEYS"));
}

#[test]
fn ghsa_3633_5h82_39pq_a_key_is_what_it_is_and_not_what_it_is_called() {
    let crew = Crew::single();
    let live = crew.begin();
    let own = key_id(&crew.channel.keys[0]);
    let rename = |change: fn(&mut Value, String)| {
        believed(
            &live,
            &alters(&crew, live.repository(), Role::Targets, |file| {
                change(&mut file["signed"]["delegations"], own.clone());
            }),
        )
    };
    // The same point, written in another way, under another name.
    let pem = crew.channel.keys[0].public_key().to_pem().to_owned();
    let files = alters(&crew, live.repository(), Role::Targets, |file| {
        let delegations = &mut file["signed"]["delegations"];
        delegations["keys"][ALIAS] = delegations["keys"][&own].clone();
        delegations["keys"][ALIAS]["keyval"]["public"] = Value::from(pem);
        delegations["roles"][0]["keyids"] = json!([own, ALIAS]);
        delegations["roles"][0]["threshold"] = json!(2);
    });
    assert_eq!(believed(&live, &files), ("E-TUF-KEYS", "E-TUF-KEYS"));
    // Another key under the name of the one that signed.
    let stranger = rename(|delegations, own| {
        delegations["keys"][own]["keyval"]["public"] = Value::from("00".repeat(32));
    });
    assert_eq!(stranger, ("E-TUF-SIGNATURE", "E-TUF-SIGNATURE"));
    // The right key under another name: clients need no names, and nobody builds on it.
    let files = alters(&crew, live.repository(), Role::Targets, |file| {
        let delegations = &mut file["signed"]["delegations"];
        delegations["keys"] = json!({ ALIAS: delegations["keys"][&own] });
        delegations["roles"][0]["keyids"] = json!([ALIAS]);
    });
    let files = alters(&crew, &files, Role::Channel, |file| file["signatures"][0]["keyid"] = json!(ALIAS));
    assert_eq!(believed(&live, &files), ("ok", "E-CHANNEL-METADATA"));
}

#[test]
fn cve_2026_23992_a_threshold_of_zero() {
    let crew = Crew::single();
    let live = crew.begin();
    let delegates = |threshold: i64| {
        believed(
            &live,
            &alters(&crew, live.repository(), Role::Targets, |file| {
                file["signed"]["delegations"]["roles"][0]["threshold"] = json!(threshold);
            }),
        )
    };
    assert_eq!(delegates(1), ("ok", "accepted"));
    assert_eq!(delegates(0), ("E-TUF-KEYS", "E-TUF-KEYS"));
    assert_eq!(delegates(-1), ("E-TUF-METADATA", "E-TUF-METADATA"));
    for role in ["root", "targets", "snapshot", "timestamp"] {
        let mut root = read(live.repository(), FileName::Root(1));
        root["signed"]["version"] = json!(2);
        root["signed"]["roles"][role]["threshold"] = json!(0);
        let mut files = live.repository().clone();
        files.insert(FileName::Root(2), resigned(&root, &crew.root.keys[0])).unwrap();
        assert_eq!(believed(&live, &files), ("E-TUF-KEYS", "E-TUF-KEYS"), "{role}");
    }
    // Nor can a publisher ask for it.
    assert_eq!(
        code(RoleKeys::new(Role::Root, &[crew.root.keys[0].public_key().clone()], 0)),
        "E-ROLE-THRESHOLD"
    );
}
