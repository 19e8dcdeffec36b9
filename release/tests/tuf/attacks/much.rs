//! More than anybody needs: the answers of whoever wants to fill a memory or to keep a processor busy.

use lacre_release::{Refresh, WantedFile};
use lacre_testkit::{Pins, TufKey, TufSimulator};
use serde_json::json;

use super::{refused, up_to_date};
use crate::client::{Client, NOW, answer, time};

/// Everything that one refresh and one search ask for, with what they were given.
fn wanted(repository: &TufSimulator, path: &str) -> Vec<(WantedFile, Option<usize>)> {
    let client = Client::of(repository);
    let mut refresh = Refresh::start(client.kept, client.now).unwrap();
    let mut all = Vec::new();
    loop {
        while let Some(wanted) = refresh.wanted() {
            let bytes = repository.ask(&wanted.name);
            all.push((wanted, bytes.as_ref().map(Vec::len)));
            refresh.give(bytes).unwrap();
        }
        if refresh.found().is_some() {
            return all;
        }
        refresh.seek(path).unwrap();
    }
}

#[test]
fn endless_data_has_a_limit_before_it_is_read() {
    let (repository, _) = up_to_date(Pins::Versions);
    let limits: Vec<u64> = wanted(&repository, "file").iter().map(|(wanted, _)| wanted.limit).collect();
    // Root, timestamp, snapshot, targets, and the target of 7 bytes.
    assert_eq!(limits, [512 << 10, 16 << 10, 2 << 20, 5 << 20, 7]);
    // What is signed to be shorter is read no longer.
    let (repository, _) = up_to_date(Pins::Digests);
    for (wanted, length) in wanted(&repository, "file").into_iter().skip(2) {
        assert_eq!(Some(wanted.limit), length.map(|length| length as u64), "{}", wanted.name);
        assert!(wanted.digest.is_some(), "{}", wanted.name);
    }
}

/// Whoever fetches reads on, against the advice.
#[test]
fn endless_data() {
    for (role, name, limit) in [
        ("root", "2.root.json", 512 << 10),
        ("timestamp", "timestamp.json", 16 << 10),
        ("snapshot", "3.snapshot.json", 2 << 20),
        ("targets", "3.targets.json", 5 << 20),
    ] {
        for (length, outcome) in [(limit, "ok"), (limit + 1, "E-LIMIT")] {
            let (mut repository, mut client) = up_to_date(Pins::Versions);
            repository.publish(&["root"]);
            repository.publish_all();
            let mut bytes = repository.file(name);
            bytes.resize(length, b' ');
            repository.serve(name, &bytes);
            let before = client.kept.files().get(&format!("{role}.json")).map(|bytes| bytes.to_vec());
            assert_eq!(client.outcome(&repository), outcome, "{role} of {length}");
            let after = client.kept.files().get(&format!("{role}.json")).map(|bytes| bytes.to_vec());
            assert_eq!(after, if outcome == "ok" { Some(bytes) } else { before }, "{role} of {length}");
        }
    }
}

#[test]
fn endless_targets() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    for (length, outcome) in
        [(16_u64 << 20, "E-TUF-MISSING"), ((16 << 20) + 1, "E-LIMIT"), (u64::MAX, "E-LIMIT")]
    {
        let hashes = json!({ "sha256": "0".repeat(64) });
        repository.draft("targets")["targets"]["long"] = json!({ "length": length, "hashes": hashes });
        repository.publish_all();
        repository.asked();
        assert_eq!(client.download_outcome(&repository, "long"), outcome, "{length}");
        let is_asked = repository.asked().iter().any(|name| name.contains(".long"));
        assert_eq!(is_asked, outcome != "E-LIMIT", "{length}");
    }
    // The longest that there may be is asked for, and a longer one is refused before it is hashed.
    let mut refresh = Refresh::from_kept(client.kept.clone(), time(NOW)).unwrap();
    refresh.seek("file").unwrap();
    let error = refresh.give(Some(vec![0; (16 << 20) + 1])).unwrap_err();
    assert_eq!((error.code(), refresh.is_fresh(), refresh.found()), ("E-LIMIT", true, None));
}

#[test]
fn endless_roots() {
    let mut repository = TufSimulator::new();
    let mut client = Client::of(&repository);
    repository.publish(&["root"; 1024]);
    assert_eq!(client.clone().outcome(&repository), "ok");
    repository.publish(&["root"]);
    let error = client.refresh(&repository).map(|_| ()).unwrap_err();
    assert_eq!((error.code(), client.version("root")), ("E-LIMIT", 1025));
    // The next refresh goes on from there.
    assert_eq!((client.outcome(&repository), client.version("root")), ("ok", 1026));
}

