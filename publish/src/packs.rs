//! Archives on their way out: hashed first, because a blob is known by its digest, and made again while they are sent.
//!
//! Nothing is kept in between, neither in memory nor on disk. While it is hashed, each file is found to have the digest
//! that it was compared with; while it is sent, the archive must have the digest that it was hashed to.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use lacre_hash::{DigestSet, Progress, Sha256Digest, StreamHasher};
use lacre_manifest::{Entry, EntryPath, Manifest, Root, escape};
use lacre_registry_client::{Descriptor, Pack, PackContent, Put, RegistryError, Resized, Store};

use crate::PublishError;

/// Blobs that are worked on at once.
const AT_ONCE: usize = 4;
/// Bytes that are read and hashed at a time.
const PIECE: usize = 1024 * 1024;

/// The digests of these archives of files that are `as_signed`.
pub(crate) fn digests(
    root: &Root,
    packs: &[Pack],
    as_signed: &Manifest,
    progress: &dyn Progress,
) -> Result<Vec<Sha256Digest>, PublishError> {
    if packs.is_empty() {
        return Ok(Vec::new());
    }
    progress.begin(packs.len() as u64, packs.iter().map(Pack::size).sum());
    together(packs, |pack| digest(root, pack, as_signed, progress))
}

fn digest(
    root: &Root,
    pack: &Pack,
    as_signed: &Manifest,
    progress: &dyn Progress,
) -> Result<Sha256Digest, PublishError> {
    let open = |path: &EntryPath| {
        progress.file(&escape(path.as_str()));
        let file = open(root, path)?;
        let signed = as_signed.get(path.as_str()).ok_or_else(|| io::Error::other(changed(path)))?;
        // Both digests were found to be of one content, so the quicker one proves it.
        let wanted = if signed.blake3().is_some() { DigestSet::Blake3 } else { DigestSet::Sha256 };
        let hasher = Some(StreamHasher::new(wanted));
        Ok(Box::new(Compared { file, signed, hasher }) as Box<dyn Read>)
    };
    let mut stream = pack.stream(&open);
    let mut hasher = StreamHasher::new(DigestSet::Sha256);
    let mut buffer = vec![0; PIECE];
    loop {
        if progress.cancelled() {
            return Err(RegistryError::Interrupted.into());
        }
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                progress.advance(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(blame(error)),
        }
    }
    // Not reached without one: the hasher was asked for it.
    hasher.finish().sha256.ok_or_else(|| RegistryError::Interrupted.into())
}

/// Puts an archive.
pub(crate) fn put(
    root: &Root,
    pack: &Pack,
    descriptor: &Descriptor,
    store: &dyn Store,
    progress: &dyn Progress,
) -> Result<Put, PublishError> {
    let first = pack.files().next();
    progress.file(&first.map_or_else(String::new, |file| escape(file.path.as_str())));
    let open = |path: &EntryPath| Ok(Box::new(open(root, path)?) as Box<dyn Read>);
    let put = store.put_blob(descriptor, &PackContent { pack, open: &open }, progress);
    put.map_err(|error| not_sent(pack, error))
}

/// Why files that were as signed a moment ago could not be sent.
fn not_sent(pack: &Pack, error: RegistryError) -> PublishError {
    match error {
        RegistryError::BlobDigest { .. } | RegistryError::BlobSize { .. } => {
            PublishError::OneChanged { files: pack.files().map(|file| file.path.clone()).collect() }
        }
        RegistryError::Content { digest, source } => match source.downcast::<Resized>() {
            Ok(Resized { path }) => PublishError::Changed { path },
            Err(source) => RegistryError::Content { digest, source }.into(),
        },
        error => error.into(),
    }
}

fn open(root: &Root, path: &EntryPath) -> io::Result<std::fs::File> {
    root.open_file(root.only_file().unwrap_or(path)).map_err(io::Error::other)
}

fn blame(error: io::Error) -> PublishError {
    let error = match error.downcast::<PublishError>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    match error.downcast::<Resized>() {
        Ok(Resized { path }) => PublishError::Changed { path },
        Err(source) => RegistryError::Stream { source }.into(),
    }
}

/// A file that must be the signed one.
struct Compared<'a> {
    file: std::fs::File,
    signed: &'a Entry,
    /// Until the end is reached.
    hasher: Option<StreamHasher>,
}

impl Read for Compared<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if read > 0 {
            self.hasher.iter_mut().for_each(|hasher| hasher.update(&buffer[..read]));
        } else if let Some(hasher) = self.hasher.take() {
            let found = hasher.finish();
            let same = match self.signed.blake3() {
                Some(blake3) => found.blake3 == Some(*blake3),
                None => found.sha256.as_ref() == self.signed.sha256(),
            };
            if !same {
                return Err(io::Error::other(changed(&self.signed.path)));
            }
        }
        Ok(read)
    }
}

fn changed(path: &EntryPath) -> PublishError {
    PublishError::Changed { path: path.clone() }
}

/// Does `work` for each of `all`, several at a time; gives the outcomes in their order, or the first failure.
pub(crate) fn together<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> Result<R, PublishError> + Sync,
) -> Result<Vec<R>, PublishError> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let outcomes = Mutex::new(Vec::with_capacity(all.len()));
    let worker = || {
        while let Some((index, one)) = take(all, &next, &stop) {
            let outcome = work(one);
            stop.fetch_or(outcome.is_err(), Ordering::Relaxed);
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(all.len()) {
            scope.spawn(worker);
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    // The first failure in time ended the others.
    if let Some(failed) = outcomes.iter().position(|(_, outcome)| outcome.is_err()) {
        outcomes.swap(0, failed);
    } else {
        outcomes.sort_by_key(|(index, _)| *index);
    }
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn take<'a, T>(all: &'a [T], next: &AtomicUsize, stop: &AtomicBool) -> Option<(usize, &'a T)> {
    if stop.load(Ordering::Relaxed) {
        return None;
    }
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, all.get(index)?))
}
