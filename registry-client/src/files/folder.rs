//! A set in a folder, as `python-tuf` lays it out: `metadata/` and `targets/`. A web server that serves the folder
//! makes it a [`WebFiles`](super::WebFiles).

use std::io::Read as _;
use std::path::{Path, PathBuf};

use lacre_hash::Sha256Digest;
use rustix::fs::AtFlags;

use super::{Budget, FileKind, FileName, FileSet, Files};
use crate::RegistryError;
use crate::layout::folder::{Folder, Found, TEMPORARY};

/// How many folders deep targets are looked for.
const DEPTH: usize = 16;

/// A set of files in a folder.
pub struct FolderFiles {
    path: PathBuf,
}

impl FolderFiles {
    /// The set in the folder `path`.
    ///
    /// # Errors
    /// `E-NOT-FOUND` when there is no such folder.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        match Folder::open(path)? {
            Some(_) => Ok(Self { path: path.to_owned() }),
            None => Err(RegistryError::NotFound { path: path.to_owned() }),
        }
    }

    /// The set in the folder `path`, which is made when it is missing.
    pub fn create(path: &Path) -> Result<Self, RegistryError> {
        std::fs::create_dir_all(path)
            .map_err(|source| RegistryError::Write { path: path.to_owned(), source })?;
        Self::open(path)
    }

    /// Makes `files` the set, if it is still `before`. Each file appears whole, those through which others are found
    /// last; what only the set before had goes afterwards.
    ///
    /// # Errors
    /// `E-CONFLICT` when somebody else wrote meanwhile; `E-OUTPUT`; then readers see the set before, or the new one.
    pub fn put(&self, files: &Files, before: &Files) -> Result<(), RegistryError> {
        let root = self.root()?;
        let _turn = root.lock()?;
        if self.all_in(&root)? != *before {
            return Err(RegistryError::Conflict { place: self.path.display().to_string() });
        }
        let mut order: Vec<_> = files.iter().collect();
        // A new root counts as soon as it is there.
        order.sort_by_key(|(name, _)| (name.is_entrance(), name.is_root()));
        for (name, bytes) in order {
            let (folder, file) = make(&root, name)?;
            if read(&folder, &file, bytes.len() as u64)?.as_deref() == Some(bytes) {
                continue;
            }
            let mut temporary = folder.temporary()?;
            temporary.write(bytes)?;
            temporary.publish(&file)?;
            folder.sync()?;
        }
        for name in before.keys().filter(|name| !files.contains_key(name)) {
            let Some((folder, file)) = find(&root, name)? else { continue };
            let Ok(file) = std::ffi::CString::new(file) else { continue };
            // What cannot be removed is in nobody's way: nothing refers to it.
            let _ = folder.unlink(&file, AtFlags::empty());
        }
        Ok(())
    }

    /// A file that lies beside the set and is none of it, of at most `limit` bytes.
    ///
    /// # Errors
    /// `E-LIMIT`; `E-ARTIFACT` when it is no file.
    pub fn beside(&self, name: &FileName, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        read(&self.root()?, name.as_str(), limit)
    }

    /// Puts a file beside the set, or removes it, if `before` lies there still.
    ///
    /// # Errors
    /// `E-CONFLICT` when somebody else wrote meanwhile; `E-OUTPUT`.
    pub fn put_beside(
        &self,
        name: &FileName,
        bytes: Option<&[u8]>,
        before: Option<&[u8]>,
    ) -> Result<(), RegistryError> {
        let root = self.root()?;
        let _turn = root.lock()?;
        let limit = before.map_or(0, <[u8]>::len) as u64;
        let standing = match read(&root, name.as_str(), limit) {
            Err(RegistryError::TooLarge { .. }) => None,
            standing => Some(standing?),
        };
        if standing.as_ref().map(Option::as_deref) != Some(before) {
            return Err(RegistryError::Conflict {
                place: self.path.join(name.as_str()).display().to_string(),
            });
        }
        if let Some(bytes) = bytes {
            let mut temporary = root.temporary()?;
            temporary.write(bytes)?;
            temporary.publish(name.as_str())?;
        } else if let (Some(_), Ok(name)) = (before, std::ffi::CString::new(name.as_str())) {
            let path = self.path.clone();
            root.unlink(&name, AtFlags::empty())
                .map_err(|errno| RegistryError::Write { path, source: errno.into() })?;
        }
        root.sync()
    }

    /// All files, for who has the lock.
    fn all_in(&self, root: &Folder) -> Result<Files, RegistryError> {
        let mut budget = Budget::new();
        let mut files = Files::new();
        for name in names_in(root)? {
            let limit = budget.next("the folder of the channel")?;
            if let Some(bytes) = self.read(&name, limit)? {
                budget.spend(bytes.len());
                files.insert(name, bytes);
            }
        }
        Ok(files)
    }

    fn root(&self) -> Result<Folder, RegistryError> {
        Folder::open(&self.path)?.ok_or_else(|| RegistryError::NotFound { path: self.path.clone() })
    }
}