#[test]
fn too_many_signatures_keys_and_roles() {
    let (repository, client) = up_to_date(Pins::Versions);
    let attempt = |delegator: &str, edit: &dyn Fn(&mut TufSimulator)| {
        let (mut repository, mut client) = (repository.clone(), client.clone());
        edit(&mut repository);
        if delegator == "root" {
            repository.publish(&["root"]);
        }
        repository.publish_all();
        client.outcome(&repository)
    };
    let key = TufKey::ed25519();
    let signed = |times: usize| {
        let key = key.clone();
        move |repository: &mut TufSimulator| {
            let strangers = (1..times).map(|place| key.called(&place.to_string()));
            repository.signers.get_mut("root").unwrap().extend(strangers);
        }
    };
    assert_eq!(attempt("root", &signed(256)), "ok");
    assert_eq!(attempt("root", &signed(257)), "E-LIMIT");

    let listed = |keys: usize| {
        let key = key.public.clone();
        move |repository: &mut TufSimulator| {
            let before = repository.draft("root")["keys"].as_object().unwrap().len();
            for place in before..keys {
                repository.draft("root")["keys"][place.to_string()] = key.clone();
            }
        }
    };
    assert_eq!(attempt("root", &listed(1024)), "ok");
    assert_eq!(attempt("root", &listed(1025)), "E-LIMIT");

    let of_role = |ids: usize| {
        move |repository: &mut TufSimulator| {
            let known = repository.entry("root", "timestamp")["keyids"].as_array_mut().unwrap();
            known.extend((1..ids).map(|place| json!(place.to_string())));
        }
    };
    assert_eq!(attempt("root", &of_role(64)), "ok");
    assert_eq!(attempt("root", &of_role(65)), "E-LIMIT");

    let delegations = |roles: usize| {
        move |repository: &mut TufSimulator| {
            let entry = |place: usize| {
                let name = place.to_string();
                json!({ "name": name, "keyids": [], "threshold": 1, "terminating": false, "paths": [] })
            };
            let roles: Vec<_> = (0..roles).map(entry).collect();
            repository.draft("targets")["delegations"] = json!({ "keys": {}, "roles": roles });
        }
    };
    assert_eq!(attempt("targets", &delegations(8192)), "ok");
    assert_eq!(attempt("targets", &delegations(8193)), "E-LIMIT");
}

#[test]
fn patterns_that_keep_a_processor_busy() {
    for (pattern, outcome) in [
        ("a*".repeat(8), "E-TUF-MISSING"),
        ("a*".repeat(9), "E-LIMIT"),
        ("a".repeat(512), "E-TUF-MISSING"),
        ("a".repeat(513), "E-LIMIT"),
    ] {
        let mut repository = TufSimulator::new();
        repository.delegate("targets", "delegated", &[&pattern]);
        repository.publish_all();
        let mut client = Client::of(&repository);
        assert_eq!(client.download_outcome(&repository, &"a".repeat(1000)), outcome, "{pattern}");
    }
}

/// Delegations that never end, side by side and one below the other.
#[test]
fn endless_delegations() {
    for (roles, outcome) in [(63, "E-TUF-MISSING"), (64, "E-LIMIT")] {
        let mut deep = TufSimulator::new();
        let names: Vec<String> = (0..roles).map(|place| format!("r{place}")).collect();
        let mut delegator = "targets";
        for name in &names {
            deep.delegate(delegator, name, &["*"]);
            delegator = name;
        }
        deep.publish_all();
        let mut wide = TufSimulator::new();
        for name in &names {
            wide.delegate("targets", name, &["*"]);
        }
        wide.publish_all();
        for repository in [deep, wide] {
            let mut client = Client::of(&repository);
            assert_eq!(client.download_outcome(&repository, "file"), outcome, "{roles}");
            // What was good on the way is kept, and the top level is none the worse.
            assert!(client.version("r0") == 1 && client.version("targets") == 2);
        }
    }
    let mut repository = TufSimulator::new();
    for place in 0..65 {
        repository.delegate("targets", &format!("r{place}"), &["*"]);
    }
    repository.publish_all();
    let mut refresh = Client::of(&repository).refresh(&repository).unwrap();
    repository.asked();
    assert_eq!(refresh.seek("file").unwrap_err().code(), "E-LIMIT");
    assert_eq!(repository.asked(), [""; 0]);
    assert!(refresh.is_fresh());
    assert!(answer(&mut refresh, &repository).is_ok(), "nothing is wanted");
}

#[test]
fn deep_nesting() {
    let (mut repository, mut client) = up_to_date(Pins::Versions);
    for (depth, code) in [(20, "ok"), (40, "E-LIMIT"), (100_000, "E-LIMIT")] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        if depth < 1000 {
            repository.draft("targets")["x-nested"] = serde_json::from_str(&nested).unwrap();
            repository.publish_all();
            assert_eq!(client.outcome(&repository), code, "{depth}");
        } else {
            repository.draft("targets").as_object_mut().unwrap().remove("x-nested");
            repository.publish_all();
            assert_eq!(client.outcome(&repository), "ok");
            repository.serve("2.root.json", nested.as_bytes());
            refused(&mut client, &repository, code, "brackets alone");
        }
    }
}
