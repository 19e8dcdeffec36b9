//! A model on disk, held by descriptor.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::ManifestError;
use crate::path::{EntryPath, escape_os};
use crate::walk::ForeignKind;

/// Which symbolic links inside a model are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// None.
    #[default]
    Refuse,
    /// Those of a snapshot in a Hugging Face cache: `models--ORG--NAME/snapshots/REV/FILE` leads to
    /// `models--ORG--NAME/blobs/NAME`, and nowhere else.
    HfCache,
}

/// A model on disk: a folder, or one regular file.
///
/// The path is resolved once, when the root is opened; afterwards everything is resolved beneath the held
/// descriptor. The last component of the path may be a symbolic link to a folder (`current -> v1.2`): it is
/// the caller's own name for the folder. A model of one file must not be a symbolic link.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    /// The one file of a model that is a file.
    only: Option<EntryPath>,
    /// The folder `models--…` of a Hugging Face cache.
    cache: Option<OwnedFd>,
    located: PathBuf,
    name: String,
}

impl Root {
    /// Opens the model at `path`.
    pub fn open(path: &Path, links: Links) -> Result<Self, ManifestError> {
        let shown = escape_os(path.as_os_str());
        let failed = |error: io::Error| ManifestError::reading_escaped(&shown, error);
        let kind = path.symlink_metadata().map_err(failed)?.file_type();
        let located = path.canonicalize().map_err(failed)?;
        if located.is_dir() {
            let folder = open_folder(rustix::fs::CWD, &located).map_err(|error| failed(error.into()))?;
            let cache = match links {
                Links::Refuse => None,
                Links::HfCache => Some(open_cache(&folder, &located)?),
            };
            let name = base_name(&located, &shown)?;
            return Ok(Self { folder, only: None, cache, located, name });
        }
        if !kind.is_file() {
            let kind = ForeignKind::of_metadata(kind);
            return Err(ManifestError::Foreign { name: shown, kind });
        }
        let name = base_name(&located, &shown)?;
        let only = EntryPath::parse(&name)?;
        let parent = located.parent().unwrap_or(Path::new("/"));
        let folder = open_folder(rustix::fs::CWD, parent).map_err(|error| failed(error.into()))?;
        Ok(Self { folder, only: Some(only), cache: None, located, name })
    }

    /// The name of the one file, when the model is a file and not a folder.
    pub fn only_file(&self) -> Option<&EntryPath> {
        self.only.as_ref()
    }

    /// The last component of its path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was when it was opened, without symbolic links. By now something else may be there.
    pub fn path(&self) -> &Path {
        &self.located
    }

    /// Where `path` lies in this model, if it lies in it at all. The file need not exist, its folder must.
    pub fn locate(&self, path: &Path) -> Option<EntryPath> {
        if self.only.is_some() {
            return None;
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let full = folder.canonicalize().ok()?.join(path.file_name()?);
        EntryPath::parse(full.strip_prefix(&self.located).ok()?.to_str()?).ok()
    }

    /// Opens a file of the model for reading: beneath the root, through no symbolic link but those that
    /// [`Links`] allows, and only if it is a regular file.
    pub fn open_file(&self, path: &EntryPath) -> Result<File, ManifestError> {
        let failed = |error: Errno| match error {
            Errno::LOOP => ManifestError::Foreign { name: path.to_string(), kind: ForeignKind::Symlink },
            other => ManifestError::reading(path.as_str(), other),
        };
        let opened = match open_beneath(self.folder.as_fd(), path) {
            Err(Errno::LOOP) if self.cache.is_some() => self.open_link(path),
            other => other,
        };
        let file = opened.map_err(failed)?;
        let stat = rustix::fs::fstat(&file).map_err(failed)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(File::from(file)),
            other => Err(ManifestError::Foreign { name: path.to_string(), kind: ForeignKind::of(other) }),
        }
    }

    fn open_link(&self, path: &EntryPath) -> rustix::io::Result<OwnedFd> {
        let (Some(cache), Some(target)) = (&self.cache, self.link_target(path)?) else {
            return Err(Errno::LOOP);
        };
        open_beneath(cache.as_fd(), &target)
    }

