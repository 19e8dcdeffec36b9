//! A TUF repository in memory, for clients that fetch nothing themselves. It is written without the product's writers,
//! and says whatever a test wants it to say.

mod key;

use std::cell::RefCell;
use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use serde_json::{Value, json};

pub use key::TufKey;

/// When everything expires if nobody says otherwise.
pub const TUF_EXPIRES: &str = "2031-01-01T00:00:00Z";

/// What snapshots and timestamps say of the files that they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pins {
    /// Versions alone.
    Versions,
    /// Versions, lengths and digests.
    Digests,
}

/// A repository. Its drafts are edited, and published when a test says so.
#[derive(Clone)]
pub struct TufSimulator {
    /// What each role will say when it is published next.
    pub drafts: BTreeMap<String, Value>,
    /// Who signs for each role. What the root or a delegator says of them is in the drafts.
    pub signers: BTreeMap<String, Vec<TufKey>>,
    /// What snapshots and timestamps say of files.
    pub pins: Pins,
    files: BTreeMap<String, Vec<u8>>,
    asked: RefCell<Vec<String>>,
}

impl Default for TufSimulator {
    fn default() -> Self {
        Self::new()
    }
}

impl TufSimulator {
    /// A repository with one Ed25519 key a role, whose version 1 of everything is published.
    pub fn new() -> Self {
        let head = |kind: &str| json!({ "_type": kind, "spec_version": "1.0.31", "version": 0, "expires": TUF_EXPIRES });
        let mut this = Self {
            drafts: ["root", "timestamp", "snapshot", "targets"]
                .map(|role| (role.to_owned(), head(role)))
                .into(),
            signers: BTreeMap::new(),
            pins: Pins::Versions,
            files: BTreeMap::new(),
            asked: RefCell::new(Vec::new()),
        };
        let root = this.draft("root");
        root["consistent_snapshot"] = json!(true);
        root["keys"] = json!({});
        root["roles"] = json!({});
        for role in ["root", "timestamp", "snapshot", "targets"] {
            this.draft("root")["roles"][role] = json!({ "keyids": [], "threshold": 1 });
            this.add_key("root", role, &TufKey::ed25519());
        }
        this.draft("targets")["targets"] = json!({});
        this.publish(&["root"]);
        this.publish_all();
        this
    }

    /// What a role will say.
    pub fn draft(&mut self, role: &str) -> &mut Value {
        self.drafts.get_mut(role).unwrap_or_else(|| panic!("no role {role}"))
    }

    /// What the root or a delegator will say of a role.
    pub fn entry(&mut self, delegator: &str, role: &str) -> &mut Value {
        let draft = self.draft(delegator);
        if delegator == "root" {
            return &mut draft["roles"][role];
        }
        let roles = draft["delegations"]["roles"].as_array_mut().unwrap();
        roles
            .iter_mut()
            .find(|entry| entry["name"] == role)
            .unwrap_or_else(|| panic!("{delegator} names no {role}"))
    }

    /// Lets a key sign for a role.
    pub fn add_key(&mut self, delegator: &str, role: &str, key: &TufKey) {
        self.list_key(delegator, role, key);
        self.signers.entry(role.to_owned()).or_default().push(key.clone());
    }

    /// Says that a key may sign for a role; it does not.
    pub fn list_key(&mut self, delegator: &str, role: &str, key: &TufKey) {
        let keys = if delegator == "root" {
            &mut self.draft("root")["keys"]
        } else {
            &mut self.draft(delegator)["delegations"]["keys"]
        };
        keys[&key.id] = key.public.clone();
        self.entry(delegator, role)["keyids"].as_array_mut().unwrap().push(json!(key.id));
    }

    /// Gives a role of the root these keys instead of those that it had.
    pub fn set_keys(&mut self, role: &str, keys: &[TufKey], threshold: usize) {
        self.signers.remove(role);
        *self.entry("root", role) = json!({ "keyids": [], "threshold": threshold });
        for key in keys {
            self.add_key("root", role, key);
        }
    }

    /// Gives a role of the root a new key instead of those that it had.
    pub fn rotate(&mut self, role: &str) {
        self.set_keys(role, &[TufKey::ed25519()], 1);
    }

    /// Lets `role`, with a new key, speak for `paths`.
    pub fn delegate(&mut self, delegator: &str, role: &str, paths: &[&str]) {
        self.delegate_by(delegator, json!({ "name": role, "paths": paths, "terminating": false }));
    }

    /// Lets a role speak for its paths and nobody after it.
    pub fn delegate_terminating(&mut self, delegator: &str, role: &str, paths: &[&str]) {
        self.delegate_by(delegator, json!({ "name": role, "paths": paths, "terminating": true }));
    }

    /// Lets a role, with a new key, speak: `entry` is all that the delegator says, but keys and threshold.
    pub fn delegate_by(&mut self, delegator: &str, mut entry: Value) {
        let role = entry["name"].as_str().unwrap().to_owned();
        entry["keyids"] = json!([]);
        entry["threshold"] = json!(1);
        let draft = self.draft(delegator);
        if draft.get("delegations").is_none() {
            draft["delegations"] = json!({ "keys": {}, "roles": [] });
        }
        draft["delegations"]["roles"].as_array_mut().unwrap().push(entry);
        self.drafts.entry(role.clone()).or_insert_with(|| {
            json!({ "_type": "targets", "spec_version": "1.0.31", "version": 0, "expires": TUF_EXPIRES, "targets": {} })
        });
        self.add_key(delegator, &role, &TufKey::ed25519());
    }

