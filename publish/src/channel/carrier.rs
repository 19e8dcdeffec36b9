//! Where a channel lies, for whoever edits it: read as a whole, put back as a whole, and only over what was read.

use lacre_hash::Sha256Digest;
use lacre_registry_client::{
    ArtifactFiles, FileKind, FileName as StoredName, FileSet as _, Files, FolderFiles, Store, Tag, Target,
};
use lacre_release::ChannelId;

use super::repository::{FileName, Repository};
use super::verified::{Last, VerifiedRepository};
use crate::PublishError;

/// The file that holds a draft.
const PENDING: &str = "pending.json";
/// What stands under the tag of drafts when none waits: tags cannot be taken away everywhere.
const NOTHING: &str = "nothing-pending.json";
/// A draft with the longest document, escaped, and the metadata.
const LONGEST_DRAFT: u64 = 32 << 20;

/// Where a channel lies.
pub enum Carrier<'a> {
    /// Under a tag of a store; drafts stand under `TAG-pending`.
    Artifact {
        /// The store.
        store: &'a dyn Store,
        /// The tag of the channel.
        tag: Tag,
    },
    /// In a folder; a draft is the file `pending.json` in it.
    Folder(&'a FolderFiles),
}

/// The files that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    files: Files,
    manifest: Option<Sha256Digest>,
    previous: Option<Sha256Digest>,
}

/// The draft that was found to wait for signatures, if one does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    draft: Option<Vec<u8>>,
    manifest: Option<Sha256Digest>,
}

impl Carrier<'_> {
    /// All files that lie there; none where no channel was begun.
    pub fn read(&self) -> Result<Found, PublishError> {
        match self {
            Self::Artifact { store, tag } => match store.standing(tag)? {
                Some(manifest) => self.at(manifest),
                None => Ok(Found::default()),
            },
            Self::Folder(folder) => Ok(Found { files: folder.all()?, manifest: None, previous: None }),
        }
    }

    /// The files of an earlier state, where such are kept: those of the manifest of this digest.
    pub fn at(&self, manifest: Sha256Digest) -> Result<Found, PublishError> {
        let Self::Artifact { store, .. } = self else { return self.read() };
        let set = ArtifactFiles::open(*store, &Target::Digest(manifest))?;
        Ok(Found { files: set.all()?, manifest: Some(manifest), previous: set.previous() })
    }

    /// Puts `next` there, in the place of `before`. What is no file of a channel stays. Gives the digest of the
    /// manifest, where there is one.
    ///
    /// # Errors
    /// `E-CONFLICT` when somebody else has written since `before` was read; those of the store.
    pub fn write(&self, next: &Repository, before: &Found) -> Result<Option<Sha256Digest>, PublishError> {
        let mut files = before.strangers(next.id());
        for (name, bytes) in next.files() {
            files.insert(stored(next.id(), name)?, bytes.to_vec());
        }
        match self {
            Self::Artifact { store, tag } => {
                Ok(Some(ArtifactFiles::put(*store, &files, tag, before.manifest)?.digest))
            }
            Self::Folder(folder) => {
                folder.put(&files, &before.files)?;
                Ok(None)
            }
        }
    }

    /// The draft that waits there.
    pub fn waiting(&self) -> Result<Waiting, PublishError> {
        let name = pending(PENDING)?;
        match self {
            Self::Artifact { store, tag } => {
                let Some(manifest) = store.standing(&beside(tag)?)? else {
                    return Ok(Waiting::default());
                };
                let set = ArtifactFiles::open(*store, &Target::Digest(manifest))?;
                Ok(Waiting { draft: set.read(&name, LONGEST_DRAFT)?, manifest: Some(manifest) })
            }
            Self::Folder(folder) => {
                Ok(Waiting { draft: folder.beside(&name, LONGEST_DRAFT)?, manifest: None })
            }
        }
    }

    /// Leaves a draft there, in the place of what waited; with nothing, none waits any more.
    ///
    /// # Errors
    /// `E-CONFLICT` when somebody else has written since `before` was read; those of the store.
    pub fn put_waiting(&self, draft: Option<&[u8]>, before: &Waiting) -> Result<(), PublishError> {
        if draft == before.draft.as_deref() {
            return Ok(());
        }
        match self {
            Self::Artifact { store, tag } => {
                let (name, bytes) = match draft {
                    Some(bytes) => (pending(PENDING)?, bytes),
                    None => (pending(NOTHING)?, b"{}".as_slice()),
                };
                let files = Files::from([(name, bytes.to_vec())]);
                ArtifactFiles::put(*store, &files, &beside(tag)?, before.manifest)?;
            }
            Self::Folder(folder) => {
                folder.put_beside(&pending(PENDING)?, draft, before.draft.as_deref())?;
            }
        }
        Ok(())
    }
}

