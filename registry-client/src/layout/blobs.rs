//! `blobs/sha256/`: the blobs of a layout.

use std::fs::File;
use std::io::{ErrorKind, Read};

use lacre_hash::{DigestSet, Progress, StreamHasher};

use super::folder::{Folder, Found};
use crate::RegistryError;
use crate::descriptor::Descriptor;
use crate::store::{BlobContent, Presence, Put};

/// Bytes that are read, hashed and written at a time. For larger writes the kernel looks for memory in large pieces, which
/// costs more than the calls that they save.
const PIECE: usize = 64 * 1024;

pub(super) const BLOBS: &str = "blobs";
pub(super) const SHA256: &str = "sha256";

/// Opens the blob's file: regular, not through a link, of exactly the descriptor's size.
pub(super) fn open(root: &Folder, descriptor: &Descriptor) -> Result<File, RegistryError> {
    let digest = descriptor.digest;
    let found = match existing(root)? {
        Some(folder) => folder.file(&digest.to_string())?,
        None => Found::Absent,
    };
    match found {
        Found::Absent => Err(RegistryError::BlobMissing { digest }),
        Found::Other(kind) => Err(RegistryError::BlobKind { digest, kind }),
        Found::File(_, actual) if actual != descriptor.size => {
            Err(RegistryError::BlobSize { digest, expected: descriptor.size, actual })
        }
        Found::File(file, _) => Ok(file),
    }
}

/// Whether a file of the blob's name and size is there.
pub(super) fn presence(root: &Folder, descriptor: &Descriptor) -> Result<Presence, RegistryError> {
    match open(root, descriptor) {
        Ok(_) => Ok(Presence::Present),
        Err(
            RegistryError::BlobMissing { .. }
            | RegistryError::BlobKind { .. }
            | RegistryError::BlobSize { .. },
        ) => Ok(Presence::Absent),
        Err(error) => Err(error),
    }
}

/// Stores a blob.
///
/// What already stands under the name is hashed, and left alone only if its bytes are the blob's: a blob that was
/// altered is mended by the next push instead of being trusted for ever.
pub(super) fn put(
    root: &Folder,
    descriptor: &Descriptor,
    content: &dyn BlobContent,
    progress: &dyn Progress,
) -> Result<Put, RegistryError> {
    let folder = folder(root)?;
    let name = descriptor.digest.to_string();
    let mut buffer = Vec::new();
    let uncounted = Uncounted(progress);
    let mut progress = progress;
    if let Found::File(file, size) = folder.file(&name)?
        && size == descriptor.size
    {
        let unreadable = |source| RegistryError::Read { path: folder.path().join(&name), source };
        match copy(descriptor, file, &mut buffer, progress, |_| Ok(()), unreadable) {
            Ok(()) => return Ok(Put::Existed),
            // These bytes were counted; writing them anew is not progress twice.
            Err(RegistryError::BlobDigest { .. } | RegistryError::BlobSize { .. }) => progress = &uncounted,
            Err(error) => return Err(error),
        }
    }
    let unreadable = |source| RegistryError::Content { digest: descriptor.digest, source };
    let reader = content.open().map_err(unreadable)?.into_reader();
    let mut file = folder.temporary()?;
    copy(descriptor, reader, &mut buffer, progress, |bytes| file.write(bytes), unreadable)?;
    file.publish(&name)?;
    Ok(Put::Written)
}

/// The folder of the blobs, made when it is missing.
pub(super) fn folder(root: &Folder) -> Result<Folder, RegistryError> {
    match existing(root)? {
        Some(folder) => Ok(folder),
        None => root.make_child(BLOBS)?.make_child(SHA256),
    }
}

fn existing(root: &Folder) -> Result<Option<Folder>, RegistryError> {
    match root.child(BLOBS)? {
        Some(blobs) => blobs.child(SHA256),
        None => Ok(None),
    }
}

/// Asks whether to stop, and counts nothing.
struct Uncounted<'a>(&'a dyn Progress);

impl Progress for Uncounted<'_> {
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// Takes all bytes of `reader`, at most one more than the descriptor's size, and proves them.
fn copy(
    descriptor: &Descriptor,
    mut reader: impl Read,
    buffer: &mut Vec<u8>,
    progress: &dyn Progress,
    mut keep: impl FnMut(&[u8]) -> Result<(), RegistryError>,
    unreadable: impl Fn(std::io::Error) -> RegistryError,
) -> Result<(), RegistryError> {
    let (digest, expected) = (descriptor.digest, descriptor.size);
    // A small blob needs no large buffer; the one byte more shows content that goes on.
    let wanted = usize::try_from(expected.saturating_add(1)).unwrap_or(PIECE).min(PIECE);
    if buffer.len() < wanted {
        buffer.resize(wanted, 0);
    }
    let mut hasher = StreamHasher::new(DigestSet::Sha256);
    let mut actual = 0;
    loop {
        if progress.cancelled() {
            return Err(RegistryError::Interrupted);
        }
        let read = match reader.read(&mut buffer[..wanted]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        actual += read as u64;
        if actual > expected {
            return Err(RegistryError::BlobSize { digest, expected, actual });
        }
        hasher.update(&buffer[..read]);
        keep(&buffer[..read])?;
        progress.advance(read as u64);
    }
    if actual != expected {
        return Err(RegistryError::BlobSize { digest, expected, actual });
    }
    match hasher.finish().sha256 {
        Some(found) if found == digest => Ok(()),
        Some(actual) => Err(RegistryError::BlobDigest { expected: digest, actual }),
        // Not reached: the hasher was asked for it. Refusing is the safe answer.
        None => Err(RegistryError::BlobMissing { digest }),
    }
}
