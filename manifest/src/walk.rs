//! Listing a model: every file, and everything that is no file.

use std::collections::HashSet;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType, Stat};
use serde::Serialize;

use crate::ManifestError;
use crate::path::{EntryPath, PathError, escape, escape_os};
use crate::root::{Root, open_folder_beneath};

/// What the OMS reference implementation leaves out at the root of a model unless told otherwise.
pub const DEFAULT_IGNORES: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// Deepest nesting of folders.
const MAX_DEPTH: usize = 64;
/// Most names in one model.
const MAX_NAMES: usize = 16_000_000;
/// The one bit of a mode that is signed: what git keeps, and the same under every umask.
const OWNER_EXECUTES: u32 = 0o100;
/// Set-user-id, set-group-id and sticky: no file of a model has a use for them.
const SPECIAL_BITS: u32 = 0o7000;

/// What is left out of a walk, by exact path.
#[derive(Debug, Clone, Default)]
pub struct Exclusions {
    /// Files and folders that are not looked into.
    pub ignore: Vec<EntryPath>,
    /// The signature file itself.
    pub signature: Option<EntryPath>,
}

/// What lies in a model.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Regular files, in code-point order.
    pub files: Vec<TreeFile>,
    /// What is no regular file, or has a name that cannot be signed; in order of name.
    pub foreign: Vec<Foreign>,
    /// What was left out; in order of path.
    pub excluded: Vec<Excluded>,
    /// Folders in which there is neither a file nor a further folder, left out ones aside; in code-point order.
    pub empty_folders: Vec<EntryPath>,
    /// Files that their owner may execute, in code-point order.
    pub executable: Vec<EntryPath>,
    /// Files with a set-user-id, set-group-id or sticky bit, in code-point order.
    pub special: Vec<EntryPath>,
    /// Links that were followed (see [`Links`](crate::Links)), in code-point order.
    pub links: Vec<FollowedLink>,
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Where it lies.
    pub path: EntryPath,
    /// Its size in bytes when it was listed.
    pub size: u64,
}

/// Something that is no regular file with a name that can be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreign {
    /// Its path, safe for a terminal.
    pub name: String,
    /// What it is.
    pub kind: ForeignKind,
}

/// What a foreign thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ForeignKind {
    /// A block or character device.
    Device,
    /// A named pipe.
    Fifo,
    /// A folder where a file was wanted.
    Folder,
    /// A name that is no [`EntryPath`] (it holds a backslash or is too long).
    Name,
    /// A name that is not UTF-8.
    NameNotUtf8,
    /// A socket.
    Socket,
    /// A symbolic link.
    Symlink,
    /// Something this program does not know.
    Unknown,
}

impl ForeignKind {
    /// Whether its name is the trouble, not what it is.
    pub const fn is_about_the_name(self) -> bool {
        matches!(self, Self::Name | Self::NameNotUtf8)
    }

    pub(crate) fn of(kind: FileType) -> Self {
        match kind {
            FileType::BlockDevice | FileType::CharacterDevice => Self::Device,
            FileType::Fifo => Self::Fifo,
            FileType::Directory => Self::Folder,
            FileType::Socket => Self::Socket,
            FileType::Symlink => Self::Symlink,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn of_metadata(kind: std::fs::FileType) -> Self {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_symlink() {
            Self::Symlink
        } else if kind.is_fifo() {
            Self::Fifo
        } else if kind.is_socket() {
            Self::Socket
        } else if kind.is_block_device() || kind.is_char_device() {
            Self::Device
        } else {
            Self::Unknown
        }
    }
}

impl fmt::Display for ForeignKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Device => "is a device",
            Self::Fifo => "is a FIFO",
            Self::Folder => "is a folder",
            Self::Name => "has a name that cannot be signed (a backslash, or too long)",
            Self::NameNotUtf8 => "has a name that is not UTF-8",
            Self::Socket => "is a socket",
            Self::Symlink => "is a symbolic link",
            Self::Unknown => "is no regular file",
        })
    }
}

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excluded {
    /// Its path, safe for a terminal; a folder ends with `/` and stands for everything in it.
    pub path: String,
    /// Why.
    pub reason: ExcludedReason,
}

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExcludedReason {
    /// It stands in the list of ignored paths that is (or will be) signed.
    Ignored,
    /// It is the signature.
    Signature,
    /// It is not signed, and who verifies allowed that by name.
    UnsignedAllowed,
}

impl fmt::Display for ExcludedReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ignored => "ignored by the signature",
            Self::Signature => "the signature itself",
            Self::UnsignedAllowed => "unsigned, allowed by --allow-unsigned",
        })
    }
}

/// A symbolic link that was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FollowedLink {
    /// The link, relative to the model.
    pub path: EntryPath,
    /// Where it leads, relative to the cache.
    pub target: EntryPath,
}

/// Lists everything in the model. Nothing is opened but folders, and no link is followed but those that the root
/// allows.
pub fn walk(root: &Root, exclusions: &Exclusions) -> Result<Tree, ManifestError> {
    let signature = exclusions.signature.as_ref();
    let ignore = exclusions.ignore.iter().collect();
    let mut walk = Walk { root, signature, ignore, tree: Tree::default(), names: 0 };
    match root.only_file() {
        Some(only) => walk.name(root.folder(), only.as_str(), only.clone(), 0)?,
        None => walk.folder(root.folder(), None, 0)?,
    };
    let mut tree = walk.tree;
    tree.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    tree.foreign.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    tree.excluded.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    tree.empty_folders.sort_unstable();
    tree.executable.sort_unstable();
    tree.special.sort_unstable();
    tree.links.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(tree)
}