    /// Where the link at `path` leads, relative to the cache, if it is a link of the cache's own form: exactly as
    /// many `..` as lead out of the snapshot, then `blobs/` and one name.
    pub(crate) fn link_target(&self, path: &EntryPath) -> rustix::io::Result<Option<EntryPath>> {
        if self.cache.is_none() {
            return Ok(None);
        }
        let (parent, name) = match path.as_str().rsplit_once('/') {
            Some((parent, name)) => (Some(parent), name),
            None => (None, path.as_str()),
        };
        let link = match parent.map(EntryPath::parse) {
            None => rustix::fs::readlinkat(&self.folder, name, Vec::new())?,
            Some(Ok(parent)) => {
                let folder = open_folder_beneath(self.folder.as_fd(), &parent)?;
                rustix::fs::readlinkat(folder, name, Vec::new())?
            }
            Some(Err(_)) => return Ok(None),
        };
        let up = "../".repeat(path.components().count() + 1);
        let blob = link.to_str().ok().and_then(|link| link.strip_prefix(&up)?.strip_prefix("blobs/"));
        Ok(blob
            .filter(|blob| !blob.contains('/'))
            .and_then(|blob| EntryPath::parse(&format!("blobs/{blob}")).ok()))
    }

    /// The path of what lies beside the model under its name with `suffix` behind it: `/models/mini-lm.signatures`.
    pub fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.located.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    pub(crate) fn cache(&self) -> Option<BorrowedFd<'_>> {
        self.cache.as_ref().map(AsFd::as_fd)
    }

    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

fn base_name(located: &Path, shown: &str) -> Result<String, ManifestError> {
    let name = located.file_name().unwrap_or(OsStr::new("model"));
    name.to_str()
        .map(str::to_owned)
        .ok_or_else(|| ManifestError::Foreign { name: shown.to_owned(), kind: ForeignKind::NameNotUtf8 })
}

fn open_cache(folder: &OwnedFd, located: &Path) -> Result<OwnedFd, ManifestError> {
    let is_snapshot = located.parent().and_then(Path::file_name) == Some(OsStr::new("snapshots"));
    let cache = is_snapshot.then(|| open_folder(folder.as_fd(), Path::new("../.."))).transpose();
    match cache {
        Ok(Some(cache)) => Ok(cache),
        _ => Err(ManifestError::NotHfCache { name: escape_os(located.as_os_str()) }),
    }
}

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

pub(crate) fn open_folder(at: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(at, path, READ | OFlags::DIRECTORY, Mode::empty())
}

/// Opens a file beneath `folder`, through no link. Never waits: a FIFO is opened without a writer and then refused
/// by its type.
fn open_beneath(folder: BorrowedFd<'_>, path: &EntryPath) -> rustix::io::Result<OwnedFd> {
    resolve(folder, path, READ | OFlags::NOFOLLOW | OFlags::NONBLOCK)
}

pub(crate) fn open_folder_beneath(folder: BorrowedFd<'_>, path: &EntryPath) -> rustix::io::Result<OwnedFd> {
    resolve(folder, path, READ | OFlags::NOFOLLOW | OFlags::DIRECTORY)
}

fn resolve(folder: BorrowedFd<'_>, path: &EntryPath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // Kernels before 5.6 have no openat2; some sandboxes forbid it. Again, and another device: a rename raced with the
    // look-up. The second is a folder that was found beneath, and was not there any more at the end.
    match rustix::fs::openat2(folder, path.as_str(), flags, Mode::empty(), within) {
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN | Errno::XDEV) => step_by_step(folder, path, flags),
        other => other,
    }
}

/// The same resolution, one component at a time: each is opened without following a link, from the descriptor of
/// the one before. [`EntryPath`] has no `..`, so it cannot lead up.
fn step_by_step(folder: BorrowedFd<'_>, path: &EntryPath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut held: Option<OwnedFd> = None;
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        let at = held.as_ref().map_or(folder, AsFd::as_fd);
        let inner = READ | OFlags::NOFOLLOW | OFlags::DIRECTORY;
        let flags = if components.peek().is_some() { inner } else { flags };
        let next = match rustix::fs::openat(at, component, flags, Mode::empty()) {
            // With O_DIRECTORY, a link is "not a directory" to some kernels.
            Err(Errno::NOTDIR) if is_link(at, component) => return Err(Errno::LOOP),
            other => other?,
        };
        held = Some(next);
    }
    held.ok_or(Errno::INVAL)
}

