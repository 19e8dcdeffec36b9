use lacre_release::Refresh;
use lacre_testkit::TufSimulator;
use serde_json::json;

use crate::client::{Client, NOW, time};

/// What is asked for below the top level when a target is looked for.
fn visited(repository: &TufSimulator, client: &mut Client, path: &str) -> (&'static str, Vec<String>) {
    repository.asked();
    let outcome = client.download_outcome(repository, path);
    let asked = repository.asked().into_iter().skip(4);
    let roles = asked.filter_map(|name| Some(name.strip_suffix(".json")?.strip_prefix("1.")?.to_owned()));
    (outcome, roles.collect())
}

/// A repository with these delegations, one a word: `A>B` lets role B speak for what A may speak for, `A!B` ends the
/// search there, `A>B:*.py` is for that pattern of paths.
fn graph(edges: &str) -> TufSimulator {
    let mut repository = TufSimulator::new();
    for edge in edges.split(' ') {
        let (edge, pattern) = edge.split_once(':').unwrap_or((edge, "*"));
        if let Some((delegator, role)) = edge.split_once('!') {
            repository.delegate_terminating(delegator, role, &[pattern]);
        } else {
            let (delegator, role) = edge.split_once('>').unwrap();
            repository.delegate(delegator, role, &[pattern]);
        }
    }
    repository.draft("targets")["version"] = json!(0);
    repository.publish_all();
    repository
}

#[test]
fn test_graph_traversal() {
    for (name, edges, order) in [
        ("basic", "targets>A", "A"),
        ("one level", "targets>A targets>B", "A B"),
        ("two levels", "targets>A targets>B B>C", "A B C"),
        ("depth first", "targets>A targets>B A>C A>D", "A C D B"),
        ("three levels, depth first", "targets>A targets>B A>C C>D", "A C D B"),
        ("two levels, terminating", "targets>A targets>B A!C A>D", "A C"),
        ("three levels, terminating", "targets>A targets>B A!C C>D", "A C D"),
        ("two levels, other paths", "targets>A:*.py targets>B A>C", "B"),
        ("three levels, other paths", "targets>A targets>B A>C:*.py C>D", "A B"),
        ("terminating, but for other paths", "targets!A:*.py targets>B", "B"),
        ("a circle", "targets>A targets>B B>C C>D D>B", "A B C D"),
        ("two ways to a third", "targets>A targets>B B>C A>C", "A C B"),
        ("two ways to a third, one of other paths", "targets>A targets>B B>C A>C:*.py", "A B C"),
    ] {
        let repository = graph(edges);
        let mut client = Client::of(&repository);
        let (outcome, asked) = visited(&repository, &mut client, "missingpath");
        assert_eq!((outcome, asked.join(" ").as_str()), ("E-TUF-MISSING", order), "{name}");
        // What was asked for and believed is kept, though the target is nowhere.
        assert_eq!(client.stored().len(), 4 + asked.len(), "{name}");
    }
}

#[test]
fn test_targetfile_search() {
    let mut repository = TufSimulator::new();
    repository.delegate("targets", "A", &["*.doc", "*.md", "foo-?.tgz"]);
    repository.delegate("targets", "B", &["releases/*/*"]);
    repository.delegate("B", "C", &["releases/x/*"]);
    repository.delegate("B", "D", &["releases/y/*.zip"]);
    for (role, path) in [
        ("targets", "targetfile"),
        ("A", "README.md"),
        ("A", "releases/README.md"),
        ("A", "foo-1.tgz"),
        ("A", "foo-alpha.tgz"),
        ("C", "releases/x/x_v1"),
        ("D", "releases/y/y_v1.zip"),
        ("D", "releases/z/z_v1.zip"),
    ] {
        repository.add_target(role, path, format!("{path} by {role}").as_bytes());
    }
    repository.draft("targets")["version"] = json!(0);
    repository.publish_all();
    for (path, outcome, order) in [
        ("targetfile", "ok", vec![]),
        ("README.md", "ok", vec!["A"]),
        ("releases/x/x_v1", "ok", vec!["B", "C"]),
        ("releases/y/y_v1.zip", "ok", vec!["B", "D"]),
        ("releases/z/z_v1.zip", "E-TUF-MISSING", vec!["B"]),
        ("releases/README.md", "E-TUF-MISSING", vec![]),
        ("foo-1.tgz", "ok", vec!["A"]),
        ("foo-alpha.tgz", "E-TUF-MISSING", vec![]),
        ("README.MD", "E-TUF-MISSING", vec![]),
    ] {
        let mut client = Client::of(&repository);
        let (found, asked) = visited(&repository, &mut client, path);
        assert_eq!((found, asked), (outcome, order.iter().map(ToString::to_string).collect()), "{path}");
    }
    let mut client = Client::of(&repository);
    client.download(&repository, &["releases/x/x_v1"]).unwrap();
    let mut refresh = Refresh::from_kept(client.kept.clone(), time(NOW)).unwrap();
    refresh.seek("releases/x/x_v1").unwrap();
    assert_eq!(refresh.target().unwrap().roles, ["targets", "B", "C"]);
    let shown: Vec<String> = refresh.expirations().into_iter().map(|role| role.role).collect();
    assert_eq!(shown, ["root", "timestamp", "snapshot", "targets", "B"]);
}

