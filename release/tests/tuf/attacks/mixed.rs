//! Things that do not belong together, and things of which there are two.

use lacre_release::Refresh;
use lacre_testkit::{Pins, TufSimulator};
use serde_json::json;

use super::{refused, up_to_date};
use crate::client::{Client, NOW, answer, time};

/// Files of two times, each well signed.
#[test]
fn mix_and_match() {
    for pins in [Pins::Versions, Pins::Digests] {
        let (mut repository, client) = up_to_date(pins);
        repository.add_target("targets", "file", b"CONTENT");
        repository.publish_all();
        for (old, new, code, before) in [
            ("2.snapshot.json", "3.snapshot.json", "E-TUF-MISMATCH", [3, 2, 2]),
            ("2.targets.json", "3.targets.json", "E-TUF-MISMATCH", [3, 3, 2]),
            // The type of a file is told before it is compared with what is said of it.
            ("2.targets.json", "3.snapshot.json", "E-TUF-METADATA", [3, 2, 2]),
            ("1.root.json", "3.targets.json", "E-TUF-METADATA", [3, 3, 2]),
        ] {
            let (mut repository, mut client) = (repository.clone(), client.clone());
            let bytes = repository.file(old);
            repository.serve(new, &bytes);
            let error = client.refresh(&repository).unwrap_err();
            assert_eq!(error.code(), code, "{old} as {new}: {error}");
            let kept = ["timestamp", "snapshot", "targets"].map(|role| client.version(role));
            assert_eq!(kept, before, "{old} as {new}");
        }
    }
}

/// A target of yesterday for metadata of today, and the other way round.
#[test]
fn mix_and_match_of_targets() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    let place = |repository: &TufSimulator| {
        let mut refresh = Client::of(repository).refresh(repository).unwrap();
        refresh.seek("file").unwrap();
        refresh.wanted().unwrap().name
    };
    let old = place(&repository);
    repository.add_target("targets", "file", b"CONTENT");
    repository.publish_all();
    let new = place(&repository);
    assert_ne!(old, new);
    repository.serve(&new, b"content");
    assert_eq!(client.download_outcome(&repository, "file"), "E-TUF-MISMATCH");
}

/// The owner of a key signs two things as one version, each for somebody else.
#[test]
fn equivocation() {
    for role in ["timestamp", "snapshot", "targets", "delegated"] {
        let mut repository = TufSimulator::new();
        repository.pins = Pins::Digests;
        repository.delegate("targets", "delegated", &["*"]);
        repository.add_target("delegated", "file", b"content");
        repository.publish_all();
        let mut client = Client::of(&repository);
        client.download(&repository, &["file"]).unwrap();
        let version = client.version(role);

        let mut other = repository.clone();
        other.draft(role)["expires"] = json!("2030-12-31T00:00:00Z");
        other.publish_again(role);
        match role {
            "timestamp" => {}
            "snapshot" => other.publish(&["timestamp"]),
            _ => other.publish(&["snapshot", "timestamp"]),
        }
        let mut refresh = client.refresh(&other).unwrap();
        refresh.seek("file").unwrap();
        answer(&mut refresh, &other).unwrap();
        assert_eq!(refresh.equivocated(), Some(role));
        client.kept = refresh.kept().clone();
        assert_eq!(client.version(role), version);
        // Next time there is nothing to be seen of it: it must be acted upon at once.
        assert_eq!(client.refresh(&other).unwrap().equivocated(), (role == "timestamp").then_some(role));

        // Other bytes that say the same are no equivocation.
        let mut spaced = repository.clone();
        let name = format!("{version}.{role}.json");
        let bytes = [repository.file(&name).as_slice(), b"\n"].concat();
        spaced.publish_file(role, &json!(version), &bytes);
        match role {
            "timestamp" => {}
            "snapshot" => spaced.publish(&["timestamp"]),
            _ => spaced.publish(&["snapshot", "timestamp"]),
        }
        let mut client = Client::of(&repository);
        client.download(&repository, &["file"]).unwrap();
        let mut refresh = client.refresh(&spaced).unwrap();
        refresh.seek("file").unwrap();
        answer(&mut refresh, &spaced).unwrap();
        assert_eq!(refresh.equivocated(), None, "{role}");
    }
}

