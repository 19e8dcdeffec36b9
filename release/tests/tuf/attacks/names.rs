//! Names that lead somewhere else.

use lacre_release::{Kept, Refresh};
use lacre_testkit::{Pins, TufSimulator};
use serde_json::json;

use super::up_to_date;
use crate::client::{Client, NOW, time};

#[test]
fn role_name_traversal() {
    let home = "1.root.json";
    for role in
        ["../root", "../../etc/passwd", "/etc/passwd", "a/../../b", "..\\root", "C:\\root", "root\u{0}", "~"]
    {
        let mut repository = TufSimulator::new();
        repository.delegate("targets", role, &["*"]);
        repository.add_target(role, "file", b"content");
        repository.publish_all();
        let mut client = Client::of(&repository);
        assert_eq!(client.download(&repository, &["file"]).unwrap(), [b"content"], "{role:?}");
        assert_eq!(client.kept.root, repository.file(home), "{role:?}");
        for name in client
            .kept
            .files()
            .keys()
            .map(String::as_str)
            .chain(repository.asked().iter().map(String::as_str))
        {
            assert!(!name.contains(['/', '\\', ':', '\u{0}']), "{role:?}: {name:?}");
        }
        // As files it comes back as what it was.
        let files = client.kept.files().into_iter().map(|(name, bytes)| (name, bytes.to_vec())).collect();
        assert_eq!(Kept::from_files(files).unwrap(), client.kept);
    }
}

/// A delegation cannot be called like a role of the root, in any case that a folder might take for the same.
#[test]
fn role_names_of_the_top() {
    for role in ["root", "timestamp", "snapshot", "targets", "Root", "TIMESTAMP", "Snapshot", "tArgets", ""] {
        let mut repository = TufSimulator::new();
        let key = repository.signers["targets"][0].clone();
        repository.draft("targets")["delegations"] = json!({
            "keys": { key.id.as_str(): key.public },
            "roles": [{ "name": role, "keyids": [key.id], "threshold": 1, "terminating": true, "paths": ["*"] }],
        });
        repository.publish_all();
        let mut client = Client::of(&repository);
        assert_eq!(client.outcome(&repository), "E-TUF-METADATA", "{role:?}");
        assert_eq!(client.version("targets"), 0, "{role:?}");
    }
    let long = "x".repeat(257);
    let mut repository = TufSimulator::new();
    repository.delegate("targets", &long, &["*"]);
    repository.publish_all();
    assert_eq!(Client::of(&repository).outcome(&repository), "E-TUF-METADATA");
}

/// Where files have no versions in their names, the targets of a role called `2.root` lie where the next root would be.
#[test]
fn a_role_called_like_a_file_of_the_root() {
    for consistent_snapshot in [true, false] {
        let mut repository = TufSimulator::new();
        repository.draft("root")["consistent_snapshot"] = json!(consistent_snapshot);
        repository.draft("root")["version"] = json!(0);
        repository.publish(&["root"]);
        repository.delegate("targets", "2.root", &["*"]);
        repository.publish_all();
        let mut client = Client::of(&repository);
        assert_eq!(client.outcome(&repository), "E-TUF-METADATA", "it is no root");
        assert_eq!(client.stored(), [("root".to_owned(), 1)]);
    }
}

#[test]
fn one_role_twice() {
    let mut repository = TufSimulator::new();
    repository.delegate("targets", "delegated", &["a/*"]);
    repository.delegate("targets", "delegated", &["b/*"]);
    repository.publish_all();
    assert_eq!(Client::of(&repository).outcome(&repository), "E-TUF-METADATA");
}

#[test]
fn target_path_traversal() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    for path in
        ["../file", "/file", "a/../../file", "a\\b", "C:file", "NUL", "", ".", "a//b", "a\u{0}", "a\n"]
    {
        repository.add_target("targets", path, b"content");
    }
    repository.publish_all();
    client.refresh(&repository).unwrap();
    let mut refresh = Refresh::from_kept(client.kept.clone(), time(NOW)).unwrap();
    for path in
        ["../file", "/file", "a/../../file", "a\\b", "C:file", "NUL", "", ".", "a//b", "a\u{0}", "a\n"]
    {
        // That its publisher signed for it makes it no better.
        assert_eq!(refresh.seek(path).unwrap_err().code(), "E-CHANNEL-NAME", "{path:?}");
        assert_eq!((refresh.wanted(), refresh.is_fresh()), (None, true), "{path:?}");
    }
    refresh.seek("file").unwrap();
}

/// A digest becomes part of a file's name.
#[test]
fn digest_traversal() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    for digest in ["../../etc/passwd", "", "0/../0", "zz"] {
        repository.draft("targets")["targets"]["file"]["hashes"] = json!({ "sha256": digest });
        repository.publish_all();
        repository.asked();
        assert_eq!(client.download_outcome(&repository, "file"), "E-TUF-METADATA", "{digest:?}");
        assert!(repository.asked().iter().all(|name| !name.ends_with("file")), "{digest:?}");
    }
}
