//! What a server answers: malformed, endless, from elsewhere, in the wrong order.

use std::cell::Cell;

use lacre_publish::channel::{Edit, FileName, Role, Rotation, rotate};
use lacre_release::{ChannelId, Refresh};
use lacre_sign::FileKey;
use serde_json::{Value, json};

use super::key_id;
use crate::client::{Client, file, outcome};
use crate::crew::{Crew, code, id, now};
use crate::thief::{Step, alters, lead, pin, read, resigned};

#[test]
fn cve_2026_23991_answers_that_are_malformed_or_cut_anywhere() {
    let crew = Crew::single();
    let first = crew.with(&[("1.0", 1)]);
    let live = crew.finish(rotate(&first, &Rotation::default(), now()).unwrap()).unwrap();
    let live = crew.edit(&live, &Edit::Renew).unwrap();
    let files = live.repository();
    let document = FileName::Document(live.last().document).text(&id());
    let names = [
        "2.root.json",
        "timestamp.json",
        "3.snapshot.json",
        "1.targets.json",
        "3.org~name~stable.json",
        &document,
    ];
    let deep = format!("{{\"signed\":{}", "[".repeat(100_000));
    let malformed: [&[u8]; 14] = [
        b"",
        b"\0",
        b"\xff\xfe{}",
        b"null",
        b"[]",
        b"{}",
        b"\"x\"",
        b"1e999999",
        br#"{"signed":null,"signatures":[]}"#,
        br#"{"signed":{},"signatures":null}"#,
        br#"{"signed":{"version":-1,"expires":""},"signatures":[]}"#,
        br#"{"signed":{"version":1,"expires":"2030-01-01T00:00:00Z"},"signatures":[{"keyid":"","sig":"zz"}]}"#,
        br#"{"signed":{},"signed":{},"signatures":[]}"#,
        deep.as_bytes(),
    ];
    let mut client = Client::new(&first, now());
    for victim in names {
        let good = file(files, victim).unwrap();
        let middle = good.len() / 24;
        let cuts = (0..good.len()).step_by(middle.max(1)).map(|end| good[..end].to_vec());
        let flips = (0..good.len()).step_by(middle.max(1)).map(|at| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        });
        for bad in cuts.chain(flips).chain(malformed.map(<[u8]>::to_vec)) {
            let asked = Cell::new(false);
            let fetch = |name: &str| {
                asked.set(asked.get() || name == victim);
                if name == victim { Some(bad.clone()) } else { file(files, name) }
            };
            // Each time by someone who has not read it yet.
            let refusal = outcome(Client::new(&first, now()).fetch(&fetch, now()));
            assert!(asked.get() && refusal.starts_with("E-"), "{victim}: {refusal}");
            let _ = client.fetch(&fetch, now());
        }
    }
    // None of it stayed behind.
    client.read(files, now()).unwrap();
}

#[test]
fn cve_2024_47534_delegations_count_in_their_order() {
    let crew = Crew::single();
    let live = crew.with(&[("1.0", 1)]);
    // Another role that names the same target, with an older document.
    let other = Crew::single();
    let channel = read(live.repository(), FileName::Channel(2));
    let mut theirs = channel.clone();
    let first = crew.begin();
    theirs["signed"]["targets"] = read(first.repository(), FileName::Channel(1))["signed"]["targets"].clone();
    let mut empty = channel;
    empty["signed"]["targets"] = json!({});
    let other_id = key_id(&other.channel.keys[0]);
    let sign = |file: &mut Value| {
        file["signed"]["version"] = json!(1);
        file["signatures"] = json!([{ "keyid": other_id, "sig": "" }]);
        resigned(file, &other.channel.keys[0])
    };
    let (theirs, empty) = (sign(&mut theirs), sign(&mut empty));
    let serve = |bytes: &[u8], place: usize, terminating: bool| {
        let mut files = alters(&crew, live.repository(), Role::Targets, |file| {
            let delegations = &mut file["signed"]["delegations"];
            let key = TUF_ED25519.replace("KEY", &hex_of(&other.channel.keys[0]));
            delegations["keys"][&other_id] = serde_json::from_str(&key).unwrap();
            let role = json!({
                "keyids": [other_id], "name": "other", "paths": [id().target()],
                "terminating": terminating, "threshold": 1,
            });
            delegations["roles"][0]["terminating"] = json!(terminating);
            delegations["roles"].as_array_mut().unwrap().insert(place, role);
        });
        lead(&mut files, &crew, Step::Next, |snapshot| {
            snapshot["signed"]["meta"]["other.json"] = pin(bytes, 1);
        });
        let mut client = Client::new(&live, now());
        let found = client.fetch(
            &|name| match name {
                "1.other.json" => Some(bytes.to_vec()),
                _ => file(&files, name).or_else(|| file(first.repository(), name)),
            },
            now(),
        );
        (outcome(found), client.position().map(|position| position.sequence))
    };
    for terminating in [true, false] {
        // Who stands first is asked, and what another role than the channel's own says is no document of it.
        assert_eq!(serve(&theirs, 1, terminating), ("ok", Some(2)), "{terminating}");
        assert_eq!(serve(&theirs, 0, terminating), ("E-TUF-METADATA", None), "{terminating}");
    }
    // Who says nothing ends the search if the delegation says so, and passes it on if not.
    assert_eq!(serve(&empty, 0, true), ("E-TUF-MISSING", None));
    assert_eq!(serve(&empty, 0, false), ("ok", Some(2)));
}