fn is_link(at: BorrowedFd<'_>, name: &str) -> bool {
    rustix::fs::statat(at, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    type Resolve = fn(BorrowedFd<'_>, &EntryPath, OFlags) -> rustix::io::Result<OwnedFd>;

    #[test]
    fn both_ways_of_resolving_agree() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join("in").join(name);
        fs::create_dir_all(at("real/deep")).unwrap();
        fs::write(folder.path().join("outside"), "secret").unwrap();
        fs::write(at("real/deep/file"), "x").unwrap();
        symlink("real", at("parent")).unwrap();
        symlink("real/deep/file", at("inner")).unwrap();
        symlink("../outside", at("out")).unwrap();
        symlink(folder.path().join("outside"), at("absolute")).unwrap();
        let root = open_folder(rustix::fs::CWD, &at("")).unwrap();
        for resolve in [resolve as Resolve, step_by_step as Resolve] {
            let open = |path: &str| {
                resolve(root.as_fd(), &EntryPath::parse(path).unwrap(), READ | OFlags::NOFOLLOW).map(|_| ())
            };
            assert_eq!(open("real/deep/file"), Ok(()));
            for link in ["parent/deep/file", "inner", "out", "absolute"] {
                assert_eq!(open(link), Err(Errno::LOOP), "{link}");
            }
            assert_eq!(open("gone"), Err(Errno::NOENT));
            assert_eq!(open("real/deep/file/x"), Err(Errno::NOTDIR));
        }
    }

    #[test]
    fn a_folder_that_is_moved_out_meanwhile_is_there_or_gone() {
        use std::sync::atomic::{AtomicBool, Ordering};

        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in/part"), folder.path().join("away"));
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join("f"), "x").unwrap();
        let root = open_folder(rustix::fs::CWD, &folder.path().join("in")).unwrap();
        let path = EntryPath::parse("part/f").unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    fs::rename(&inside, &outside).unwrap();
                    fs::rename(&outside, &inside).unwrap();
                }
            });
            let mut opened: Vec<_> =
                (0..300_000).map(|_| open_beneath(root.as_fd(), &path).map(drop).err()).collect();
            is_over.store(true, Ordering::Relaxed);
            opened.sort_by_key(|error| error.map(Errno::raw_os_error));
            opened.dedup();
            assert!(opened.iter().flatten().all(|error| *error == Errno::NOENT), "{opened:?}");
        });
    }

    #[test]
    fn the_descriptor_outlives_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::create_dir(&old).unwrap();
        fs::write(old.join("f"), "mine").unwrap();
        let root = Root::open(&old, Links::Refuse).unwrap();
        fs::rename(&old, &new).unwrap();
        fs::create_dir(&old).unwrap();
        fs::write(old.join("f"), "theirs").unwrap();
        let file = root.open_file(&EntryPath::parse("f").unwrap()).unwrap();
        assert_eq!(io::read_to_string(file).unwrap(), "mine");
    }

    #[test]
    fn a_model_of_one_file_is_that_file_and_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        fs::write(&file, "x").unwrap();
        let root = Root::open(&file, Links::Refuse).unwrap();
        assert_eq!(root.only_file().unwrap().as_str(), "model.gguf");
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        assert_eq!(Root::open(&link, Links::Refuse).unwrap_err().code(), "E-INPUT-TYPE");
        assert_eq!(Root::open(&folder.path().join("gone"), Links::Refuse).unwrap_err().code(), "E-NOT-FOUND");
    }

    #[test]
    fn locates_only_what_lies_inside() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        fs::create_dir_all(model.join("sub")).unwrap();
        let root = Root::open(&model, Links::Refuse).unwrap();
        let located = |path: PathBuf| root.locate(&path).map(|path| path.as_str().to_owned());
        assert_eq!(located(model.join("model.sig")).as_deref(), Some("model.sig"));
        assert_eq!(located(model.join("sub/../sub/x.sig")).as_deref(), Some("sub/x.sig"));
        assert_eq!(located(folder.path().join("model.sig")), None);
    }
}
