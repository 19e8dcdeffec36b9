//! The copy: its folder, its keys and what its publisher has published.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_publish::channel::{
    self, Carrier, Draft, Edit, Found, Launch, Lifetimes, Plan, Publication, Repository, Restart, Role,
    Rotation, VerifiedRepository,
};
use lacre_registry_client::{FolderFiles, IMAGE_MANIFEST};
use lacre_release::{ChannelDocument, ChannelId, Contents, ManifestRef, Version};
use tempfile::TempDir;

use super::crew::Crew;
use super::shape::{Holding, Shape};
use crate::error::CliError;
use crate::text;

/// A channel that nobody uses.
pub(super) struct Scratch {
    place: TempDir,
    folders: Cell<u32>,
    pub(super) now: Timestamp,
    pub(super) crew: Crew,
    /// The root that clients begin with.
    pub(super) anchor: Vec<u8>,
    /// What is published.
    pub(super) live: VerifiedRepository,
    /// What was published before that.
    pub(super) older: VerifiedRepository,
    /// The same as `live`, where clients read it.
    pub(super) base: FolderFiles,
    /// Three releases, the oldest first; the last is current. Each has a higher counter than the one before, as long as there
    /// are any.
    pub(super) versions: [Version; 3],
}

impl Scratch {
    /// Makes the copy. Others begin the channel and hand it over with a new epoch: so a client that trusts the first root has a
    /// chain of roots to walk, and the document can begin with all of its releases.
    pub(super) fn build(shape: &Shape, now: Timestamp) -> Result<Self, CliError> {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let crew = Crew::new(&shape.roles)?;
        let first = Crew::new(&Holding::of_each((1, 1)))?;
        let plan = Plan { id: shape.id.clone(), keys: first.per_role()?, lifetimes: Lifetimes::default() };
        let begun = channel::init(&plan, &first.signers(), now)?.finish()?;
        let anchor = begun.root_bytes();
        let mut live = hand_over(&begun, (&first, &crew), shape.document.as_ref(), now)?;
        let mut older = begun;
        let versions = free_names(live.document())?;
        let mut counter = next_counter(live.document());
        for version in &versions {
            let edit = Edit::Publish(publication(version, counter));
            let next = signed(&crew, channel::edit(&live, &edit, now)?, now)?;
            older = std::mem::replace(&mut live, next);
            counter = counter.saturating_add(1);
        }
        let temporary = std::env::temp_dir();
        let place = tempfile::Builder::new()
            .prefix("lacre-drill-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&temporary)
            .map_err(|source| CliError::Output { path: text::path(&temporary), source })?;
        let folders = Cell::new(0);
        let base = FolderFiles::create(&new_folder(&place, &folders))?;
        Carrier::Folder(&base).write(live.repository(), &Found::default())?;
        Ok(Self { place, folders, now, crew, anchor, live, older, base, versions })
    }

    /// Whose channel it is.
    pub(super) fn id(&self) -> &ChannelId {
        self.live.id()
    }

    /// `hours` from now.
    pub(super) fn after(&self, hours: i64) -> Timestamp {
        self.now.checked_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX)
    }

    /// A folder that nothing is in; it is not there yet.
    pub(super) fn folder(&self) -> PathBuf {
        new_folder(&self.place, &self.folders)
    }

    /// Files where clients read them. An attacker has no use for the publisher's care: nothing is synced, which is what most of
    /// the time would go into.
    pub(super) fn lay(&self, files: &Repository) -> Result<FolderFiles, CliError> {
        let folder = self.folder();
        let failed = |path: &Path| {
            let path = text::path(path);
            move |source| CliError::Output { path, source }
        };
        for (name, bytes) in files.files() {
            let below = if name.is_target() { "targets" } else { "metadata" };
            let path = folder.join(below).join(name.text(self.id()));
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            fs::write(&path, bytes).map_err(failed(&path))?;
        }
        Ok(FolderFiles::open(&folder)?)
    }

    /// An edit, signed by everybody and published.
    pub(super) fn edit(
        &self,
        live: &VerifiedRepository,
        edit: &Edit,
    ) -> Result<VerifiedRepository, CliError> {
        self.signed(channel::edit(live, edit, self.now)?, self.now)
    }

    /// A draft, signed by everybody.
    pub(super) fn signed(&self, draft: Draft, now: Timestamp) -> Result<VerifiedRepository, CliError> {
        signed(&self.crew, draft, now)
    }

    /// Takes the copy away. That happens in any case; this says so if it fails.
    pub(super) fn remove(self) -> Result<(), CliError> {
        let path = text::path(self.place.path());
        self.place.close().map_err(|source| CliError::Output { path, source })
    }
}

fn signed(crew: &Crew, mut draft: Draft, now: Timestamp) -> Result<VerifiedRepository, CliError> {
    draft.sign(&crew.signers(), now)?;
    Ok(draft.finish()?)
}

fn hand_over(
    begun: &VerifiedRepository,
    (from, to): (&Crew, &Crew),
    document: Option<&ChannelDocument>,
    now: Timestamp,
) -> Result<VerifiedRepository, CliError> {
    let restart = match document {
        Some(document) => Restart::keeping(document, document.floor.counter),
        None => Restart { floor: 0, releases: Vec::new(), current: None },
    };
    let mut rotation = Rotation { restart: Some(restart), ..Rotation::default() };
    for role in Role::ALL {
        rotation.keys.insert(role, to.role_keys(role)?);
    }
    let mut draft = channel::rotate(begun, &rotation, now)?;
    draft.sign(&[from.signers(), to.signers()].concat(), now)?;
    Ok(draft.finish()?)
}

fn new_folder(place: &TempDir, folders: &Cell<u32>) -> PathBuf {
    folders.set(folders.get() + 1);
    place.path().join(folders.get().to_string())
}

/// Names that no release has yet.
fn free_names(document: &ChannelDocument) -> Result<[Version; 3], CliError> {
    let mut round = 0_u32;
    loop {
        let name = |part: u32| format!("drill-{round}.{part}").parse::<Version>();
        let names = [name(1)?, name(2)?, name(3)?];
        if names.iter().all(|name| document.release(name).is_none()) {
            return Ok(names);
        }
        round += 1;
    }
}

/// Not below any release, nor the floor: so each of the new ones may become current.
fn next_counter(document: &ChannelDocument) -> u64 {
    let highest = document.releases.iter().map(|release| release.counter).max();
    highest.unwrap_or(0).max(document.floor.counter).saturating_add(1)
}

fn publication(version: &Version, counter: u64) -> Publication {
    let bytes = format!("lacre channel drill {version}");
    Publication {
        version: version.clone(),
        counter: Some(counter),
        manifest: ManifestRef {
            media_type: IMAGE_MANIFEST.to_owned(),
            repository: None,
            sha256: Sha256Digest::of(bytes.as_bytes()),
            size: 1,
        },
        model_digests: Contents {
            lacre: Blake3Digest::of(bytes.as_bytes()),
            sha256: Sha256Digest::of(bytes.as_bytes()),
        },
        attestations: Vec::new(),
        launch: Launch::Current,
    }
}
