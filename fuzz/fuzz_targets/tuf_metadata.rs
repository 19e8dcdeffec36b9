//! Metadata of an update framework, in every place of a refresh. Bytes that nobody signed are never accepted; what owners
//! signed may say anything, and ends in a code or in a name that stays in its folder.
//!
//! The first byte says in whose place the rest is served, and whether it is a whole file (`r`, `t`, `s`, `g`, `d`) or what
//! an owner signs (`R`, `T`, `S`, `G`, `D`).

#![no_main]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use ed25519_dalek::{Signer as _, SigningKey};
use jiff::Timestamp;
use lacre_release::{CODES, Kept, Refresh, ReleaseError, canonical_json};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const EXPIRES: &str = "2031-01-01T00:00:00Z";
/// Most files that a refresh and a search may ask for: roots, the top level and a search.
const MOST_FILES: usize = 80;

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().expect("a time")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn known(error: &ReleaseError) {
    let code = error.code();
    assert!(CODES.contains(&code) || lacre_json::CODES.contains(&code), "{code}: {error}");
    assert!(!error.to_string().contains(char::is_control), "{error}");
}

/// A repository whose roles have one key together, and whose files have version 1.
struct Repository {
    key: SigningKey,
    files: BTreeMap<&'static str, Vec<u8>>,
}

impl Repository {
    fn new(seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = json!({ "keytype": "ed25519", "scheme": "ed25519",
                             "keyval": { "public": hex(key.verifying_key().as_bytes()) } });
        let role = json!({ "keyids": ["k"], "threshold": 1 });
        let mut this = Self { key, files: BTreeMap::new() };
        let head =
            |kind: &str| json!({ "_type": kind, "spec_version": "1.0.31", "version": 1, "expires": EXPIRES });
        let mut root = head("root");
        root["consistent_snapshot"] = json!(true);
        root["keys"] = json!({ "k": public });
        root["roles"] = json!({ "root": role, "timestamp": role, "snapshot": role, "targets": role });
        let mut timestamp = head("timestamp");
        timestamp["meta"] = json!({ "snapshot.json": { "version": 1 } });
        let mut snapshot = head("snapshot");
        snapshot["meta"] = json!({ "targets.json": { "version": 1 }, "d.json": { "version": 1 } });
        let mut targets = head("targets");
        targets["targets"] = json!({});
        let delegation =
            json!({ "name": "d", "keyids": ["k"], "threshold": 1, "terminating": false, "paths": ["*"] });
        targets["delegations"] = json!({ "keys": { "k": public }, "roles": [delegation] });
        let mut delegated = head("targets");
        delegated["targets"] = json!({});
        for (name, said) in [
            ("1.root.json", root),
            ("timestamp.json", timestamp),
            ("1.snapshot.json", snapshot),
            ("1.targets.json", targets),
            ("1.d.json", delegated),
        ] {
            let file = this.signed(&said).expect("no fractions");
            this.files.insert(name, file);
        }
        this
    }

    fn signed(&self, said: &Value) -> Option<Vec<u8>> {
        let signature = hex(&self.key.sign(&canonical_json(said).ok()?).to_bytes());
        let file = json!({ "signatures": [{ "keyid": "k", "sig": signature }], "signed": said });
        Some(lacre_json::to_vec(&file))
    }
}

/// Serves `input` in the place of the file `place`. Tells whether it was accepted.
fn serve(repository: &Repository, place: &str, input: &[u8]) -> bool {
    let anchor = Kept::anchor(repository.files["1.root.json"].clone());
    let mut refresh = Refresh::start(anchor, now()).expect("a good root");
    let (mut is_accepted, mut is_sought, mut asked) = (false, false, 0);
    loop {
        while let Some(wanted) = refresh.wanted() {
            asked += 1;
            assert!(asked < MOST_FILES, "there is no end");
            assert!(!wanted.name.contains("..") || !wanted.name.contains('/'), "{}", wanted.name);
            assert!(wanted.limit <= 16 << 20, "{wanted:?}");
            let is_place = wanted.name == place;
            let bytes =
                if is_place { Some(input.to_vec()) } else { repository.files.get(&*wanted.name).cloned() };
            let before = refresh.kept().clone();
            match refresh.give(bytes) {
                Ok(()) => is_accepted |= is_place && *refresh.kept() != before,
                Err(error) => {
                    known(&error);
                    if is_place {
                        assert!(refresh.kept().files().values().all(|kept| *kept != input));
                    }
                    break;
                }
            }
        }
        let files: BTreeMap<_, _> =
            refresh.kept().files().into_iter().map(|(name, bytes)| (name, bytes.to_vec())).collect();
        assert!(files.keys().all(|name| !name.contains(['/', '\\', '\0'])));
        assert_eq!(&Kept::from_files(files).expect("what was kept"), refresh.kept());
        let _ = refresh.expirations();
        if is_sought || !refresh.is_fresh() {
            return is_accepted;
        }
        is_sought = true;
        if let Err(error) = refresh.seek("path/file") {
            known(&error);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    static REPOSITORY: OnceLock<Repository> = OnceLock::new();
    let repository = REPOSITORY.get_or_init(|| Repository::new(7));
    let Some((first, rest)) = bytes.split_first() else { return };
    let place = match first.to_ascii_lowercase() {
        b'r' => "2.root.json",
        b't' => "timestamp.json",
        b's' => "1.snapshot.json",
        b'g' => "1.targets.json",
        b'd' => "1.d.json",
        _ => return,
    };
    if first.is_ascii_uppercase() {
        let Ok(said) = serde_json::from_slice::<Value>(rest) else { return };
        if let Some(file) = repository.signed(&said) {
            serve(repository, place, &file);
        }
    } else {
        assert!(!serve(repository, place, rest), "nobody signed it");
        // As what is kept from before: refused, or believed no more than that.
        let mut kept = Kept::anchor(repository.files["1.root.json"].clone());
        match place {
            "2.root.json" => kept.root = rest.to_vec(),
            "timestamp.json" => kept.timestamp = Some(rest.to_vec()),
            "1.snapshot.json" => kept.snapshot = Some(rest.to_vec()),
            _ => drop(kept.roles.insert("targets".to_owned(), rest.to_vec())),
        }
        match Refresh::start(kept, now()) {
            Ok(_) => assert_ne!(place, "2.root.json", "it did not sign itself"),
            Err(error) => known(&error),
        }
    }
});