#[test]
fn targets_are_found_by_prefixes_of_hashes() {
    // The SHA-256 of "file" begins with 3b9c, by coreutils.
    for (prefix, outcome) in [("3b", "ok"), ("3b9c", "ok"), ("3c", "E-TUF-MISSING")] {
        let mut repository = TufSimulator::new();
        repository.delegate_by(
            "targets",
            json!({ "name": "bin", "path_hash_prefixes": [prefix], "terminating": true }),
        );
        repository.add_target("bin", "file", b"content");
        repository.publish_all();
        assert_eq!(Client::of(&repository).download_outcome(&repository, "file"), outcome, "{prefix}");
    }
}

/// Two teams let the role `release` speak, each for its own paths and by a key of its own. It is signed for team A.
#[test]
fn test_cached_role_is_verified_against_current_delegator() {
    let mut repository = TufSimulator::new();
    repository.delegate("targets", "parent-a", &["team-a/*"]);
    repository.delegate("targets", "parent-b", &["team-b/*"]);
    repository.delegate("parent-a", "release", &["team-a/*"]);
    repository.delegate("parent-b", "release", &["team-b/*"]);
    repository.add_target("release", "team-a/file", b"good");
    repository.add_target("release", "team-b/file", b"bad");
    let of_b = repository.signers.get_mut("release").unwrap().pop().unwrap();
    repository.publish_all();

    // In one refresh, and from what was kept.
    let mut client = Client::of(&repository);
    let mut refresh = client.refresh(&repository).unwrap();
    for (path, outcome) in [("team-a/file", "ok"), ("team-b/file", "E-TUF-SIGNATURE"), ("team-a/file", "ok")]
    {
        let found = refresh.seek(path).and_then(|()| crate::client::answer(&mut refresh, &repository));
        assert_eq!(found.map_or_else(|error| error.code(), |()| "ok"), outcome, "{path}");
    }
    client.kept = refresh.kept().clone();
    assert_eq!(client.version("release"), 1);
    assert_eq!(client.download_outcome(&repository, "team-b/file"), "E-TUF-SIGNATURE");
    assert_eq!(client.download_outcome(&repository, "team-a/file"), "ok");

    // Signed for both, it is good for both.
    repository.signers.get_mut("release").unwrap().push(of_b);
    repository.publish_all();
    assert_eq!(
        client.download(&repository, &["team-a/file", "team-b/file"]).unwrap(),
        [b"good".as_slice(), b"bad"]
    );
}

#[test]
fn test_delegation_not_in_snapshot() {
    let mut repository = TufSimulator::new();
    repository.delegate("targets", "delegated", &["delegatedpath/*"]);
    repository.publish(&["delegated", "targets"]);
    repository.publish(&["snapshot"]);
    repository.draft("snapshot")["meta"].as_object_mut().unwrap().remove("delegated.json");
    repository.publish_as_drafted("snapshot");
    repository.publish(&["timestamp"]);
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    repository.asked();
    assert_eq!(client.download_outcome(&repository, "delegatedpath/foo"), "E-TUF-MISMATCH");
    assert_eq!(client.version("delegated"), 0);
    assert_eq!(repository.asked(), ["2.root.json", "timestamp.json"]);
}

#[test]
fn kept_roles_are_not_asked_for_again() {
    let mut repository = TufSimulator::new();
    repository.delegate("targets", "a", &["*"]);
    repository.add_target("a", "file", b"content");
    repository.publish_all();
    let mut client = Client::of(&repository);
    client.download(&repository, &["file"]).unwrap();
    repository.asked();
    client.download(&repository, &["file"]).unwrap();
    let asked = repository.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(asked[..2], ["2.root.json", "timestamp.json"]);
    // A timestamp and a snapshot that name the same targets cost no more than themselves.
    repository.publish(&["snapshot", "timestamp"]);
    client.refresh(&repository).unwrap();
    assert_eq!(repository.asked(), ["2.root.json", "timestamp.json", "3.snapshot.json"]);
}