const TUF_ED25519: &str = r#"{"keytype":"ed25519","keyval":{"public":"KEY"},"scheme":"ed25519"}"#;

fn hex_of(key: &FileKey) -> String {
    let der = key.public_key().to_der();
    der[der.len() - 32..].iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

#[test]
fn pysec_2020_146_roots_without_end() {
    let crew = Crew::single();
    let live = crew.begin();
    let root = read(live.repository(), FileName::Root(1));
    let given = Cell::new(0_u32);
    let endless = |name: &str| match name.strip_suffix(".root.json") {
        Some(version) => {
            given.set(given.get() + 1);
            let mut next = root.clone();
            next["signed"]["version"] = json!(version.parse::<u64>().unwrap());
            Some(resigned(&next, &crew.root.keys[0]))
        }
        None => file(live.repository(), name),
    };
    assert_eq!(outcome(Client::new(&live, now()).fetch(&endless, now())), "E-LIMIT");
    assert_eq!(given.get(), 1025);
    // Nor is one root without end read.
    let huge = |name: &str| match name {
        "2.root.json" => Some(vec![b' '; (512 << 10) + 1]),
        _ => file(live.repository(), name),
    };
    assert_eq!(outcome(Client::new(&live, now()).fetch(&huge, now())), "E-LIMIT");
}

#[test]
fn pysec_2021_376_names_stay_in_their_folder() {
    let crew = Crew::single();
    let live = crew.begin();
    // The name of a role that a thief delegates to.
    let up = "../../up";
    let other = &crew.channel.keys[0];
    let mut theirs = read(live.repository(), FileName::Channel(1));
    theirs["signed"]["targets"] = json!({});
    let theirs = resigned(&theirs, other);
    let mut files = alters(&crew, live.repository(), Role::Targets, |file| {
        let roles = file["signed"]["delegations"]["roles"].as_array_mut().unwrap();
        let mut role = roles[0].clone();
        role["name"] = json!(up);
        role["terminating"] = json!(false);
        roles.insert(0, role);
    });
    lead(&mut files, &crew, Step::Next, |snapshot| {
        snapshot["signed"]["meta"]["../../up.json"] = pin(&theirs, 1);
    });
    let fetch = |name: &str| {
        assert!(name.starts_with("channels/org/name/") || !name.contains('/'), "{name}");
        if name == "1...%2F..%2Fup.json" { Some(theirs.clone()) } else { file(&files, name) }
    };
    let mut refresh = Refresh::start(Client::new(&live, now()).kept(), now()).unwrap();
    while let Some(wanted) = refresh.wanted() {
        refresh.give(fetch(&wanted.name)).unwrap();
    }
    refresh.seek(&id().target()).unwrap();
    while let Some(wanted) = refresh.wanted() {
        refresh.give(fetch(&wanted.name)).unwrap();
    }
    let kept: Vec<String> = refresh.kept().files().into_keys().collect();
    assert!(kept.contains(&"..%2F..%2Fup.json".to_owned()), "{kept:?}");
    assert!(kept.iter().all(|name| !name.contains('/')), "{kept:?}");
    // A client does not even keep that: no role but the channel's own counts.
    let mut client = Client::new(&live, now());
    assert_eq!(outcome(client.fetch(&fetch, now())), "ok");
    assert!(client.record.files().all(|(name, _)| !name.contains("up")));
    // Paths of targets, names of channels and files of a repository.
    for path in
        ["../x", "/x", "a/../x", "a//x", "a/./x", "a\\x", "C:x", "a\0x", "a/NUL", "com1.json", "x.", ""]
    {
        assert_eq!(outcome(refresh.seek(path)), "E-CHANNEL-NAME", "{path:?}");
    }
    for name in ["../name@stable", "org/..@stable", "org/name@../x", "org/na\0me@stable", "/org/name@stable"]
    {
        assert_eq!(outcome(name.parse::<ChannelId>()), "E-CHANNEL-NAME", "{name:?}");
    }
    for name in ["../timestamp.json", "/timestamp.json", "channels/org/name/../x.stable.json", "1.../x.json"]
    {
        assert_eq!(code(FileName::parse(&id(), name)), "E-CHANNEL-FILE", "{name:?}");
    }
}
