use lacre_hash::Sha256Digest;
use lacre_release::{Refresh, WantedKind};
use lacre_testkit::TufSimulator;
use serde_json::json;

use crate::client::{Client, NOW, answer, time};

/// SHA-512 of `content`, by coreutils.
const SHA512: &str = concat!(
    "b2d1d285b5199c85f988d03649c37e44fd3dde01e5d69c50fef90651962f4811",
    "0e9340b60d49a479c4c0b53f5f07d690686dd87d2481937a512e8b85ee7c617f",
);

fn with_target() -> TufSimulator {
    let mut repository = TufSimulator::new();
    repository.add_target("targets", "path/to/a file", b"content");
    repository.publish_all();
    repository
}

#[test]
fn test_client_downloads_expected_file() {
    let mut repository = TufSimulator::new();
    repository.add_target("targets", "file.txt", b"content");
    repository.publish_all();
    let mut client = Client::of(&repository);
    assert_eq!(client.refresh(&repository).unwrap().found(), None);
    repository.asked();
    assert_eq!(client.download(&repository, &["file.txt"]).unwrap(), [b"content"]);
    let place = format!("{}.file.txt", Sha256Digest::of(b"content"));
    assert_eq!(repository.asked(), ["2.root.json", "timestamp.json", &place]);
}

#[test]
fn test_client_downloads_expected_file_in_sub_dir() {
    let mut repository = with_target();
    repository.draft("targets")["targets"]["path/to/a file"]["custom"] = json!({ "sequence": 3 });
    repository.publish_all();
    let mut client = Client::of(&repository);
    let mut refresh = client.refresh(&repository).unwrap();
    refresh.seek("path/to/a file").unwrap();
    let digest = Sha256Digest::of(b"content");
    let wanted = refresh.wanted().unwrap();
    assert_eq!(wanted.what, WantedKind::Target);
    assert_eq!(wanted.name, format!("path/to/{digest}.a file"));
    assert_eq!(wanted.url_path(), format!("path/to/{digest}.a%20file"));
    assert_eq!((wanted.limit, wanted.digest, wanted.may_be_absent), (7, Some(digest), false));
    assert_eq!(refresh.target().unwrap().custom, Some(json!({ "sequence": 3 })));
    assert_eq!(refresh.found(), None);
    answer(&mut refresh, &repository).unwrap();
    let found = refresh.found().unwrap();
    assert_eq!(
        (found.bytes.as_slice(), found.target.roles.as_slice()),
        (b"content".as_slice(), ["targets".to_owned()].as_slice())
    );
}

#[test]
fn test_repository_substitutes_target_file() {
    let mut repository = with_target();
    let name = format!("path/to/{}.a file", Sha256Digest::of(b"content"));
    for bad in [b"CONTENT".as_slice(), b"content and more", b""] {
        repository.serve(&name, bad);
        let mut refresh = Client::of(&repository).refresh(&repository).unwrap();
        refresh.seek("path/to/a file").unwrap();
        assert_eq!(answer(&mut refresh, &repository).unwrap_err().code(), "E-TUF-MISMATCH");
        assert_eq!((refresh.found(), refresh.is_fresh()), (None, true));
    }
    repository.remove(&name);
    assert_eq!(Client::of(&repository).download_outcome(&repository, "path/to/a file"), "E-TUF-MISSING");
}

#[test]
fn test_multiple_changes_to_target() {
    let mut repository = with_target();
    let mut client = Client::of(&repository);
    for round in 0..11 {
        let content = format!("content {round}");
        repository.add_target("targets", "path/to/a file", content.as_bytes());
        repository.add_target("targets", &format!("new-{round}"), b"new");
        repository.publish_all();
        if round % 5 == 0 {
            let found = client.download(&repository, &["path/to/a file", &format!("new-{round}")]).unwrap();
            assert_eq!(found, [content.as_bytes(), b"new"]);
            // Other bytes, of which no metadata speaks.
            let name = format!("path/to/{}.a file", Sha256Digest::of(content.as_bytes()));
            repository.serve(&name, b"CONTENT 0");
            repository.publish_all();
            assert_eq!(client.download_outcome(&repository, "path/to/a file"), "E-TUF-MISMATCH");
        }
    }
}

#[test]
fn test_download_with_hash_algorithms_and_with_unknown_hash_algorithm() {
    let sha256 = Sha256Digest::of(b"content").to_string();
    for (hashes, outcome) in [
        (json!({ "sha256": sha256 }), "ok"),
        (json!({ "sha512": SHA512 }), "ok"),
        (json!({ "sha256": sha256, "sha512": SHA512 }), "ok"),
        (json!({ "sha256": sha256, "unknown": "00" }), "ok"),
        // Every digest that is known must be right.
        (json!({ "sha256": sha256, "sha512": "00" }), "E-TUF-MISMATCH"),
        (json!({ "unknown": SHA512 }), "E-TUF-MISMATCH"),
        (json!({}), "E-TUF-MISMATCH"),
    ] {
        let mut repository = TufSimulator::new();
        repository.draft("targets")["targets"]["file"] = json!({ "length": 7, "hashes": hashes });
        repository.publish_all();
        repository.serve(&format!("{sha256}.file"), b"content");
        repository.serve(&format!("{SHA512}.file"), b"content");
        assert_eq!(Client::of(&repository).download_outcome(&repository, "file"), outcome, "{hashes}");
    }
}

#[test]
fn test_artifact_cache() {
    let repository = with_target();
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    repository.asked();
    let mut refresh = Refresh::from_kept(client.kept.clone(), time(NOW)).unwrap();
    refresh.seek("path/to/a file").unwrap();
    // Who has the file already gives it, and fetches nothing.
    refresh.target().unwrap().check(b"content").unwrap();
    assert_eq!(refresh.target().unwrap().check(b"CONTENT").unwrap_err().code(), "E-TUF-MISMATCH");
    refresh.give(Some(b"content".to_vec())).unwrap();
    assert_eq!(refresh.found().unwrap().bytes, b"content");
    assert_eq!(repository.asked(), [""; 0]);
}
