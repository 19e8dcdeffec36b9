//! Bytes that come from afar, proven while they are written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lacre_hash::{DigestSet, Engine, FileDigests, HashError, Progress, Source};
use lacre_manifest::{Entry, Links, Root, escape_os};

use crate::proof::{Claim, Model, Verified};
use crate::prove::Prove;
use crate::report::Step;
use crate::{Failure, VerifyError};
use crate::{content, mismatch, shape};

impl Verified<Claim> {
    /// Fetches every signed file through `fetch` into the empty folder `into`, and proves each byte as it is
    /// written. `fetch` opens the bytes for an entry; they are read once, to the signed size and no further. Then come
    /// empty folders and executable bits, if they are signed.
    ///
    /// Nothing in `into` may be used unless this succeeds; the caller removes it otherwise.
    pub fn receive<F>(
        self,
        into: &Path,
        prove: Prove,
        fetch: F,
        progress: &dyn Progress,
    ) -> Result<Verified<Model>, Box<Failure>>
    where
        F: Fn(&Entry) -> io::Result<File> + Sync,
    {
        let Claim { signed: claim, signers, mut report, strictness } = self.proven;
        let received = (|| {
            let root = Root::open(into, Links::Refuse)?;
            let sources = prepare(claim.manifest().entries(), into, prove, &fetch)?;
            let mut digests =
                Engine::new().run(&sources, progress).map_err(|error| blame(error, &sources))?;
            let manifest = content::compare(sources.iter().map(|source| source.entry).zip(&digests))?;
            let chunks = digests.iter_mut().filter_map(FileDigests::take_tree).collect();
            let proven_by = sources.first().map(Source::digests);
            if let Some(shape) = claim.shape() {
                let differs = shape::recreate(&claim, shape, &root, into)?;
                report.tell_shape(differs, strictness)?;
            }
            Ok((root, manifest, proven_by, chunks))
        })();
        match received {
            Ok((root, manifest, proven_by, chunks)) => {
                report.prove(&manifest, proven_by, ", proven while written");
                let held = std::collections::BTreeMap::new();
                Ok(Verified {
                    proven: Model { signed: claim, signers, report, root, manifest, prove, held, chunks },
                })
            }
            Err(error) => Err(report.fail(Step::Content, error)),
        }
    }
}

fn prepare<'a, F>(
    entries: &'a [Entry],
    into: &'a Path,
    prove: Prove,
    fetch: &'a F,
) -> Result<Vec<Incoming<'a, F>>, VerifyError>
where
    F: Fn(&Entry) -> io::Result<File>,
{
    let mut sources = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some((folder, _)) = entry.path.as_str().rsplit_once('/') {
            let folder = into.join(folder);
            fs::create_dir_all(&folder)
                .map_err(|source| VerifyError::Store { name: escape_os(folder.as_os_str()), source })?;
        }
        let digests = prove.digests(entry)?;
        // Signatures of other tools have no sizes: the size of what is fetched bounds it then. What cannot be opened
        // here fails again, with its reason, when its turn comes.
        let size = entry.size.or_else(|| Some(fetch(entry).ok()?.metadata().ok()?.len())).unwrap_or_default();
        sources.push(Incoming { entry, size, into, digests, fetch, file: Mutex::new(None) });
    }
    Ok(sources)
}

/// A file on its way: read from where it is fetched, written where it goes.
struct Incoming<'a, F> {
    entry: &'a Entry,
    /// Its size in bytes, as signed or, where no size is signed, as fetched: not a byte more is written.
    size: u64,
    into: &'a Path,
    digests: DigestSet,
    fetch: &'a F,
    /// Open from the first byte to the last, and no longer: a model may have more files than descriptors.
    file: Mutex<Option<Arc<File>>>,
}

impl<F> Incoming<'_, F> {
    /// Makes the file; there must be nothing of its name yet.
    fn make(&self) -> io::Result<File> {
        let path = self.into.join(self.entry.path.as_str());
        OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)
    }

    fn file(&self) -> MutexGuard<'_, Option<Arc<File>>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The source gave more bytes than were signed.
#[derive(Debug, thiserror::Error)]
#[error("more bytes than signed")]
struct Overlong;

impl<F: Fn(&Entry) -> io::Result<File> + Sync> Source for Incoming<'_, F> {
    fn open(&self) -> io::Result<File> {
        (self.fetch)(self.entry)
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn name(&self) -> String {
        self.entry.path.to_string()
    }

    fn digests(&self) -> DigestSet {
        self.digests
    }

    fn keep(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset.saturating_add(bytes.len() as u64) > self.size {
            return Err(io::Error::other(Overlong));
        }
        let file = {
            let mut file = self.file();
            match &*file {
                Some(made) => Arc::clone(made),
                None => Arc::clone(file.insert(Arc::new(self.make()?))),
            }
        };
        file.write_all_at(bytes, offset)
    }

    fn finish(&self) -> io::Result<()> {
        // A file without bytes was never handed to `keep`.
        if self.file().take().is_none() {
            self.make()?;
        }
        Ok(())
    }
}

fn is_overlong(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Overlong>)
}

/// More bytes than signed is a difference of content, not a failure of the disk.
fn blame<F>(error: HashError, sources: &[Incoming<'_, F>]) -> VerifyError {
    let overlong = match &error {
        HashError::Keep { index, source, .. } if is_overlong(source) => {
            sources.get(*index).map(|source| (source.entry, source.size))
        }
        _ => None,
    };
    match overlong {
        Some((entry, signed)) => mismatch::wrong_size(&entry.path, signed, signed.saturating_add(1)),
        None => error.into(),
    }
}