impl FileSet for FolderFiles {
    fn read(&self, name: &FileName, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        match find(&self.root()?, name)? {
            Some((folder, file)) => read(&folder, &file, limit),
            None => Ok(None),
        }
    }

    fn digest(&self, _: &FileName) -> Option<Sha256Digest> {
        None
    }

    fn fingerprint(&self) -> Option<Sha256Digest> {
        None
    }

    /// Not while somebody writes: else it would be a part of one set and a part of the next.
    fn all(&self) -> Result<Files, RegistryError> {
        let root = self.root()?;
        let _turn = root.lock()?;
        self.all_in(&root)
    }
}

fn names_in(root: &Folder) -> Result<Vec<FileName>, RegistryError> {
    let mut names = Vec::new();
    let mut budget = Budget::new();
    for kind in [FileKind::Metadata, FileKind::Target] {
        if let Some(folder) = root.child(kind.folder())? {
            list(&folder, kind, "", DEPTH, &mut budget, &mut names)?;
        }
    }
    Ok(names)
}

/// The files below `folder` whose names are names of a set; others are somebody else's.
fn list(
    folder: &Folder,
    kind: FileKind,
    above: &str,
    depth: usize,
    budget: &mut Budget,
    names: &mut Vec<FileName>,
) -> Result<(), RegistryError> {
    for name in folder.names()? {
        budget.next("the folder of the channel")?;
        let Ok(text) = name.to_str() else { continue };
        if text.starts_with(TEMPORARY) {
            continue;
        }
        let full = if above.is_empty() { text.to_owned() } else { format!("{above}/{text}") };
        match folder.file(text)? {
            Found::File(..) => names.extend(FileName::parse(kind, &full)),
            Found::Other("folder") if kind == FileKind::Target && depth > 0 => {
                if let Some(child) = folder.child(text)? {
                    list(&child, kind, &full, depth - 1, budget, names)?;
                }
            }
            Found::Other(_) | Found::Absent => {}
        }
    }
    Ok(())
}

/// The folder of a file, and its last segment.
fn find(root: &Folder, name: &FileName) -> Result<Option<(Folder, String)>, RegistryError> {
    let Some(mut folder) = root.child(name.kind().folder())? else { return Ok(None) };
    let (above, file) = name.as_str().rsplit_once('/').unwrap_or(("", name.as_str()));
    for segment in above.split('/').filter(|segment| !segment.is_empty()) {
        let Some(next) = folder.child(segment)? else { return Ok(None) };
        folder = next;
    }
    Ok(Some((folder, file.to_owned())))
}

fn make(root: &Folder, name: &FileName) -> Result<(Folder, String), RegistryError> {
    let mut folder = root.make_child(name.kind().folder())?;
    let (above, file) = name.as_str().rsplit_once('/').unwrap_or(("", name.as_str()));
    for segment in above.split('/').filter(|segment| !segment.is_empty()) {
        folder = folder.make_child(segment)?;
    }
    Ok((folder, file.to_owned()))
}

