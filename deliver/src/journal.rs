//! What an attempt has done, for the next one: which groups of which files are written.
//!
//! A hint and nothing more. What it names is proven again from the disk before it counts, so a journal that is torn,
//! forged, or ahead of the disk costs time and never truth.
//!
//! The file: 16 bytes of magic, 32 bytes of what is being fetched, then eight bytes for each group: the number of its
//! file and its own, both little-endian.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use lacre_hash::Sha256Digest;

const MAGIC: &[u8; 16] = b"lacre journal 1\n";
const HEADER: usize = 16 + 32;
/// Groups that are read: four times what the largest model that was ever published needs (a TiB is a million).
const MOST: u64 = 1 << 24;

/// A group of a file, both counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: u32,
    pub(crate) group: u32,
}

/// The journal of one attempt. Written to from several threads: each entry is one write at the end of the file.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    file: &'a File,
}

impl<'a> Journal<'a> {
    /// Bytes of a journal that names no group.
    pub(crate) const EMPTY: u64 = HEADER as u64;

    /// Opens the journal of fetching `what`, and gives the groups that it names. One that is about anything else is begun
    /// anew.
    pub(crate) fn open(mut file: &'a File, what: &Sha256Digest) -> io::Result<(Self, BTreeSet<Place>)> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.take(HEADER as u64 + 8 * MOST).read_to_end(&mut bytes)?;
        let named = bytes.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(what.as_bytes()));
        let Some(named) = named else {
            file.set_len(0)?;
            file.write_all(&[MAGIC.as_slice(), what.as_bytes()].concat())?;
            return Ok((Self { file }, BTreeSet::new()));
        };
        let (entries, torn) = named.as_chunks::<8>();
        let places = entries.iter().map(|entry| {
            let entry = u64::from_le_bytes(*entry);
            // The low half and the high half.
            let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
            Place { file: half(entry), group: half(entry >> 32) }
        });
        let places = places.collect();
        file.set_len((bytes.len() - torn.len()) as u64)?;
        Ok((Self { file }, places))
    }

    /// Notes that a group is written. A disk that is full costs the note, not the work.
    pub(crate) fn note(&self, file: usize, group: u64) {
        let (Ok(file), Ok(group)) = (u32::try_from(file), u32::try_from(group)) else { return };
        let entry = u64::from(group) << 32 | u64::from(file);
        let mut journal = self.file;
        let _ = journal.write_all(&entry.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    fn journal() -> (tempfile::NamedTempFile, File) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let opened = OpenOptions::new().read(true).append(true).open(file.path()).unwrap();
        (file, opened)
    }

    fn place(file: u32, group: u32) -> Place {
        Place { file, group }
    }

    #[test]
    fn what_was_noted_is_read_back() {
        let (_kept, file) = journal();
        let what = Sha256Digest::of(b"what");
        let (journal, found) = Journal::open(&file, &what).unwrap();
        assert!(found.is_empty());
        journal.note(0, 7);
        journal.note(3, 1);
        journal.note(0, 7);
        let (journal, found) = Journal::open(&file, &what).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [place(0, 7), place(3, 1)]);
        journal.note(1, 1);
        assert_eq!(Journal::open(&file, &what).unwrap().1.len(), 3);
    }

    #[test]
    fn a_torn_entry_is_cut_off_and_the_next_one_stands_right() {
        let (kept, file) = journal();
        let what = Sha256Digest::of(b"what");
        Journal::open(&file, &what).unwrap().0.note(1, 2);
        let mut bytes = std::fs::read(kept.path()).unwrap();
        bytes.extend([1, 2, 3]);
        std::fs::write(kept.path(), &bytes).unwrap();
        let (journal, found) = Journal::open(&file, &what).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [place(1, 2)]);
        journal.note(5, 6);
        let found = Journal::open(&file, &what).unwrap().1;
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [place(1, 2), place(5, 6)]);
    }

    #[test]
    fn a_journal_of_something_else_is_begun_anew() {
        let (kept, file) = journal();
        Journal::open(&file, &Sha256Digest::of(b"what")).unwrap().0.note(1, 2);
        assert!(Journal::open(&file, &Sha256Digest::of(b"other")).unwrap().1.is_empty());
        std::fs::write(kept.path(), b"rubbish").unwrap();
        assert!(Journal::open(&file, &Sha256Digest::of(b"other")).unwrap().1.is_empty());
        assert!(Journal::open(&file, &Sha256Digest::of(b"other")).unwrap().1.is_empty());
    }
}