    /// Lets a role name a target, and serves it.
    pub fn add_target(&mut self, role: &str, path: &str, bytes: &[u8]) {
        let digest = Sha256Digest::of(bytes).to_string();
        self.draft(role)["targets"][path] = json!({ "length": bytes.len(), "hashes": { "sha256": digest } });
        self.serve(&at_digest(path, &digest), bytes);
        self.serve(path, bytes);
    }

    /// Publishes the next version of roles, in this order. Snapshots and timestamps name what was published before.
    pub fn publish(&mut self, roles: &[&str]) {
        for role in roles {
            let version = self.draft(role)["version"].as_u64().unwrap() + 1;
            self.draft(role)["version"] = json!(version);
            self.publish_again(role);
        }
    }

    /// Publishes the next version of all targets, then of the snapshot and the timestamp.
    pub fn publish_all(&mut self) {
        let named: Vec<String> = self.drafts.keys().cloned().collect();
        let targets =
            named.iter().map(String::as_str).filter(|role| !["root", "snapshot", "timestamp"].contains(role));
        let order: Vec<&str> = targets.chain(["snapshot", "timestamp"]).collect();
        self.publish(&order);
    }

    /// Publishes a role without another version.
    pub fn publish_again(&mut self, role: &str) {
        match role {
            "snapshot" => {
                let named = self
                    .drafts
                    .keys()
                    .filter(|role| !["root", "snapshot", "timestamp"].contains(&role.as_str()));
                let named: Vec<String> = named.cloned().collect();
                for name in named {
                    if self.files.contains_key(&file_name(&name)) {
                        self.draft("snapshot")["meta"][format!("{name}.json")] = self.pin(&name);
                    }
                }
            }
            "timestamp" => self.draft("timestamp")["meta"] = json!({ "snapshot.json": self.pin("snapshot") }),
            _ => {}
        }
        self.publish_as_drafted(role);
    }

    /// Publishes exactly the draft of a role, signed by its signers.
    pub fn publish_as_drafted(&mut self, role: &str) {
        let draft = self.drafts[role].clone();
        let file = self.signed(role, &draft);
        self.publish_file(role, &draft["version"], &file);
    }

    /// Serves these bytes as a role's file.
    pub fn publish_file(&mut self, role: &str, version: &Value, file: &[u8]) {
        self.serve(&format!("{version}.{}", file_name(role)), file);
        self.serve(&file_name(role), file);
    }

    /// `said`, signed by the signers of a role.
    pub fn signed(&self, role: &str, said: &Value) -> Vec<u8> {
        let text = canonical(said);
        let signatures: Vec<Value> =
            self.signers.get(role).into_iter().flatten().map(|key| key.sign(&text)).collect();
        serde_json::to_vec(&json!({ "signatures": signatures, "signed": said })).unwrap()
    }

    /// What is said of a role's newest file.
    pub fn pin(&self, role: &str) -> Value {
        let bytes = &self.files[&file_name(role)];
        let said: Value = serde_json::from_slice(bytes).unwrap();
        let mut pin = json!({ "version": said["signed"]["version"] });
        if self.pins == Pins::Digests {
            pin["length"] = json!(bytes.len());
            pin["hashes"] = json!({ "sha256": Sha256Digest::of(bytes).to_string() });
        }
        pin
    }

    /// Serves a file, as in `7.snapshot.json`.
    pub fn serve(&mut self, name: &str, bytes: &[u8]) {
        self.files.insert(name.to_owned(), bytes.to_vec());
    }

    /// Serves a file no more.
    pub fn remove(&mut self, name: &str) {
        self.files.remove(name).unwrap_or_else(|| panic!("there is no {name}"));
    }

    /// A file, without a trace.
    pub fn file(&self, name: &str) -> Vec<u8> {
        self.files.get(name).cloned().unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// A file that a client asks for.
    pub fn ask(&self, name: &str) -> Option<Vec<u8>> {
        self.asked.borrow_mut().push(name.to_owned());
        self.files.get(name).cloned()
    }

    /// What was asked for since the last time this was looked at.
    pub fn asked(&self) -> Vec<String> {
        self.asked.take()
    }
}

/// The name of a role's file without a version.
fn file_name(role: &str) -> String {
    use std::fmt::Write as _;
    let quoted = role.bytes().fold(String::new(), |mut quoted, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                quoted.push(char::from(byte));
            }
            other => {
                let _ = write!(quoted, "%{other:02X}");
            }
        }
        quoted
    });
    format!("{quoted}.json")
}

fn at_digest(path: &str, digest: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/{digest}.{name}"),
        None => format!("{digest}.{path}"),
    }
}

/// The canonical form of securesystemslib.
fn canonical(value: &Value) -> Vec<u8> {
    let text = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match value {
        Value::String(string) => text(string).into_bytes(),
        Value::Array(values) => {
            let parts: Vec<Vec<u8>> = values.iter().map(canonical).collect();
            [b"[".as_slice(), &parts.join(&b','), b"]"].concat()
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let parts: Vec<Vec<u8>> = names
                .into_iter()
                .map(|name| [text(name).as_bytes(), b":", &canonical(&members[name])].concat())
                .collect();
            [b"{".as_slice(), &parts.join(&b','), b"}"].concat()
        }
        other => other.to_string().into_bytes(),
    }
}
