//! Versions that are kept ready on this machine, shared by all who pull here.
//!
//! ```text
//! CACHE/store        an image layout: manifests, signatures, files by SHA-256
//! CACHE/uses/HEX     for each version: where it came from; its time is that of the last use
//! CACHE/lock         shared by those who pull, exclusive for pruning
//! ```
//!
//! Nothing in it is trusted: what is taken out is proven like what comes over the network, and what is wrong is fetched
//! anew and mended. What goes in was proven under both signed digests first: one signature must not come to mean two
//! contents. A cache that cannot be written to costs time and is no failure of a pull.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use lacre_hash::{NoProgress, Sha256Digest};
use lacre_manifest::{escape, escape_os};
use lacre_registry_client::{
    Descriptor, EMPTY_CONFIG, EMPTY_CONFIG_BYTES, Freed, IMAGE_MANIFEST, Layout, ModelArtifact,
    SignatureReferrer, Store, Target,
};
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::DeliverError;
use std::rc::Rc;

use crate::bundles::Attached;

const STORE: &str = "store";
const USES: &str = "uses";
const LOCK: &str = "lock";
/// The longest note of where a version came from, in bytes.
const NOTE_LIMIT: u64 = 4096;

/// Notes that this process has written.
static WRITERS: AtomicU64 = AtomicU64::new(0);

/// A folder of versions that are kept ready.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    store: Layout,
    _lock: File,
}

/// A version in a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedVersion {
    /// Its manifest.
    pub manifest: Sha256Digest,
    /// Where it came from, safe for a terminal; versions of one repository are pruned together.
    pub repository: String,
    /// Bytes of its files. What several versions share counts for each.
    pub bytes: u64,
    /// When it was last pulled.
    pub used: SystemTime,
}

/// What pruning came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The versions that are gone.
    pub removed: Vec<CachedVersion>,
    /// What was freed.
    pub freed: Freed,
}

/// How a cache is held.
#[derive(Clone, Copy)]
enum Hold {
    Shared,
    Exclusive,
}

impl Cache {
    /// Opens the cache in `folder`, making it when there is none. While somebody prunes it, this waits.
    ///
    /// # Errors
    /// `E-OUTPUT` when it cannot be made; the codes of opening a layout.
    pub fn open(folder: &Path) -> Result<Self, DeliverError> {
        Self::hold(folder, Hold::Shared)
    }

    /// Opens a cache that is there, for looking at it.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when there is none; the codes of opening a layout.
    pub fn look(folder: &Path) -> Result<Self, DeliverError> {
        Layout::open(&folder.join(STORE))?;
        Self::hold(folder, Hold::Shared)
    }

    fn hold(folder: &Path, hold: Hold) -> Result<Self, DeliverError> {
        let failed = |source| DeliverError::Output { path: escape_os(folder.as_os_str()), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder.join(USES)).map_err(failed)?;
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(flags);
        let lock = options.open(folder.join(LOCK)).map_err(failed)?;
        let operation = match hold {
            Hold::Shared => FlockOperation::LockShared,
            Hold::Exclusive => FlockOperation::LockExclusive,
        };
        rustix::io::retry_on_intr(|| flock(&lock, operation)).map_err(|errno| failed(errno.into()))?;
        Ok(Self { folder: folder.to_path_buf(), store: Layout::create(&folder.join(STORE))?, _lock: lock })
    }

    /// The versions as a store, by the digests of their manifests. What is read from it is proven like what any store has.
    pub fn store(&self) -> &dyn Store {
        &self.store
    }

