//! Chunk lists in a folder, such as the user's cache.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::{Blake3Digest, ChunkList};

/// A folder of chunk lists, each under the BLAKE3 digest of its file: `FOLDER/ab/cdef….chunks`, the digest in hexadecimal,
/// its first byte as the name of a folder.
///
/// What lies there needs no signature and no trust: a list proves itself against the signed digest each time it is read
/// ([`ChunkList::prove`]). Who can write to the folder can make a list useless, not wrong. So it may lie in a cache, and be
/// deleted at any time. Several threads and processes may use one folder.
#[derive(Debug, Clone)]
pub struct ChunkStore {
    folder: PathBuf,
}

impl ChunkStore {
    /// The store in `folder`. Nothing is created until something is put.
    pub const fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The list of a file of `size` bytes whose BLAKE3 digest is `root`; both must be the signed ones. None when there is
    /// none that proves itself: one that does not is removed. The empty list of a file of at most one group needs no
    /// store.
    ///
    /// At most 32 bytes are read for each MiB of `size`.
    pub fn get(&self, root: &Blake3Digest, size: u64) -> Option<ChunkList> {
        if ChunkList::groups_of(size) == 0 {
            return ChunkList::new(size, Vec::new()).ok();
        }
        let (folder, name) = self.place(root);
        let path = folder.join(name);
        let mut file = open(&path).ok()?;
        let length = stored_length(size);
        let list = if is_list(&file.metadata().ok()?, length) {
            let mut bytes = vec![0; usize::try_from(length).ok()?];
            file.read_exact(&mut bytes).ok()?;
            ChunkList::prove(&bytes, size, root).ok()
        } else {
            None
        };
        if list.is_none() {
            // It is of no use to anybody. If it cannot be removed, it is refused again the next time.
            let _ = fs::remove_file(&path);
        }
        list
    }

    /// Keeps the list of the file whose BLAKE3 digest is `root`. An empty list is not kept, and nothing is done if there is
    /// a list of that length already. The folders are created for this user alone; the file appears whole, by a rename.
    ///
    /// # Errors
    /// Those of the file system. A caller that has the list can go on without the store.
    pub fn put(&self, root: &Blake3Digest, list: &ChunkList) -> io::Result<()> {
        if list.groups().is_empty() {
            return Ok(());
        }
        let (folder, name) = self.place(root);
        let path = folder.join(name);
        let length = stored_length(list.size());
        if fs::symlink_metadata(&path).is_ok_and(|found| is_list(&found, length)) {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        // Random, because two machines that share the folder may both have a process of this number.
        let temporary = folder.join(format!(".{:016x}.tmp", RandomState::new().hash_one(std::process::id())));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        // Not forced to the disk: a list that a power cut tears is one that does not prove itself.
        let kept = file.write_all(&list.to_bytes()).and_then(|()| fs::rename(&temporary, &path));
        if kept.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        kept
    }

    fn place(&self, root: &Blake3Digest) -> (PathBuf, String) {
        let hex = root.to_string();
        let (first, rest) = hex.split_at(2);
        (self.folder.join(first), format!("{rest}.chunks"))
    }
}

/// Bytes of the list of a file of `size` bytes.
const fn stored_length(size: u64) -> u64 {
    ChunkList::groups_of(size) * 32
}

fn is_list(found: &Metadata, length: u64) -> bool {
    found.is_file() && found.len() == length
}

/// Opens without following a link, and without waiting for the other end of a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::{GROUP, GroupValue};

    const SIZE: u64 = 3 * GROUP + 5;

    /// The list of a file of zeros, and its digest by the library's own way.
    fn example(size: u64) -> (Blake3Digest, ChunkList) {
        let bytes = vec![0; usize::try_from(size).unwrap()];
        let groups = (0..).zip(bytes.chunks(usize::try_from(GROUP).unwrap()));
        let groups = groups.map(|(index, group)| GroupValue::of(index, group)).collect();
        (Blake3Digest::of(&bytes), ChunkList::new(size, groups).unwrap())
    }

