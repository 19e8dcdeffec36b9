//! Other programs that read what was written here, and what they write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lacre_attest::KeyAlgorithm;
use lacre_publish::channel::{Edit, FileName, Launch, Role, Rotation, VerifiedRepository, edit, rotate};
use lacre_release::{Kept, Refresh};
use lacre_testkit::interop::{self, Direction};
use lacre_testkit::places::Peer;
use serde_json::Value;
use sigstore_tuf::TrustedMetadataSet;
use tempfile::TempDir;

use crate::client::{Client, outcome};
use crate::crew::{Crew, Holders, days, id, now, publish, roll_back};

const WAY: &str = "channel, with edits and new keys of every role";
const AFTERWARDS: &str =
    "what was refused afterwards: a state that is older, and one by keys that have no role any more";

/// A client of `sigstore_tuf` that begins with the first root reads the document.
pub(crate) fn sigstore_reads(live: &VerifiedRepository) {
    let files = live.repository();
    let file = |name: FileName| files.get(name).unwrap();
    let mut set = TrustedMetadataSet::from_root(file(FileName::Root(1))).unwrap();
    for root in 2..=live.last().root {
        set.update_root(file(FileName::Root(root))).unwrap();
    }
    let epoch = &set.root().extra["x-lacre-epoch"];
    assert_eq!(epoch.as_u64(), Some(live.document().epoch));
    set.update_timestamp(file(FileName::Timestamp), now()).unwrap();
    let snapshot = set.timestamp().unwrap().snapshot_meta().unwrap().version;
    set.update_snapshot(file(FileName::Snapshot(snapshot)), now()).unwrap();
    let version = |name: &str| set.snapshot().unwrap().meta[name].version;
    let (targets, channel) = (version("targets.json"), version("org~name~stable.json"));
    set.update_targets(file(FileName::Targets(targets)), now()).unwrap();
    let role = set
        .update_delegated_targets(file(FileName::Channel(channel)), &id().role(), "targets", now())
        .unwrap();
    let target = &role.targets[&id().target()];
    let digest = lacre_hash::Sha256Digest::from_hex(&target.hashes["sha256"]).unwrap();
    assert_eq!(file(FileName::Document(digest)), live.document().to_bytes());
}

/// A client of python-tuf with its own memory.
pub(crate) struct PythonClient {
    python: PathBuf,
    folder: TempDir,
}

impl PythonClient {
    /// A client that trusts the first root of `live`; `None` where there is no python-tuf.
    pub(crate) fn new(live: &VerifiedRepository) -> Option<Self> {
        let python = Peer::Python.find()?;
        let folder = TempDir::new().unwrap();
        let anchor = live.repository().get(FileName::Root(1)).unwrap();
        fs::write(folder.path().join("anchor.json"), anchor).unwrap();
        Some(Self { python, folder })
    }

    /// Reads the document of `live`.
    pub(crate) fn accepts(&self, live: &VerifiedRepository) {
        let output = self.run(live);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        let document = live.document();
        assert_eq!(read["document"], serde_json::to_value(document).unwrap());
        assert_eq!(read["summary"]["lacre"]["sequence"], document.sequence);
    }

    /// Does not read it, and says why with the name of one of its exceptions.
    pub(crate) fn refuses(&self, live: &VerifiedRepository, why: &str) {
        let output = self.run(live);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with(&format!("{why}: ")), "{said}");
    }

    fn run(&self, live: &VerifiedRepository) -> Output {
        let repository = TempDir::new_in(self.folder.path()).unwrap();
        write(live, repository.path());
        Command::new(&self.python)
            .args(["-c", include_str!("python_reads.py")])
            .arg(repository.path())
            .arg(self.folder.path().join("client"))
            .arg(self.folder.path().join("anchor.json"))
            .args([id().target(), now().to_string()])
            .output()
            .unwrap()
    }
}