impl Found {
    /// Whether nothing lies there.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The manifest that it was read from, in a store.
    pub fn manifest(&self) -> Option<Sha256Digest> {
        self.manifest
    }

    /// The manifest of the state before, as its writer says.
    pub fn previous(&self) -> Option<Sha256Digest> {
        self.previous
    }

    /// Whose channel the files say they are: that of the document's name. Nothing has been verified.
    pub fn claims(&self) -> Option<ChannelId> {
        self.files.keys().filter(|name| name.kind() == FileKind::Target).find_map(|name| {
            let (model, file) = name.as_str().strip_prefix("channels/")?.rsplit_once('/')?;
            let (_digest, channel) = file.strip_suffix(".json")?.split_once('.')?;
            Some(ChannelId { model: model.parse().ok()?, channel: channel.parse().ok()? })
        })
    }

    /// The files of the channel `id` among them.
    pub fn repository(&self, id: &ChannelId) -> Result<Repository, PublishError> {
        let mut repository = Repository::new(id.clone());
        for (name, bytes) in &self.files {
            if let Some(name) = named(id, name) {
                repository.insert(name, bytes.clone())?;
            }
        }
        Ok(repository)
    }

    /// The same, verified as [`VerifiedRepository::open`] does it.
    ///
    /// An edit of a folder that was broken off may have left a root behind whose timestamp was not written: then what
    /// was published before counts, so that the edit can be made again.
    pub fn verify(
        &self,
        id: &ChannelId,
        anchor: &[u8],
        last: Option<&Last>,
    ) -> Result<VerifiedRepository, PublishError> {
        let mut repository = self.repository(id)?;
        let newest = repository.files().filter_map(|(name, _)| match name {
            FileName::Root(version) if version > 1 => Some(version),
            _ => None,
        });
        let newest = newest.max();
        let whole = VerifiedRepository::open(repository.clone(), anchor, last);
        match (whole, newest) {
            (Err(error), Some(newest)) if !matches!(error.code(), "E-REPLAY" | "E-EQUIVOCATION") => {
                repository.retain(|name| name != FileName::Root(newest));
                VerifiedRepository::open(repository, anchor, last).map_err(|_| error)
            }
            (outcome, _) => outcome,
        }
    }

    /// What lies there and is no file of the channel.
    fn strangers(&self, id: &ChannelId) -> Files {
        let strangers = self.files.iter().filter(|(name, _)| named(id, name).is_none());
        strangers.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    }
}

impl Waiting {
    /// The draft's bytes.
    pub fn draft(&self) -> Option<&[u8]> {
        self.draft.as_deref()
    }
}

/// The name in a channel of a stored file, if it has one.
fn named(id: &ChannelId, name: &StoredName) -> Option<FileName> {
    let found = FileName::parse(id, name.as_str()).ok()?;
    (found.is_target() == (name.kind() == FileKind::Target)).then_some(found)
}

fn stored(id: &ChannelId, name: FileName) -> Result<StoredName, PublishError> {
    let kind = if name.is_target() { FileKind::Target } else { FileKind::Metadata };
    Ok(StoredName::parse(kind, &name.text(id))?)
}

fn pending(name: &str) -> Result<StoredName, PublishError> {
    Ok(StoredName::parse(FileKind::Metadata, name)?)
}

/// The tag of drafts.
fn beside(tag: &Tag) -> Result<Tag, PublishError> {
    Ok(Tag::parse(&format!("{tag}-pending"))?)
}