    /// A store that holds the example, and where.
    fn filled(folder: &tempfile::TempDir) -> (ChunkStore, PathBuf, Blake3Digest, ChunkList) {
        let store = ChunkStore::at(folder.path().join("a").join("chunks"));
        let (root, list) = example(SIZE);
        store.put(&root, &list).unwrap();
        let hex = root.to_string();
        let path = folder.path().join("a/chunks").join(&hex[..2]).join(format!("{}.chunks", &hex[2..]));
        (store, path, root, list)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn gives_back_what_was_put() {
        let folder = tempfile::tempdir().unwrap();
        let store = ChunkStore::at(folder.path().join("a").join("chunks"));
        let (root, list) = example(SIZE);
        assert_eq!(store.get(&root, SIZE), None);
        assert!(names(folder.path()).is_empty(), "asking creates nothing");
        let (store, path, ..) = filled(&folder);
        assert_eq!(store.get(&root, SIZE), Some(list.clone()));
        assert_eq!(fs::read(&path).unwrap(), list.to_bytes());
        assert_eq!(names(path.parent().unwrap()).len(), 1, "no temporary file stays");
        for made in path.ancestors().skip(1).take(3) {
            assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700, "{made:?}");
        }
        // What is there already is left alone: the same file, not one that was renamed over it.
        let inode = |path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
        let before = inode(&path);
        store.put(&root, &list).unwrap();
        assert_eq!(inode(&path), before);
    }

    #[test]
    fn a_list_that_does_not_prove_itself_is_removed() {
        let break_it: [fn(&mut Vec<u8>); 5] = [
            |bytes| bytes[40] ^= 1,
            |bytes| bytes.truncate(100),
            |bytes| bytes.clear(),
            |bytes| bytes.push(0),
            |bytes| bytes.extend([0; 32]),
        ];
        for (number, break_it) in break_it.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let (store, path, root, list) = filled(&folder);
            let mut bytes = fs::read(&path).unwrap();
            break_it(&mut bytes);
            fs::write(&path, bytes).unwrap();
            assert_eq!(store.get(&root, SIZE), None, "{number}");
            assert!(!path.exists(), "{number}");
            store.put(&root, &list).unwrap();
            assert_eq!(store.get(&root, SIZE), Some(list), "{number}: it heals");
        }
    }

    /// Far longer than any memory: nothing of it is read.
    #[test]
    fn reads_no_more_than_the_size_demands() {
        let folder = tempfile::tempdir().unwrap();
        let (store, path, root, _) = filled(&folder);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 43).unwrap();
        assert_eq!(store.get(&root, SIZE), None);
    }

    #[test]
    fn a_list_of_another_number_of_groups_is_not_given() {
        for size in [SIZE - GROUP, SIZE + GROUP, 9 * GROUP, u64::MAX] {
            let folder = tempfile::tempdir().unwrap();
            let (store, _, root, _) = filled(&folder);
            assert_eq!(store.get(&root, size), None, "{size}");
        }
    }

    #[test]
    fn empty_lists_need_no_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = ChunkStore::at(folder.path().join("chunks"));
        for size in [0, 1, GROUP] {
            let list = ChunkList::new(size, Vec::new()).unwrap();
            let root = Blake3Digest::from_bytes([7; 32]);
            store.put(&root, &list).unwrap();
            assert_eq!(store.get(&root, size), Some(list));
        }
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_link_or_a_pipe_is_no_list() {
        let folder = tempfile::tempdir().unwrap();
        let (store, path, root, list) = filled(&folder);
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert_eq!(store.get(&root, SIZE), None);
        store.put(&root, &list).unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_file(), "the link was replaced");
        fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        assert_eq!(store.get(&root, SIZE), None);
    }

    #[test]
    fn many_threads_put_the_same_list_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = ChunkStore::at(folder.path().join("chunks"));
        let (root, list) = example(SIZE);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        store.put(&root, &list).unwrap();
                        // Never half of one: it is there whole from the first time on.
                        assert_eq!(store.get(&root, SIZE), Some(list.clone()));
                    }
                });
            }
        });
        let first = &root.to_string()[..2];
        assert_eq!(names(&folder.path().join("chunks").join(first)).len(), 1, "no temporary file stays");
    }

    #[test]
    fn what_cannot_be_stored_is_an_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (root, list) = example(SIZE);
        let file = folder.path().join("file");
        fs::write(&file, b"not a folder").unwrap();
        let store = ChunkStore::at(file.join("chunks"));
        assert_eq!(store.put(&root, &list).unwrap_err().kind(), io::ErrorKind::NotADirectory);
        assert_eq!(store.get(&root, SIZE), None);
        // A folder stands where the list should be: the rename fails.
        let (store, path, ..) = filled(&folder);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        store.put(&root, &list).unwrap_err();
        assert_eq!(store.get(&root, SIZE), None);
        assert_eq!(names(path.parent().unwrap()).len(), 1, "no temporary file stays");
    }
}
