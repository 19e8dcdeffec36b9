//! What an older version on this machine holds already.
//!
//! Nothing is believed about it: each group is judged like one that was fetched, and where both files share their bytes on
//! the disk (a reflink), in the new file. Without a chunk list a file can only be judged as a whole, and is then taken only
//! if the older version's own signature says that it is the same file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use lacre_attest::{Bundle, Limits, ModelClaim, Statement};
use lacre_hash::{Progress, Sha256Digest};
use lacre_manifest::{EntryPath, Links, Root};
use lacre_registry_client::{Descriptor, RegistryError};
use lacre_verify::{Arrival, Incoming, Sharing};

use crate::transfer::Stopped;
use crate::written::Written;

/// Takes what is missing of `files` out of the folder `older`, as far as it is there; gives the bytes that were taken. A
/// folder that cannot be read is no failure: the bytes come from the store then.
pub(crate) fn take(
    older: &Path,
    files: &[(&Incoming, &Descriptor)],
    written: &Written<'_>,
    progress: &dyn Progress,
) -> Result<u64, Stopped> {
    let Ok(root) = Root::open(older, Links::Refuse) else { return Ok(0) };
    let said = Said::read(older);
    let mut taken = 0;
    for (index, (file, layer)) in files.iter().enumerate() {
        let same = said.same(layer);
        let candidates = [file.judges_groups().then_some(&file.entry().path), same];
        for path in candidates.into_iter().flatten() {
            let Ok(source) = root.open_file(path) else { continue };
            taken += copy(&source, index, file, written, progress)?;
        }
    }
    Ok(taken)
}

/// Takes the groups of `source` that are missing, each at the place where it stands there: all at once, by sharing them on
/// the disk, where the file system can do that, else by copying them one after the other.
pub(crate) fn copy(
    source: &File,
    index: usize,
    file: &Incoming,
    written: &Written<'_>,
    progress: &dyn Progress,
) -> Result<u64, Stopped> {
    let mut taken = 0;
    let mut buffer = Vec::new();
    let length = source.metadata().map_or(0, |found| found.len());
    let sharing = file.share(source).map_err(Stopped::Unwritten)?;
    for group in file.missing().into_iter().flatten() {
        if progress.cancelled() {
            return Err(RegistryError::Interrupted.into());
        }
        let place = file.place(group);
        if place.end > length {
            break;
        }
        let arrival = match sharing {
            Sharing::Shared => file.recover(group),
            Sharing::Not => {
                buffer.resize(usize::try_from(place.end - place.start).unwrap_or_default(), 0);
                if source.read_exact_at(&mut buffer, place.start).is_err() {
                    break;
                }
                file.put(group, &buffer)
            }
        };
        if arrival.map_err(Stopped::Unwritten)? == Arrival::Kept {
            written.note(index, group);
            progress.advance(place.end - place.start);
            taken += place.end - place.start;
        }
    }
    Ok(taken)
}

/// What the older version's signature says of its files. Nobody has verified it.
#[derive(Default)]
struct Said(HashMap<Sha256Digest, EntryPath>);

impl Said {
    fn read(older: &Path) -> Self {
        Self::parse(&older.join("model.sig")).unwrap_or_default()
    }

    fn parse(path: &Path) -> Option<Self> {
        let limits = Limits::default();
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
        let most = limits.bundle() as u64;
        if !file.metadata().ok()?.is_file() || file.metadata().ok()?.len() > most {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes).ok()?;
        let bundle = Bundle::parse(&bytes, &limits).ok()?;
        let claim =
            ModelClaim::from_statement(&Statement::parse(bundle.envelope().payload(), &limits).ok()?).ok()?;
        let entries = claim.manifest().entries().iter();
        Some(Self(entries.filter_map(|entry| Some((*entry.sha256()?, entry.path.clone()))).collect()))
    }

    /// The older file with the bytes of this layer, if it says so.
    fn same(&self, layer: &Descriptor) -> Option<&EntryPath> {
        self.0.get(&layer.digest)
    }
}
