//! A hidden folder beside the wanted one, which becomes the wanted one in a single step or disappears.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lacre_manifest::escape_os;
use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock};
use rustix::io::Errno;

use crate::DeliverError;

/// What happens to a folder that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It is left alone, unless it is empty.
    Refuse,
    /// It is replaced as a whole, in one step; unless the current or the home folder lies in it.
    Replace,
}

/// Whether a folder may be made at `path`: there is nothing that it would hide, or that may be replaced.
///
/// # Errors
/// `E-EXISTS`.
pub fn may_write(path: &Path, overwrite: Overwrite) -> Result<(), DeliverError> {
    let refused = match overwrite {
        Overwrite::Refuse => is_taken(path),
        Overwrite::Replace => is_lived_in(path),
    };
    if refused || path.file_name().is_none() {
        return Err(DeliverError::Exists { path: escape_os(path.as_os_str()) });
    }
    Ok(())
}

/// The hidden folder beside the wanted one: the model as it grows, and the journal of it.
///
/// Its name is made of the wanted one and of `mark`, what is being fetched, so that a later attempt at the same finds it.
/// Dropped before [`expose`](Staging::expose), it is removed with all that is in it, unless it was
/// [left](Staging::leave) for such an attempt.
#[derive(Debug)]
pub(crate) struct Staging {
    hidden: PathBuf,
    model: PathBuf,
    wanted: PathBuf,
    overwrite: Overwrite,
    above: Above,
    journal: File,
    found: Found,
    left: bool,
}

/// What the hidden folder was when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Made just now.
    Nothing,
    /// Left by an earlier attempt.
    Leftovers,
}

const MODEL: &str = "model";
const JOURNAL: &str = "journal";
/// Hidden folders that are tried when others are at work in them.
const MOST_AT_ONCE: u32 = 1000;

/// Folders that are made on the way to a place, innermost first. Those that nothing came to lie in are removed.
#[derive(Debug)]
struct Above(Vec<PathBuf>);

impl Above {
    fn missing(folder: &Path) -> Self {
        let missing = folder.ancestors().take_while(|above| fs::symlink_metadata(above).is_err());
        Self(missing.filter(|above| !above.as_os_str().is_empty()).map(Path::to_path_buf).collect())
    }
}

impl Drop for Above {
    fn drop(&mut self) {
        for folder in &self.0 {
            // Only ever an empty one: where the model arrived, this does nothing.
            let _ = fs::remove_dir(folder);
        }
    }
}

impl Staging {
    /// Takes the folder for `mark` beside `wanted`, for this user only: the one that an earlier attempt left, or a new one.
    pub(crate) fn beside(wanted: &Path, overwrite: Overwrite, mark: &str) -> Result<Self, DeliverError> {
        may_write(wanted, overwrite)?;
        let parent = parent(wanted);
        let failed = |source| DeliverError::Output { path: escape_os(parent.as_os_str()), source };
        let above = Above::missing(parent);
        fs::create_dir_all(parent).map_err(failed)?;
        for attempt in 0..MOST_AT_ONCE {
            let mut name = prefix(wanted);
            name.push(mark);
            if attempt > 0 {
                name.push(format!("-{attempt}"));
            }
            let hidden = parent.join(name);
            let found = match DirBuilder::new().mode(0o700).create(&hidden) {
                Ok(()) => Found::Nothing,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Found::Leftovers,
                Err(error) => return Err(failed(error)),
            };
            let Some(journal) = take(&hidden) else { continue };
            let model = hidden.join(MODEL);
            let staging = Self {
                hidden,
                model,
                wanted: wanted.to_path_buf(),
                overwrite,
                above,
                journal,
                found,
                left: false,
            };
            return match DirBuilder::new().mode(0o700).create(&staging.model) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
                _ => Ok(staging),
            };
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }

    /// The folder that becomes the wanted one.
    pub(crate) fn path(&self) -> &Path {
        &self.model
    }

    /// The journal of this work, held by this process alone.
    pub(crate) fn journal(&self) -> &File {
        &self.journal
    }

    /// Whether an earlier attempt left something.
    pub(crate) fn found(&self) -> Found {
        self.found
    }

    /// Throws away what an earlier attempt left.
    pub(crate) fn clear(&mut self) -> Result<(), DeliverError> {
        let failed = |source| DeliverError::Output { path: escape_os(self.model.as_os_str()), source };
        fs::remove_dir_all(&self.model).map_err(failed)?;
        DirBuilder::new().mode(0o700).create(&self.model).map_err(failed)?;
        self.found = Found::Nothing;
        Ok(())
    }

