//! Who publishes a channel, and where it lies.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use lacre_attest::KeyAlgorithm;
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_publish::channel::{
    Carrier, Draft, Edit, Launch, Lifetimes, PerRole, Plan, Publication, Role, RoleKeys, VerifiedRepository,
    edit, init, refresh,
};
use lacre_registry_client::{FolderFiles, Store, Tag};
use lacre_release::{Contents, ManifestRef, StateStore};
use lacre_sign::{FileKey, Signer};
use tempfile::TempDir;

/// 2026-11-23T10:00:00Z.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_795_428_000).unwrap()
}

pub(crate) fn after(time: SignedDuration) -> Timestamp {
    now().checked_add(time).unwrap()
}

pub(crate) fn tag() -> Tag {
    Tag::parse("stable").unwrap()
}

/// One key for every role, and the channel as it is.
pub(crate) struct Publisher {
    keys: Vec<(Role, FileKey)>,
    pub(crate) live: VerifiedRepository,
    anchor: Vec<u8>,
    /// When everything is signed.
    at: Timestamp,
}

impl Publisher {
    /// A channel without releases.
    pub(crate) fn new() -> Self {
        Self::at(now())
    }

    /// The same, published at this time.
    pub(crate) fn at(at: Timestamp) -> Self {
        let key = |role| (role, FileKey::generate(KeyAlgorithm::Ed25519).unwrap());
        let keys: Vec<(Role, FileKey)> = Role::ALL.map(key).into();
        let of = |role: Role| {
            let (_, key) = keys.iter().find(|(of, _)| *of == role).unwrap();
            RoleKeys::new(role, &[key.public_key().clone()], 1).unwrap()
        };
        let roles = PerRole {
            root: of(Role::Root),
            targets: of(Role::Targets),
            channel: of(Role::Channel),
            snapshot: of(Role::Snapshot),
            timestamp: of(Role::Timestamp),
        };
        let id = "org/name@stable".parse().unwrap();
        let plan = Plan { id, keys: roles, lifetimes: Lifetimes::default() };
        let signers: Vec<&dyn Signer> = keys.iter().map(|(_, key)| key as &dyn Signer).collect();
        let live = init(&plan, &signers, at).unwrap().finish().unwrap();
        let anchor = live.root_bytes();
        Self { keys, live, anchor, at }
    }

    pub(crate) fn anchor(&self) -> Vec<u8> {
        self.anchor.clone()
    }

    pub(crate) fn key(&self, role: Role) -> &FileKey {
        &self.keys.iter().find(|(of, _)| *of == role).unwrap().1
    }

    pub(crate) fn edit(&mut self, what: &Edit) {
        self.finish(edit(&self.live, what, self.at).unwrap(), self.at);
    }

    /// Renews the timestamp.
    pub(crate) fn refresh(&mut self, at: Timestamp) {
        self.finish(refresh(&self.live, at).unwrap(), at);
    }

    fn finish(&mut self, mut draft: Draft, at: Timestamp) {
        let signers: Vec<&dyn Signer> = self.keys.iter().map(|(_, key)| key as &dyn Signer).collect();
        draft.sign(&signers, at).unwrap();
        self.live = draft.finish().unwrap();
    }

    /// Adds a release, which becomes current.
    pub(crate) fn publish(&mut self, version: &str, counter: u64) {
        let (lacre, sha256) = (Blake3Digest::of(version.as_bytes()), Sha256Digest::of(version.as_bytes()));
        self.publish_contents(version, counter, Contents { lacre, sha256 });
    }

    /// The same for a model that there is.
    pub(crate) fn publish_contents(&mut self, version: &str, counter: u64, model_digests: Contents) {
        self.edit(&Edit::Publish(Publication {
            version: version.parse().unwrap(),
            counter: Some(counter),
            manifest: ManifestRef {
                media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
                repository: None,
                sha256: Sha256Digest::of(version.as_bytes()),
                size: 1234,
            },
            model_digests,
            attestations: Vec::new(),
            launch: Launch::Current,
        }));
    }

    /// Puts the channel into the store, under the tag `stable`.
    pub(crate) fn put(&self, store: &dyn Store) {
        put(&Carrier::Artifact { store, tag: tag() }, &self.live);
    }

    /// Puts the channel into a folder.
    pub(crate) fn put_in(&self, folder: &Path) -> FolderFiles {
        let files = FolderFiles::create(folder).unwrap();
        put(&Carrier::Folder(&files), &self.live);
        files
    }
}

/// Puts a channel somewhere, whatever lies there.
pub(crate) fn put(carrier: &Carrier<'_>, live: &VerifiedRepository) {
    let before = carrier.read().unwrap();
    carrier.write(live.repository(), &before).unwrap();
}

/// A client that trusts the channel as it lies in `files` now.
pub(crate) fn client(files: &dyn lacre_registry_client::FileSet, by: &Publisher, state: &Path) -> StateStore {
    let (_, record) = lacre_deliver::first(files, by.anchor(), None, by.at).unwrap();
    StateStore::create(state, &record).unwrap()
}

/// A channel in a folder, and a client that trusts it.
pub(crate) struct InFolder {
    folder: TempDir,
    pub(crate) publisher: Publisher,
    pub(crate) files: FolderFiles,
    pub(crate) state: StateStore,
}

impl InFolder {
    /// With the release 1.0.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut publisher = Publisher::new();
        publisher.publish("1.0", 1);
        let files = publisher.put_in(&folder.path().join("channel"));
        let state = client(&files, &publisher, &folder.path().join("state"));
        Self { folder, publisher, files, state }
    }

    /// Where the channel lies.
    pub(crate) fn channel(&self) -> PathBuf {
        self.folder.path().join("channel")
    }
}
