use lacre_testkit::{TufKey, TufSimulator};
use serde_json::json;

use crate::client::Client;

/// The keys of a version, how many must sign, and who does.
struct Version(&'static [usize], usize, &'static [usize]);

fn chosen(keys: &[TufKey], places: &[usize]) -> Vec<TufKey> {
    places.iter().map(|place| keys[*place].clone()).collect()
}

fn keys() -> Vec<TufKey> {
    (0..10).map(|place| if place % 2 == 0 { TufKey::p256() } else { TufKey::ed25519() }).collect()
}

#[test]
fn test_root_rotation() {
    let cases: &[(&str, &[Version], &str)] = &[
        ("1 of 1", &[Version(&[1], 1, &[1]), Version(&[2], 1, &[2, 1]), Version(&[2], 1, &[2])], "ok"),
        (
            "1 of 1, with signatures of others",
            &[Version(&[1], 1, &[3, 1, 4]), Version(&[2], 1, &[3, 2, 1, 4]), Version(&[2], 1, &[3, 2, 4])],
            "ok",
        ),
        (
            "3 of 5, other three each time",
            &[
                Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
                Version(&[0, 1, 2, 3, 4], 3, &[0, 4, 1]),
                Version(&[0, 1, 2, 3, 4], 3, &[0, 1, 3]),
            ],
            "ok",
        ),
        (
            "3 of 5, one is replaced",
            &[Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), Version(&[0, 1, 3, 4, 5], 3, &[0, 4, 1])],
            "ok",
        ),
        (
            "3 of 5, one is replaced in two steps",
            &[
                Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
                Version(&[0, 1, 3, 4, 5], 3, &[0, 2, 4, 5]),
                Version(&[0, 1, 3, 4, 5], 3, &[0, 4, 5]),
            ],
            "ok",
        ),
        (
            "3 of 5, all are replaced",
            &[
                Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
                Version(&[5, 6, 7, 8, 9], 3, &[0, 2, 4, 5, 6, 7]),
                Version(&[5, 6, 7, 8, 9], 3, &[5, 6, 7]),
            ],
            "ok",
        ),
        ("threshold up", &[Version(&[1, 2, 3], 1, &[1]), Version(&[1, 2, 3], 2, &[1, 2])], "ok"),
        (
            "threshold down",
            &[Version(&[1, 2, 3], 2, &[1, 2]), Version(&[1, 2, 3], 1, &[1, 2]), Version(&[1, 2, 3], 1, &[1])],
            "ok",
        ),
        ("threshold up with a new key", &[Version(&[1], 1, &[1]), Version(&[1, 2], 2, &[1, 2])], "ok"),
        ("not by the old key", &[Version(&[1], 1, &[1]), Version(&[2], 1, &[2, 3, 4])], "E-TUF-SIGNATURE"),
        ("not by the new key", &[Version(&[1], 1, &[1]), Version(&[2], 1, &[1, 3, 4])], "E-TUF-SIGNATURE"),
        (
            "not by 3 new keys",
            &[Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), Version(&[0, 1, 3, 4, 5], 3, &[0, 2, 4])],
            "E-TUF-SIGNATURE",
        ),
        (
            "not by 3 old keys",
            &[Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), Version(&[0, 1, 3, 4, 5], 3, &[0, 4, 5])],
            "E-TUF-SIGNATURE",
        ),
        (
            "below the new threshold",
            &[Version(&[1, 2, 3], 1, &[1]), Version(&[1, 2, 3], 2, &[2])],
            "E-TUF-SIGNATURE",
        ),
        (
            "below the old threshold",
            &[Version(&[1, 2, 3], 2, &[1, 2]), Version(&[1, 2, 3], 1, &[1])],
            "E-TUF-SIGNATURE",
        ),
    ];
    let keys = keys();
    for (name, versions, outcome) in cases {
        let mut repository = TufSimulator::new();
        repository.draft("root")["version"] = json!(0);
        for Version(listed, threshold, signing) in *versions {
            repository.set_keys("root", &chosen(&keys, listed), *threshold);
            repository.signers.insert("root".to_owned(), chosen(&keys, signing));
            repository.publish(&["root"]);
        }
        let mut client = Client::of(&repository);
        assert_eq!(client.outcome(&repository), *outcome, "{name}");
        let last = versions.len() - usize::from(*outcome != "ok");
        assert_eq!(client.kept.root, repository.file(&format!("{last}.root.json")), "{name}");
        assert_eq!(client.kept.timestamp.is_some(), *outcome == "ok", "{name}");
    }
}

#[test]
fn test_non_root_rotations() {
    let cases = [
        ("1 of 1", Version(&[2], 1, &[2]), "ok"),
        ("1 of 1, with signatures of others", Version(&[1], 1, &[3, 1, 4]), "ok"),
        ("not by the new key", Version(&[2], 1, &[1, 3, 4]), "E-TUF-SIGNATURE"),
        ("3 of 5, one that does not count", Version(&[0, 1, 3, 4, 5], 3, &[0, 2, 4]), "E-TUF-SIGNATURE"),
        ("3 of 5, two", Version(&[0, 1, 3, 4, 5], 3, &[0, 4]), "E-TUF-SIGNATURE"),
        ("3 of 5, three", Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), "ok"),
        ("3 of 5, another one", Version(&[0, 1, 2, 3, 4], 3, &[0, 4, 1]), "ok"),
        ("3 of 5, another two", Version(&[0, 1, 2, 3, 4], 3, &[0, 1, 3]), "ok"),
        ("3 of 5, not the first", Version(&[0, 1, 2, 3, 4], 3, &[1, 2, 3]), "ok"),
        ("3 of 5, three others", Version(&[0, 1, 2, 3, 4], 3, &[2, 3, 4]), "ok"),
    ];
    let keys = keys();
    for role in ["timestamp", "snapshot", "targets"] {
        for (name, Version(listed, threshold, signing), outcome) in &cases {
            let mut repository = TufSimulator::new();
            let mut client = Client::of(&repository);
            client.refresh(&repository).unwrap();
            repository.set_keys(role, &chosen(&keys, listed), *threshold);
            repository.signers.insert(role.to_owned(), chosen(&keys, signing));
            repository.publish(&["root"]);
            repository.publish_all();
            let before = client.kept.files()[&format!("{role}.json")].to_vec();
            assert_eq!(client.outcome(&repository), *outcome, "{role}: {name}");
            let newest = repository.file(&format!("{role}.json"));
            let kept = client.kept.files().get(&format!("{role}.json")).map(|bytes| bytes.to_vec());
            match (*outcome, role) {
                ("ok", _) => assert_eq!(kept, Some(newest), "{role}: {name}"),
                // The word of keys that lost their office is forgotten.
                (_, "timestamp" | "snapshot") => assert_eq!(kept, None, "{role}: {name}"),
                _ => assert_eq!(kept, Some(before), "{role}: {name}"),
            }
        }
    }
}