struct Walk<'a> {
    root: &'a Root,
    signature: Option<&'a EntryPath>,
    ignore: HashSet<&'a EntryPath>,
    tree: Tree,
    names: usize,
}

impl Walk<'_> {
    /// Lists a folder; says whether it held anything that is not left out.
    fn folder(
        &mut self,
        at: BorrowedFd<'_>,
        path: Option<&EntryPath>,
        depth: usize,
    ) -> Result<bool, ManifestError> {
        let shown = path.map_or(self.root.name(), EntryPath::as_str);
        if depth > MAX_DEPTH {
            return Err(ManifestError::Limit { what: "levels of folders", limit: MAX_DEPTH });
        }
        let failed = |error| ManifestError::reading(shown, error);
        let mut any = false;
        for listed in Dir::read_from(at).map_err(failed)? {
            let listed = listed.map_err(failed)?;
            let bytes = listed.file_name();
            if matches!(bytes.to_bytes(), b"." | b"..") {
                continue;
            }
            self.names += 1;
            if self.names > MAX_NAMES {
                return Err(ManifestError::Limit { what: "names in a model", limit: MAX_NAMES });
            }
            match entry_path(path, bytes) {
                Ok((name, path)) => any |= self.name(at, &name, path, depth)?,
                Err(foreign) => {
                    any = true;
                    self.tree.foreign.push(foreign);
                }
            }
        }
        Ok(any)
    }

    /// Takes one name of a folder; says whether it is not left out.
    fn name(
        &mut self,
        at: BorrowedFd<'_>,
        name: &str,
        path: EntryPath,
        depth: usize,
    ) -> Result<bool, ManifestError> {
        let failed = |error| ManifestError::reading(path.as_str(), error);
        let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if let Some(reason) = self.excluded(&path) {
            let end = if kind == FileType::Directory { "/" } else { "" };
            self.tree.excluded.push(Excluded { path: format!("{path}{end}"), reason });
            return Ok(false);
        }
        match kind {
            FileType::RegularFile => self.file(path, &stat),
            FileType::Directory => {
                let name = EntryPath::parse(name)?;
                let inner = open_folder_beneath(at, &name).map_err(failed)?;
                if !self.folder(inner.as_fd(), Some(&path), depth + 1)? {
                    self.tree.empty_folders.push(path);
                }
            }
            FileType::Symlink => self.link(path)?,
            other => {
                self.tree.foreign.push(Foreign { name: path.to_string(), kind: ForeignKind::of(other) });
            }
        }
        Ok(true)
    }

    fn file(&mut self, path: EntryPath, stat: &Stat) {
        // Few files have a mode of their own, so only their names are kept.
        if stat.st_mode & OWNER_EXECUTES != 0 {
            self.tree.executable.push(path.clone());
        }
        if stat.st_mode & SPECIAL_BITS != 0 {
            self.tree.special.push(path.clone());
        }
        self.tree.files.push(TreeFile { path, size: size(stat.st_size) });
    }

    /// A link: followed when it is one of the cache's own, else foreign.
    fn link(&mut self, path: EntryPath) -> Result<(), ManifestError> {
        let target =
            self.root.link_target(&path).map_err(|error| ManifestError::reading(path.as_str(), error))?;
        let file_at = |target: &EntryPath| {
            let stat =
                rustix::fs::statat(self.root.cache()?, target.as_str(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
            (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(stat)
        };
        match target.and_then(|target| Some((file_at(&target)?, target))) {
            Some((stat, target)) => {
                self.file(path.clone(), &stat);
                self.tree.links.push(FollowedLink { path, target });
            }
            None => self.tree.foreign.push(Foreign { name: path.to_string(), kind: ForeignKind::Symlink }),
        }
        Ok(())
    }

    fn excluded(&self, path: &EntryPath) -> Option<ExcludedReason> {
        if self.signature == Some(path) {
            return Some(ExcludedReason::Signature);
        }
        self.ignore.contains(path).then_some(ExcludedReason::Ignored)
    }
}

fn entry_path(folder: Option<&EntryPath>, name: &std::ffi::CStr) -> Result<(String, EntryPath), Foreign> {
    let prefix = folder.map(|folder| format!("{}/", folder.as_str())).unwrap_or_default();
    let Ok(text) = name.to_str() else {
        use std::os::unix::ffi::OsStrExt as _;
        let shown = escape_os(std::ffi::OsStr::from_bytes(name.to_bytes()));
        return Err(Foreign { name: escape(&prefix) + &shown, kind: ForeignKind::NameNotUtf8 });
    };
    let full = prefix + text;
    match EntryPath::parse(&full) {
        Ok(path) => Ok((text.to_owned(), path)),
        Err(PathError { .. }) => Err(Foreign { name: escape(&full), kind: ForeignKind::Name }),
    }
}

/// The kernel never reports a negative size; a file system that does gets a size that no read can meet.
fn size(reported: i64) -> u64 {
    u64::try_from(reported).unwrap_or(u64::MAX)
}