    /// Leaves the folder as it is, for a later attempt.
    pub(crate) fn leave(mut self) {
        self.left = true;
        self.above.0.clear();
    }

    /// Writes a further file, which must not be there yet.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DeliverError> {
        let path = self.model.join(name);
        File::create_new(&path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|source| DeliverError::Output { path: escape_os(path.as_os_str()), source })
    }

    /// Makes everything durable, and the hidden folder the wanted one, in one step.
    pub(crate) fn expose(self) -> Result<(), DeliverError> {
        let failed = |source| DeliverError::Output { path: escape_os(self.wanted.as_os_str()), source };
        // One flush of the file system instead of one for each of many files.
        File::open(&self.model).and_then(|folder| Ok(rustix::fs::syncfs(folder)?)).map_err(failed)?;
        fs::set_permissions(&self.model, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        match (fs::rename(&self.model, &self.wanted), self.overwrite) {
            (Ok(()), _) => {}
            (Err(_), Overwrite::Replace) => self.exchange().map_err(failed)?,
            (Err(_), Overwrite::Refuse) if is_taken(&self.wanted) => {
                return Err(DeliverError::Exists { path: escape_os(self.wanted.as_os_str()) });
            }
            (Err(error), Overwrite::Refuse) => return Err(failed(error)),
        }
        let parent = parent(&self.wanted);
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(failed)?;
        forget_others(parent, &self.wanted, &self.hidden);
        Ok(())
    }

    /// Puts the new folder in the place of what is there; the old one is then under the hidden name and is removed
    /// when this value is dropped.
    fn exchange(&self) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, &self.model, CWD, &self.wanted, RenameFlags::EXCHANGE) {
            // File systems without an exchange: there is a moment with neither, never one with half of either.
            Err(Errno::INVAL | Errno::NOSYS) => {
                let old = self.hidden.join("old");
                fs::rename(&self.wanted, &old)?;
                fs::rename(&self.model, &self.wanted)
            }
            other => Ok(other?),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.left {
            // Nothing more can be done about a folder that does not go away.
            let _ = fs::remove_dir_all(&self.hidden);
        }
    }
}

