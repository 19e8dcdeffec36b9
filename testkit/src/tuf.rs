//! A TUF repository on this machine, written without the product's or its crates' writers, that tells the truth or not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use lacre_attest::KeyAlgorithm;
use lacre_hash::Sha256Digest;
use lacre_sign::{FileKey, Signer};
use serde_json::{Value, json};

use crate::http::{HttpAnswer, HttpRequest, HttpServer};

/// A time that is far away.
pub const FAR: &str = "2099-01-01T00:00:00Z";

/// The four roles, in the order of the arrays of a [`TufDraft`].
const ROLES: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];

/// What a repository is to say.
#[derive(Clone)]
pub struct TufDraft {
    /// Versions of root, timestamp, snapshot and targets.
    pub versions: [u64; 4],
    /// When each expires.
    pub expires: [&'static str; 4],
    /// What is offered, by name.
    pub targets: Vec<(&'static str, Vec<u8>)>,
    /// Changes what a role says before it is signed.
    pub said: fn(&str, &mut Value),
    /// Changes what is signed, with its signatures.
    pub signed: fn(&str, &mut Value),
}

impl TufDraft {
    /// Version 1 of everything, for ever.
    pub fn new(targets: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self { versions: [1; 4], expires: [FAR; 4], targets, said: |_, _| (), signed: |_, _| () }
    }
}

/// A repository that is served as long as the value lives.
pub struct TufRepository {
    keys: BTreeMap<&'static str, Vec<FileKey>>,
    files: Arc<Mutex<BTreeMap<String, HttpAnswer>>>,
    server: HttpServer,
}

impl TufRepository {
    /// Starts a repository that says this. Two keys together sign its roots, one each the other roles.
    pub fn start(draft: &TufDraft) -> Self {
        let key = || FileKey::generate(KeyAlgorithm::Ed25519).unwrap();
        let keys = ROLES.map(|role| (role, if role == "root" { vec![key(), key()] } else { vec![key()] }));
        let files = Arc::new(Mutex::new(BTreeMap::<String, HttpAnswer>::new()));
        let shelf = Arc::clone(&files);
        let server = HttpServer::start(move |request| {
            let found = shelf.lock().unwrap().get(&request.target).cloned();
            found.unwrap_or_else(|| HttpAnswer::Full(404, "text/plain", b"not here".to_vec()))
        });
        let this = Self { keys: keys.into_iter().collect(), files, server };
        this.publish(draft);
        this
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<HttpRequest> {
        self.server.seen()
    }

    /// The first version of its root, as it is handed out on another way.
    pub fn root(&self) -> Vec<u8> {
        match self.files.lock().unwrap().get("/1.root.json") {
            Some(HttpAnswer::Full(_, _, root)) => root.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Answers this at a path (`/timestamp.json`), until the next [`publish`](Self::publish).
    pub fn answer(&self, path: &str, answer: HttpAnswer) {
        self.files.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Says this from now on, and nothing of what it said before.
    pub fn publish(&self, draft: &TufDraft) {
        let mut files = BTreeMap::new();
        let mut put = |name: String, bytes: Vec<u8>| {
            files.insert(format!("/{name}"), HttpAnswer::Full(200, "application/json", bytes));
        };
        for version in 1..=draft.versions[0] {
            put(format!("{version}.root.json"), self.role(draft, 0, version, &self.root_members()));
        }
        let mut offered = serde_json::Map::new();
        for (name, bytes) in &draft.targets {
            let digest = Sha256Digest::of(bytes).to_string();
            put(format!("targets/{digest}.{name}"), bytes.clone());
            offered
                .insert((*name).to_owned(), json!({ "length": bytes.len(), "hashes": { "sha256": digest } }));
        }
        let [_, timestamp, snapshot, targets] = draft.versions;
        let bytes = self.role(draft, 3, targets, &json!({ "targets": offered }));
        let pins = json!({ "meta": { "targets.json": pin(targets, &bytes) } });
        put(format!("{targets}.targets.json"), bytes);
        let bytes = self.role(draft, 2, snapshot, &pins);
        let pins = json!({ "meta": { "snapshot.json": pin(snapshot, &bytes) } });
        put(format!("{snapshot}.snapshot.json"), bytes);
        put("timestamp.json".to_owned(), self.role(draft, 1, timestamp, &pins));
        *self.files.lock().unwrap() = files;
    }

    fn root_members(&self) -> Value {
        let (mut keys, mut roles) = (serde_json::Map::new(), serde_json::Map::new());
        for (role, held) in &self.keys {
            let ids: Vec<String> = held.iter().map(id_of).collect();
            for (id, key) in ids.iter().zip(held) {
                keys.insert(id.clone(), public(key));
            }
            roles.insert((*role).to_owned(), json!({ "keyids": ids, "threshold": held.len() }));
        }
        json!({ "consistent_snapshot": true, "keys": keys, "roles": roles })
    }

    /// A signed file. All texts are printable ASCII, whose canonical form is what `serde_json` writes of sorted members.
    fn role(&self, draft: &TufDraft, place: usize, version: u64, members: &Value) -> Vec<u8> {
        let name = ROLES[place];
        let mut said = json!({
            "_type": name, "spec_version": "1.0.31", "version": version, "expires": draft.expires[place],
        });
        for (member, value) in members.as_object().unwrap() {
            said[member] = value.clone();
        }
        (draft.said)(name, &mut said);
        let text = serde_json::to_vec(&said).unwrap();
        let signatures: Vec<Value> = self.keys[name]
            .iter()
            .map(|key| json!({ "keyid": id_of(key), "sig": hex(&key.sign(&text).unwrap()) }))
            .collect();
        let mut signed = json!({ "signed": said, "signatures": signatures });
        (draft.signed)(name, &mut signed);
        serde_json::to_vec(&signed).unwrap()
    }
}

fn pin(version: u64, bytes: &[u8]) -> Value {
    json!({ "version": version, "length": bytes.len(), "hashes": { "sha256": Sha256Digest::of(bytes).to_string() } })
}

fn public(key: &FileKey) -> Value {
    let der = key.public_key().to_der();
    json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": hex(&der[der.len() - 32..]) } })
}

fn id_of(key: &FileKey) -> String {
    Sha256Digest::of(&serde_json::to_vec(&public(key)).unwrap()).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
