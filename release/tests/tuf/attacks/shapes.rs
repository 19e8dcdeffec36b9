//! Metadata that its owners signed, and that says what two readers could take for two things.

use lacre_testkit::{TufKey, TufSimulator};
use serde_json::{Value, json};

use crate::client::Client;

/// The code of a refresh after `edit` of the second version of a role, signed by who owns it, and what version of that
/// role is kept.
fn outcome(role: &str, edit: impl FnOnce(&mut TufSimulator)) -> (&'static str, u64) {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    for role in ["root", "targets", "snapshot", "timestamp"] {
        repository.publish(&[role]);
    }
    edit(&mut repository);
    let file = repository.signed(role, &repository.drafts[role]);
    repository.publish_file(role, &json!(2), &file);
    (client.outcome(&repository), client.version(role))
}

#[test]
fn dates_of_other_forms() {
    for (date, code) in [
        ("2031-01-01T00:00:00Z", "ok"),
        ("2031-01-01T00:00:00+00:00", "E-TUF-METADATA"),
        ("2031-01-01T00:00:00.5Z", "E-TUF-METADATA"),
        ("2031-01-01T00:00:00z", "E-TUF-METADATA"),
        ("2031-01-01 00:00:00Z", "E-TUF-METADATA"),
        ("2031-01-01", "E-TUF-METADATA"),
        ("2031-13-01T00:00:00Z", "E-TUF-METADATA"),
        ("+02031-01-01T00:00:00Z", "E-TUF-METADATA"),
        ("", "E-TUF-METADATA"),
    ] {
        for role in ["root", "timestamp", "snapshot", "targets"] {
            let before = u64::from(role == "root");
            let (found, version) =
                outcome(role, |repository| repository.draft(role)["expires"] = json!(date));
            assert_eq!((found, version), (code, if code == "ok" { 2 } else { before }), "{role} {date:?}");
        }
    }
}

#[test]
fn versions_that_are_none() {
    for version in [json!(0), json!(-1), json!("2"), json!(2.0), json!(null), json!([2])] {
        for role in ["root", "timestamp", "snapshot", "targets"] {
            let found = outcome(role, |repository| repository.draft(role)["version"] = version.clone());
            let code = if version == json!(0) { "E-TUF-METADATA" } else { "E-JSON" };
            assert_eq!(found, (code, u64::from(role == "root")), "{role} {version}");
        }
    }
}

#[test]
fn files_that_name_nothing_or_version_0() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit); 8] = [
        ("timestamp", |draft| draft["meta"] = json!({})),
        ("timestamp", |draft| draft["meta"] = json!({ "other.json": { "version": 1 } })),
        ("timestamp", |draft| draft["meta"]["snapshot.json"]["version"] = json!(0)),
        ("timestamp", |draft| draft["meta"]["snapshot.json"] = json!({})),
        ("snapshot", |draft| draft["meta"] = json!({})),
        ("snapshot", |draft| draft["meta"]["targets.json"]["version"] = json!(0)),
        ("snapshot", |draft| draft["meta"]["other.json"] = json!({ "version": 0 })),
        ("targets", |draft| draft["_type"] = json!("Targets")),
    ];
    for (place, (role, edit)) in cases.into_iter().enumerate() {
        let found = outcome(role, |repository| edit(repository.draft(role)));
        assert_eq!(found, ("E-TUF-METADATA", 0), "{place}: {role}");
    }
}

#[test]
fn delegations_for_no_paths_or_for_two_kinds() {
    for (entry, code) in [
        (json!({ "paths": ["*"] }), "ok"),
        (json!({ "paths": [] }), "ok"),
        (json!({ "path_hash_prefixes": ["00"] }), "ok"),
        (json!({}), "E-TUF-METADATA"),
        (json!({ "paths": ["*"], "path_hash_prefixes": ["00"] }), "E-TUF-METADATA"),
        (json!({ "paths": "*" }), "E-TUF-METADATA"),
    ] {
        let found = outcome("targets", |repository| {
            let mut whole = entry.clone();
            whole["name"] = json!("delegated");
            whole["terminating"] = json!(false);
            repository.delegate_by("targets", whole);
        });
        assert_eq!(found, (code, if code == "ok" { 2 } else { 0 }), "{entry}");
    }
}

/// A key in a form that one reader knows and another does not is no second key of its owner.
#[test]
fn one_key_in_forms_that_not_every_reader_knows() {
    let key = TufKey::p256();
    let pem = key.public["keyval"]["public"].as_str().unwrap().to_owned();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for public in [
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"),
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", spread(&body)),
        format!("a comment\n{pem}"),
        format!("{pem}a comment\n"),
        format!("{pem}{pem}"),
        pem.replace("PUBLIC KEY", "EC PUBLIC KEY"),
        body.clone(),
    ] {
        let twin = key.described(|key| key["keyval"]["public"] = json!(public)).called("twin");
        let mut repository = TufSimulator::new();
        let mut client = Client::of(&repository);
        repository.set_keys("timestamp", &[key.clone(), twin], 2);
        repository.publish(&["root", "timestamp"]);
        let code = client.outcome(&repository);
        assert!(["E-TUF-KEYS", "E-TUF-SIGNATURE"].contains(&code), "{public}: {code}");
        assert_eq!(client.version("timestamp"), 0, "{public}");
    }
}

/// In lines of 16.
fn spread(body: &str) -> String {
    let lines: Vec<&str> = (0..body.len()).step_by(16).map(|at| &body[at..body.len().min(at + 16)]).collect();
    lines.join("\n")
}

/// Its digest is right, its length is not: the metadata contradicts itself.
#[test]
fn a_target_of_another_length() {
    for consistent_snapshot in [true, false] {
        for (edit, code) in [
            (json!({ "length": 7 }), "ok"),
            (json!({ "length": 6 }), "E-TUF-MISMATCH"),
            (json!({ "length": 8 }), "E-TUF-MISMATCH"),
            (json!({ "hashes": {} }), "E-TUF-MISMATCH"),
            (json!({ "hashes": { "md5": "9a0364b9e99bb480dd25e1f0284c8555" } }), "E-TUF-MISMATCH"),
        ] {
            let mut repository = TufSimulator::new();
            repository.draft("root")["consistent_snapshot"] = json!(consistent_snapshot);
            repository.draft("root")["version"] = json!(0);
            repository.publish(&["root"]);
            repository.add_target("targets", "file", b"content");
            for (name, value) in edit.as_object().unwrap() {
                repository.draft("targets")["targets"]["file"][name] = value.clone();
            }
            repository.publish_all();
            let mut client = Client::of(&repository);
            assert_eq!(client.download_outcome(&repository, "file"), code, "{consistent_snapshot} {edit}");
        }
    }
}