/// Whatever single byte of a file is changed: it is refused, or the file is not the one that is read.
#[test]
fn no_byte_of_a_file_can_be_changed() {
    let (mut repository, _) = up_to_date(Pins::Versions);
    repository.publish(&["root"]);
    for name in ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let good = repository.file(name);
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1;
            let mut tampered = repository.clone();
            tampered.serve(name, &bad);
            let mut client = Client::of(&tampered);
            let error = client.refresh(&tampered).map(|_| ()).unwrap_err();
            // Nothing is said of versions and dates that nobody signed.
            let shape = ["E-DUPLICATE-KEY", "E-JSON", "E-TUF-KEYS", "E-TUF-METADATA"].contains(&error.code());
            let proof = ["E-TUF-MISMATCH", "E-TUF-SIGNATURE"].contains(&error.code());
            assert!(shape || proof, "{name} {place}: {error}");
            assert!(client.kept.files().values().all(|kept| **kept != bad), "{name} {place}");
        }
    }
}

/// Kept files are believed no more than those that are fetched.
#[test]
fn kept_files_are_verified_again() {
    let (repository, client) = up_to_date(Pins::Versions);
    let stranger = TufSimulator::new();
    let mut other = client.clone();
    // A timestamp and a snapshot of somebody else say nothing, and are forgotten.
    other.kept.timestamp = Some(stranger.file("timestamp.json"));
    other.kept.snapshot = Some(stranger.file("1.snapshot.json"));
    assert_eq!(Refresh::from_kept(other.kept.clone(), time(NOW)).unwrap_err().code(), "E-TUF-MISSING");
    assert_eq!(other.outcome(&repository), "ok");
    assert_eq!(other.kept, client.kept);
    // Targets of somebody else are fetched again.
    other.kept.roles.insert("targets".to_owned(), stranger.file("1.targets.json"));
    assert_eq!(Refresh::from_kept(other.kept.clone(), time(NOW)).unwrap_err().code(), "E-TUF-MISSING");
    assert_eq!(other.outcome(&repository), "ok");
    assert_eq!(other.kept, client.kept);
    // What is torn is refused: nobody can tell what it said.
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let mut torn = client.kept.clone();
        let bytes = match role {
            "root" => &mut torn.root,
            "timestamp" => torn.timestamp.as_mut().unwrap(),
            "snapshot" => torn.snapshot.as_mut().unwrap(),
            _ => torn.roles.get_mut(role).unwrap(),
        };
        bytes.truncate(bytes.len() / 2);
        assert_eq!(Refresh::start(torn, time(NOW)).unwrap_err().code(), "E-JSON", "{role}");
    }
    // A root that does not sign itself is no anchor.
    let mut torn = client.kept.clone();
    torn.root = stranger.file("1.targets.json");
    assert_eq!(Refresh::start(torn, time(NOW)).unwrap_err().code(), "E-TUF-METADATA");
}

#[test]
fn an_answer_that_nobody_asked_for() {
    let (repository, mut client) = up_to_date(Pins::Versions);
    let mut refresh = client.refresh(&repository).unwrap();
    assert_eq!(refresh.give(Some(b"{}".to_vec())).unwrap_err().code(), "E-TUF-ORDER");
    let mut refresh = Refresh::start(client.kept.clone(), time(NOW)).unwrap();
    assert_eq!(refresh.seek("file").unwrap_err().code(), "E-TUF-ORDER");
    assert_eq!(refresh.give(Some(b"{}".to_vec())).unwrap_err().code(), "E-JSON");
    // It has failed, and stays so.
    assert_eq!((refresh.wanted(), refresh.is_fresh(), refresh.found()), (None, false, None));
    assert_eq!(refresh.seek("file").unwrap_err().code(), "E-TUF-ORDER");
    refused(&mut client, &TufSimulator::new(), "E-TUF-SIGNATURE", "files of somebody else");
}