fn write(live: &VerifiedRepository, folder: &Path) {
    for (name, bytes) in live.repository().files() {
        let path = folder.join(name.text(&id()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn other_clients_read_it_through_edits_and_rotations() {
    let mut crew = Crew {
        root: Holders::of(KeyAlgorithm::EcdsaP384, 2, 3),
        targets: Holders::of(KeyAlgorithm::EcdsaP256, 1, 1),
        ..Crew::of_three()
    };
    let first = crew.with(&[("1.0", 1)]);
    let python = PythonClient::new(&first);
    let mut own = Client::new(&first, now());
    let mut reads = |live: &VerifiedRepository| {
        sigstore_reads(live);
        own.read(live.repository(), now()).unwrap();
        assert_eq!(own.position(), Some(live.document().position()));
        if let Some(python) = &python {
            python.accepts(live);
        }
    };
    reads(&first);
    let second = crew.edit(&first, &publish("2.0", Some(2), Launch::Current)).unwrap();
    reads(&second);
    let third = crew.edit(&second, &roll_back("1.0", days(7))).unwrap();
    reads(&third);
    // An old state is an attack.
    if let Some(python) = &python {
        python.refuses(&second, "BadVersionNumberError");
    }
    // The keys of every role change, in one go.
    let new = Crew { root: Holders::of(KeyAlgorithm::EcdsaP256, 1, 2), ..Crew::of_three() };
    let keys = [
        (Role::Root, new.root.role_keys(Role::Root)),
        (Role::Targets, new.targets.role_keys(Role::Targets)),
        (Role::Channel, new.channel.role_keys(Role::Channel)),
        (Role::Snapshot, new.snapshot.role_keys(Role::Snapshot)),
        (Role::Timestamp, new.timestamp.role_keys(Role::Timestamp)),
    ];
    let mut draft = rotate(&third, &Rotation { keys: keys.into(), ..Rotation::default() }, now()).unwrap();
    draft.sign(&[crew.root.signers(), new.all()].concat(), now()).unwrap();
    let rotated = draft.finish().unwrap();
    reads(&rotated);
    crew = new;
    let last = crew.finish(edit(&rotated, &Edit::Renew, now()).unwrap()).unwrap();
    reads(&last);
    // Keys that were taken away say nothing any more.
    if let Some(python) = &python {
        python.refuses(&third, "UnsignedMetadataError");
        interop::holds_if("python-tuf", WAY, Direction::FromLacre, AFTERWARDS);
    }
}

#[test]
fn what_python_tuf_writes_is_read() {
    let Some(python) = Peer::Python.find() else { return };
    let crew = Crew::single();
    let first = crew.begin();
    let second = crew.edit(&first, &publish("1.0", None, Launch::Current)).unwrap();
    let third = crew.edit(&second, &publish("1.1", None, Launch::Current)).unwrap();
    let folder = TempDir::new().unwrap();
    for (state, live) in [&first, &second, &third].into_iter().enumerate() {
        fs::write(folder.path().join(format!("{state}.json")), live.document().to_bytes()).unwrap();
    }
    let output = Command::new(python)
        .args(["-c", include_str!("python_writes.py")])
        .arg(folder.path())
        .args([id().target(), id().role(), "1".to_owned()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let state = |state: u32| folder.path().join(format!("state-{state}"));
    let mut client = Client::anchored(fs::read(state(0).join("1.root.json")).unwrap(), now());
    let mut reads = |at: u32| outcome(client.fetch(&|name| fs::read(state(at).join(name)).ok(), now()));
    // A change, then other keys for all of them.
    for at in 0..3 {
        assert_eq!(reads(at), "ok", "{at}");
        assert_eq!(reads(at), "ok", "{at}, again");
        if at == 1 {
            assert_eq!(reads(0), "E-REPLAY");
        }
    }
    assert_eq!(reads(1), "E-TUF-SIGNATURE");
    assert_eq!(client.position(), Some(third.document().position()));
    // Who begins with the first root now finds the way, too, also through a role between.
    let kept = Kept::anchor(fs::read(state(2).join("1.root.json")).unwrap());
    let mut refresh = Refresh::start(kept, now()).unwrap();
    for path in ["", "models/deep.json"] {
        if !path.is_empty() {
            refresh.seek(path).unwrap();
        }
        while let Some(wanted) = refresh.wanted() {
            refresh.give(fs::read(state(2).join(&wanted.name)).ok()).unwrap();
        }
    }
    let found = refresh.found().unwrap();
    assert_eq!(
        (found.bytes.as_slice(), found.target.roles.as_slice()),
        (b"2".as_slice(), ["targets", "models", "deep"].map(str::to_owned).as_slice())
    );
    interop::holds_if("python-tuf", WAY, Direction::ToLacre, AFTERWARDS);
}