    /// What is in it, the version that was used last first.
    pub fn versions(&self) -> Result<Vec<CachedVersion>, DeliverError> {
        let unreadable = |source| DeliverError::Output { path: escape_os(self.folder.as_os_str()), source };
        let mut versions = Vec::new();
        for entry in fs::read_dir(self.folder.join(USES)).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let Some(manifest) = name.to_str().and_then(|name| Sha256Digest::from_hex(name).ok()) else {
                continue;
            };
            let Ok((repository, used)) = read_note(&entry.path()) else { continue };
            let bytes = self.bytes(&manifest).unwrap_or(0);
            versions.push(CachedVersion { manifest, repository, bytes, used });
        }
        versions.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.manifest.cmp(&b.manifest)));
        Ok(versions)
    }

    fn bytes(&self, manifest: &Sha256Digest) -> Result<u64, DeliverError> {
        let found = self.store.resolve(&Target::Digest(*manifest))?;
        let artifact = ModelArtifact::parse(&self.store.manifest(&found)?)?;
        Ok(artifact.layers.iter().map(|layer| layer.descriptor.size).sum())
    }

    /// What pruning would remove: of each repository all but the `keep` versions that were used last.
    ///
    /// # Errors
    /// Those of [`Cache::versions`].
    pub fn superfluous(&self, keep: usize) -> Result<Vec<CachedVersion>, DeliverError> {
        let mut kept: BTreeMap<String, usize> = BTreeMap::new();
        let mut versions = self.versions()?;
        versions.retain(|version| {
            let count = kept.entry(version.repository.clone()).or_default();
            *count += 1;
            *count > keep
        });
        Ok(versions)
    }

    /// Keeps of each repository the `keep` versions that were used last, and removes everything else. Waits until nobody
    /// pulls with this cache.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when there is none; `E-OUTPUT` when something cannot be removed; the codes of reading the store.
    pub fn prune(folder: &Path, keep: usize) -> Result<Pruned, DeliverError> {
        Layout::open(&folder.join(STORE))?;
        let cache = Self::hold(folder, Hold::Exclusive)?;
        let removed = cache.superfluous(keep)?;
        // Also what no use names: a pull that ended before it was whole.
        let versions: HashSet<Sha256Digest> =
            cache.versions()?.iter().map(|version| version.manifest).collect();
        let mut gone: HashSet<Sha256Digest> = removed.iter().map(|version| version.manifest).collect();
        gone.extend(cache.store.models()?.iter().filter(|model| !versions.contains(model)));
        let freed = cache.store.forget(&gone)?;
        for version in &removed {
            let path = cache.folder.join(USES).join(version.manifest.to_string());
            fs::remove_file(&path)
                .map_err(|source| DeliverError::Output { path: escape_os(path.as_os_str()), source })?;
        }
        Ok(Pruned { removed, freed })
    }

    /// The file of a layer, if there is one of its size. Its bytes are not proven.
    pub(crate) fn file(&self, layer: &Descriptor) -> Option<File> {
        self.store.blob(layer).ok()?.into_file().ok()
    }

    /// Keeps a version whose files were proven under both digests. `missing` are the files of the layers that were not
    /// taken from here.
    pub(crate) fn keep(
        &self,
        from: &str,
        manifest: &[u8],
        config: &[u8],
        missing: &[(&Descriptor, PathBuf)],
        bundles: &[Rc<Attached>],
    ) -> Result<(), DeliverError> {
        for (layer, path) in missing {
            let open = || File::open(path);
            self.store.put_blob(layer, &open, &NoProgress)?;
        }
        let artifact = ModelArtifact::parse(manifest)?;
        self.store.put_blob(&artifact.config, &config, &NoProgress)?;
        let listed = self.store.put_manifest(IMAGE_MANIFEST, manifest, None)?;
        let empty = Descriptor::of(EMPTY_CONFIG, EMPTY_CONFIG_BYTES);
        self.store.put_blob(&empty, &EMPTY_CONFIG_BYTES, &NoProgress)?;
        for attached in bundles {
            let Attached { referrer, bundle } = &**attached;
            let found = SignatureReferrer::parse(referrer)?;
            self.store.put_blob(&found.bundle, bundle, &NoProgress)?;
            self.store.put_manifest(IMAGE_MANIFEST, referrer, None)?;
        }
        self.note(&listed.digest, from)
    }

    /// Notes that a version was used just now. It is whole: this comes last.
    fn note(&self, manifest: &Sha256Digest, from: &str) -> Result<(), DeliverError> {
        let folder = self.folder.join(USES);
        let path = folder.join(manifest.to_string());
        // Of each writer its own, as two threads of one process may keep the same version.
        let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
        let hidden = folder.join(format!(".{manifest}.{}.{writer}", std::process::id()));
        let written = File::create(&hidden)
            .and_then(|mut file| file.write_all(from.as_bytes()))
            .and_then(|()| fs::rename(&hidden, &path));
        written.map_err(|source| DeliverError::Output { path: escape_os(path.as_os_str()), source })
    }
}

fn read_note(path: &Path) -> io::Result<(String, SystemTime)> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let used = file.metadata()?.modified()?;
    let mut text = String::new();
    file.take(NOTE_LIMIT).read_to_string(&mut text)?;
    Ok((escape(&text), used))
}
