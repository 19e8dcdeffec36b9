//! The people and machines that hold the keys of a channel.

use jiff::{SignedDuration, Timestamp};
use lacre_attest::KeyAlgorithm;
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_publish::PublishError;
use lacre_publish::channel::{
    Draft, Edit, Launch, Lifetimes, PerRole, Plan, Publication, Restart, Role, RoleKeys, Rotation,
    VerifiedRepository, edit, init, rotate,
};
use lacre_release::{ChannelId, Contents, ManifestRef, Version};
use lacre_sign::{FileKey, Signer};

/// 2026-11-23T10:00:00Z.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_795_428_000).unwrap()
}

pub(crate) fn days(days: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_hours(24 * days)).unwrap()
}

pub(crate) fn id() -> ChannelId {
    "org/name@stable".parse().unwrap()
}

pub(crate) fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// The keys of one role.
pub(crate) struct Holders {
    pub(crate) keys: Vec<FileKey>,
    pub(crate) threshold: u32,
}

impl Holders {
    pub(crate) fn new(threshold: u32, keys: u32) -> Self {
        Self::of(KeyAlgorithm::Ed25519, threshold, keys)
    }

    pub(crate) fn of(algorithm: KeyAlgorithm, threshold: u32, keys: u32) -> Self {
        let keys = (0..keys).map(|_| FileKey::generate(algorithm).unwrap()).collect();
        Self { keys, threshold }
    }

    pub(crate) fn role_keys(&self, role: Role) -> RoleKeys {
        let public: Vec<_> = self.keys.iter().map(|key| key.public_key().clone()).collect();
        RoleKeys::new(role, &public, self.threshold).unwrap()
    }

    pub(crate) fn signers(&self) -> Vec<&dyn Signer> {
        self.keys.iter().map(|key| key as &dyn Signer).collect()
    }
}

/// The keys of all roles.
pub(crate) struct Crew {
    pub(crate) root: Holders,
    pub(crate) targets: Holders,
    pub(crate) channel: Holders,
    pub(crate) snapshot: Holders,
    pub(crate) timestamp: Holders,
}

impl Crew {
    /// One key for every role.
    pub(crate) fn single() -> Self {
        let one = || Holders::new(1, 1);
        Self { root: one(), targets: one(), channel: one(), snapshot: one(), timestamp: one() }
    }

    /// Two of three people, and one machine.
    pub(crate) fn of_three() -> Self {
        let three = || Holders::new(2, 3);
        Self { root: three(), targets: three(), channel: three(), ..Self::single() }
    }

    pub(crate) fn plan(&self) -> Plan {
        let keys = PerRole {
            root: self.root.role_keys(Role::Root),
            targets: self.targets.role_keys(Role::Targets),
            channel: self.channel.role_keys(Role::Channel),
            snapshot: self.snapshot.role_keys(Role::Snapshot),
            timestamp: self.timestamp.role_keys(Role::Timestamp),
        };
        Plan { id: id(), keys, lifetimes: Lifetimes::default() }
    }

    pub(crate) fn all(&self) -> Vec<&dyn Signer> {
        [&self.root, &self.targets, &self.channel, &self.snapshot, &self.timestamp]
            .into_iter()
            .flat_map(Holders::signers)
            .collect()
    }

    pub(crate) fn online(&self) -> Vec<&dyn Signer> {
        [&self.snapshot, &self.timestamp].into_iter().flat_map(Holders::signers).collect()
    }

    /// The channel as it begins.
    pub(crate) fn begin(&self) -> VerifiedRepository {
        init(&self.plan(), &self.all(), now()).unwrap().finish().unwrap()
    }

    /// Signs with all keys and publishes.
    pub(crate) fn finish(&self, mut draft: Draft) -> Result<VerifiedRepository, PublishError> {
        draft.sign(&self.all(), now())?;
        draft.finish()
    }

    pub(crate) fn holders(&mut self, role: Role) -> &mut Holders {
        match role {
            Role::Root => &mut self.root,
            Role::Targets => &mut self.targets,
            Role::Channel => &mut self.channel,
            Role::Snapshot => &mut self.snapshot,
            Role::Timestamp => &mut self.timestamp,
        }
    }

    /// Gives roles to others, one of two each, who sign beside those before them.
    pub(crate) fn hand_over(
        &mut self,
        live: &VerifiedRepository,
        roles: &[Role],
        restart: Option<Restart>,
    ) -> VerifiedRepository {
        let mut rotation = Rotation { restart, ..Rotation::default() };
        let mut before = Vec::new();
        for role in roles {
            let new = Holders::new(1, 2);
            rotation.keys.insert(*role, new.role_keys(*role));
            before.push(std::mem::replace(self.holders(*role), new));
        }
        let mut draft = rotate(live, &rotation, now()).unwrap();
        // Of the old keys only those of root are asked; the others would have no say.
        let mut signers = self.all();
        signers.extend(before.iter().flat_map(Holders::signers));
        draft.sign(&signers, now()).unwrap();
        draft.finish().unwrap()
    }

    pub(crate) fn edit(
        &self,
        live: &VerifiedRepository,
        what: &Edit,
    ) -> Result<VerifiedRepository, PublishError> {
        self.finish(edit(live, what, now())?)
    }

    /// The channel with these releases, each with its counter, the last of them current.
    pub(crate) fn with(&self, releases: &[(&str, u64)]) -> VerifiedRepository {
        releases.iter().fold(self.begin(), |live, (text, counter)| {
            self.edit(&live, &publish(text, Some(*counter), Launch::Current)).unwrap()
        })
    }
}

/// The edit that adds a release.
pub(crate) fn publish(text: &str, counter: Option<u64>, launch: Launch) -> Edit {
    Edit::Publish(Publication {
        version: version(text),
        counter,
        manifest: ManifestRef {
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            repository: None,
            sha256: Sha256Digest::of(text.as_bytes()),
            size: 1234,
        },
        model_digests: Contents {
            sha256: Sha256Digest::of(text.as_bytes()),
            lacre: Blake3Digest::of(text.as_bytes()),
        },
        attestations: Vec::new(),
        launch,
    })
}

pub(crate) fn promote(text: &str) -> Edit {
    Edit::Promote { version: version(text) }
}

pub(crate) fn roll_back(text: &str, until: Timestamp) -> Edit {
    Edit::Rollback { version: version(text), until, reason: "worse answers".to_owned() }
}

/// The code of a refusal.
pub(crate) fn code<T>(outcome: Result<T, PublishError>) -> &'static str {
    outcome.err().map_or("accepted", |error| error.code())
}