fn parent(wanted: &Path) -> &Path {
    match wanted.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// How the names of hidden folders for `wanted` begin.
fn prefix(wanted: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(wanted.file_name().unwrap_or_default());
    name.push(".lacre-");
    name
}

/// Takes a hidden folder for this process: its journal, if the folder is this user's alone and nobody is at work in it.
fn take(hidden: &Path) -> Option<File> {
    let folder = fs::symlink_metadata(hidden).ok()?;
    let mine = folder.uid() == rustix::process::geteuid().as_raw();
    if !folder.is_dir() || !mine || folder.mode() & 0o077 != 0 {
        return None;
    }
    let path = hidden.join(JOURNAL);
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(flags);
    let journal = options.open(&path).ok()?;
    flock(&journal, FlockOperation::NonBlockingLockExclusive).ok()?;
    // Whoever held it before may just have removed it.
    let (here, held) = (fs::symlink_metadata(&path).ok()?, journal.metadata().ok()?);
    (held.is_file() && (here.dev(), here.ino()) == (held.dev(), held.ino())).then_some(journal)
}

/// Removes what attempts at other versions left for the same place, now that something is there.
fn forget_others(parent: &Path, wanted: &Path, own: &Path) {
    let prefix = prefix(wanted);
    let Ok(listed) = fs::read_dir(parent) else { return };
    for entry in listed.flatten() {
        let path = entry.path();
        let other = entry.file_name().as_bytes().starts_with(prefix.as_bytes()) && path != own;
        if other && path.join(JOURNAL).exists() && take(&path).is_some() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether there is something at `path` that a new folder would hide: anything but an empty folder.
fn is_taken(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        // What cannot be looked at cannot be written either; trying to will say why.
        Err(_) => false,
        Ok(metadata) if metadata.is_dir() => {
            fs::read_dir(path).map_or(true, |mut listed| listed.next().is_some())
        }
        Ok(_) => true,
    }
}

/// Whether replacing the folder at `path` would take the current or the home folder away.
fn is_lived_in(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let homes = [std::env::current_dir().ok(), std::env::home_dir()];
    homes
        .into_iter()
        .flatten()
        .filter_map(|home| home.canonicalize().ok())
        .any(|home| home.starts_with(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(folder: &Path) -> Vec<std::ffi::OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_that_someone_lives_in() {
        let here = std::env::current_dir().unwrap();
        assert!(is_lived_in(&here) && is_lived_in(here.parent().unwrap()) && is_lived_in(Path::new("/")));
        assert!(is_lived_in(Path::new(".")) && is_lived_in(Path::new("..")));
        assert!(is_lived_in(&here.join("src/..")), "however it is written");
        assert!(!is_lived_in(&here.join("src")), "what lies below may be replaced");
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_lived_in(folder.path()) && !is_lived_in(&folder.path().join("nowhere")));
        // A name that only begins like that of the current folder.
        let mut longer = here.into_os_string();
        longer.push("-not");
        assert!(!is_lived_in(Path::new(&longer)));
    }

    #[test]
    fn what_is_not_exposed_disappears() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("wanted");
        let staging = Staging::beside(&wanted, Overwrite::Refuse, "m").unwrap();
        let hidden = staging.path().parent().unwrap().to_path_buf();
        for made in [&hidden, staging.path()] {
            let mode = fs::metadata(made).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "nobody else sees what is not proven");
        }
        assert_eq!(hidden.parent(), Some(folder.path()), "on the same file system");
        fs::create_dir_all(staging.path().join("a/b")).unwrap();
        staging.write("a/b/c", b"x").unwrap();
        assert_eq!(staging.write("a/b/c", b"y").unwrap_err().code(), "E-OUTPUT");
        drop(staging);
        assert!(listed(folder.path()).is_empty());
    }

    #[test]
    fn what_was_left_is_found_by_an_attempt_at_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("wanted");
        let staging = |mark: &str| Staging::beside(&wanted, Overwrite::Refuse, mark).unwrap();
        let first = staging("m");
        assert_eq!(first.found(), Found::Nothing);
        first.write("part", b"x").unwrap();
        first.leave();
        let other = staging("n");
        assert_eq!(other.found(), Found::Nothing);
        other.leave();
        let mut second = staging("m");
        assert_eq!(second.found(), Found::Leftovers);
        assert_eq!(listed(second.path()), ["part"]);
        second.clear().unwrap();
        assert!(listed(second.path()).is_empty());
        second.write("mine", b"x").unwrap();
        second.expose().unwrap();
        assert_eq!(listed(folder.path()), ["wanted"], "what was left of another version goes");
        assert_eq!(listed(&wanted), ["mine"]);
    }

    #[test]
    fn of_two_at_work_each_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("wanted");
        let one = Staging::beside(&wanted, Overwrite::Refuse, "m").unwrap();
        let two = Staging::beside(&wanted, Overwrite::Refuse, "m").unwrap();
        assert_ne!(one.path(), two.path());
        one.write("one", b"x").unwrap();
        one.expose().unwrap();
        assert!(two.path().exists(), "what is at work is not removed");
        drop(two);
        assert_eq!(listed(folder.path()), ["wanted"]);
    }

    /// A folder that others can write to, a link, a file: what lies there was not left by us.
    #[test]
    fn what_somebody_planted_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("wanted");
        let planted = folder.path().join(".wanted.lacre-m");
        fs::create_dir_all(planted.join("model/planted")).unwrap();
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o770)).unwrap();
        std::os::unix::fs::symlink(&planted, folder.path().join(".wanted.lacre-m-1")).unwrap();
        fs::write(folder.path().join(".wanted.lacre-m-2"), "x").unwrap();
        let staging = Staging::beside(&wanted, Overwrite::Refuse, "m").unwrap();
        assert_eq!(staging.found(), Found::Nothing);
        assert!(staging.path().starts_with(folder.path().join(".wanted.lacre-m-3")));
        staging.write("mine", b"x").unwrap();
        staging.expose().unwrap();
        assert_eq!(listed(&wanted), ["mine"]);
        assert!(planted.join("model/planted").exists());
    }

    #[test]
    fn what_came_to_be_there_meanwhile_is_not_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("wanted");
        let staging = Staging::beside(&wanted, Overwrite::Refuse, "m").unwrap();
        fs::create_dir(&wanted).unwrap();
        fs::write(wanted.join("theirs"), "x").unwrap();
        assert_eq!(staging.expose().unwrap_err().code(), "E-EXISTS");
        assert_eq!(listed(&wanted), ["theirs"]);
        assert_eq!(listed(folder.path()), ["wanted"]);
    }
}