fn read(folder: &Folder, name: &str, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
    let (file, size) = match folder.file(name)? {
        Found::Absent => return Ok(None),
        Found::File(file, size) => (file, size),
        Found::Other(kind) => {
            return Err(RegistryError::FileSet { detail: format!("{name} is a {kind}") });
        }
    };
    let too_large = |size| RegistryError::TooLarge { document: name.to_owned(), size, limit };
    if size > limit {
        return Err(too_large(size));
    }
    let mut bytes = Vec::new();
    // It may have grown since it was looked at.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| RegistryError::Read { path: folder.path().join(name), source })?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(Some(bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: FileKind, text: &str) -> FileName {
        FileName::parse(kind, text).unwrap()
    }

    #[test]
    fn a_new_set_takes_the_place_of_the_one_before_and_leaves_what_is_not_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let set = FolderFiles::create(&folder.path().join("channel")).unwrap();
        let (root, old, timestamp, target) = (
            name(FileKind::Metadata, "1.root.json"),
            name(FileKind::Metadata, "1.snapshot.json"),
            name(FileKind::Metadata, "timestamp.json"),
            name(FileKind::Target, "channels/a/x.b.json"),
        );
        let first: Files =
            [(root.clone(), vec![1]), (old.clone(), vec![2]), (timestamp.clone(), vec![3])].into();
        set.put(&first, &Files::new()).unwrap();
        assert_eq!(set.all().unwrap(), first);
        std::fs::write(folder.path().join("channel/metadata/.htaccess"), "theirs").unwrap();
        let second: Files = [(root, vec![1]), (timestamp.clone(), vec![4]), (target.clone(), vec![5])].into();
        assert_eq!(set.put(&second, &Files::new()).unwrap_err().code(), "E-CONFLICT");
        assert_eq!(set.all().unwrap(), first);
        set.put(&second, &first).unwrap();
        assert_eq!(set.all().unwrap(), second);
        assert_eq!(set.read(&old, 10).unwrap(), None);
        assert!(folder.path().join("channel/metadata/.htaccess").exists());
        assert_eq!(set.read(&target, 0).unwrap_err().code(), "E-LIMIT");
    }

    #[test]
    fn a_file_beside_the_set_is_replaced_by_whoever_knows_it() {
        let folder = tempfile::tempdir().unwrap();
        let set = FolderFiles::create(&folder.path().join("channel")).unwrap();
        let pending = name(FileKind::Metadata, "pending.json");
        set.put_beside(&pending, Some(b"one"), None).unwrap();
        for other in [None, Some(&b"two"[..]), Some(b"on")] {
            assert_eq!(set.put_beside(&pending, None, other).unwrap_err().code(), "E-CONFLICT");
        }
        assert_eq!(set.beside(&pending, 10).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(set.beside(&pending, 2).unwrap_err().code(), "E-LIMIT");
        assert_eq!(set.all().unwrap(), Files::new());
        set.put_beside(&pending, None, Some(b"one")).unwrap();
        assert_eq!(set.beside(&pending, 10).unwrap(), None);
    }

    #[test]
    fn nobody_reads_a_part_of_one_set_and_a_part_of_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let set = FolderFiles::create(&folder.path().join("channel")).unwrap();
        let files = |text: &str| -> Files {
            let names = (0..8).map(|number| name(FileKind::Metadata, &format!("{number}.{text}.json")));
            let timestamp = name(FileKind::Metadata, "timestamp.json");
            names.chain([timestamp]).map(|name| (name, text.as_bytes().to_vec())).collect()
        };
        let (one, two) = (files("one"), files("two"));
        set.put(&one, &Files::new()).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..50 {
                    set.put(&two, &one).unwrap();
                    set.put(&one, &two).unwrap();
                }
            });
            while !writer.is_finished() {
                let found = set.all().unwrap();
                assert!(found == one || found == two, "{:?}", found.keys().collect::<Vec<_>>());
            }
        });
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let set = FolderFiles::create(&folder.path().join("channel")).unwrap();
        std::fs::create_dir(folder.path().join("channel/metadata")).unwrap();
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink("../../secret", folder.path().join("channel/metadata/timestamp.json"))
            .unwrap();
        let refused = set.read(&name(FileKind::Metadata, "timestamp.json"), 10).unwrap_err();
        assert_eq!(refused.code(), "E-ARTIFACT");
        std::os::unix::fs::symlink("..", folder.path().join("channel/targets")).unwrap();
        assert!(set.read(&name(FileKind::Target, "secret"), 10).is_err());
    }
}
