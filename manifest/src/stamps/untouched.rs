//! Which files were not touched since they were signed.

use std::num::NonZeroUsize;

use lacre_hash::{HashError, Progress};

use crate::ManifestError;
use crate::entry::Entry;
use crate::root::Root;
use crate::stamps::{Known, Stamp};
use crate::walk::TreeFile;

/// What is known of a file that was not touched.
pub(crate) type Untouched<'a> = Option<(&'a Entry, Stamp)>;

/// For each file what is known of it, if it was not touched. Every core asks the file system about a part of them.
pub(crate) fn untouched<'a>(
    root: &Root,
    files: &[TreeFile],
    known: &Known<'a>,
    progress: &dyn Progress,
) -> Result<Vec<Untouched<'a>>, ManifestError> {
    let candidates = candidates(files, known);
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let part = files.len().div_ceil(threads).max(NOT_WORTH_A_THREAD);
    let check = |files: &[TreeFile], candidates: &[Untouched<'a>]| -> Vec<Untouched<'a>> {
        let pairs = files.iter().zip(candidates).take_while(|_| !progress.cancelled());
        pairs.map(|(file, candidate)| candidate.filter(|(_, stamp)| has_stamp(root, file, stamp))).collect()
    };
    let found = std::thread::scope(|scope| {
        let parts = files.chunks(part).zip(candidates.chunks(part));
        let others: Vec<_> =
            parts.map(|(files, candidates)| scope.spawn(move || check(files, candidates))).collect();
        let mut found = Vec::with_capacity(files.len());
        for other in others {
            found.append(&mut other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        found
    });
    if found.len() < files.len() {
        return Err(HashError::Interrupted.into());
    }
    Ok(found)
}

/// So many files are asked about before another thread has started.
const NOT_WORTH_A_THREAD: usize = 64;

/// For each file what is known under its path, if it has a stamp and the size is the same. Both lists are in the order
/// of their paths.
fn candidates<'a>(files: &[TreeFile], known: &Known<'a>) -> Vec<Untouched<'a>> {
    let mut entries = known.manifest.entries().iter().zip(&known.stamps.0).peekable();
    files
        .iter()
        .map(|file| {
            while entries.next_if(|(entry, _)| entry.path < file.path).is_some() {}
            let (entry, stamp) = entries.next_if(|(entry, _)| entry.path == file.path)?;
            (reusable_size(entry)? == file.size).then_some((entry, (*stamp)?))
        })
        .collect()
}

/// The size of an entry that has all that this program signs of a file.
fn reusable_size(entry: &Entry) -> Option<u64> {
    entry.blake3().and(entry.size)
}

/// Whether a file has this stamp, and still the size that it was listed with. What cannot be opened has not: hashing
/// says why.
fn has_stamp(root: &Root, file: &TreeFile, stamp: &Stamp) -> bool {
    let found = root.open_file(&file.path).ok().and_then(|opened| opened.metadata().ok());
    found.is_some_and(|found| Stamp::of(&found).as_ref() == Some(stamp) && found.len() == file.size)
}
