//! What inotify is asked to see, and what its events tell.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lacre_manifest::Links;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::Scene;

/// What names in a folder come and go by.
const NAMES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// The same, and what content and metadata change by. Opening, reading and closing what was read is none of it: the
/// verifier must not wake itself.
const ALL: WatchFlags =
    NAMES.union(WatchFlags::MODIFY).union(WatchFlags::ATTRIB).union(WatchFlags::CLOSE_WRITE);

/// What is watched.
#[derive(Debug)]
pub(super) struct Eyes {
    queue: OwnedFd,
    /// By watch descriptor.
    folders: HashMap<i32, Interest>,
}

/// Which names in a folder matter.
#[derive(Debug)]
enum Interest {
    All,
    These(BTreeSet<OsString>),
}

/// What events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    Nothing,
    /// Something may have changed.
    Change,
    /// And what is to be watched may have changed, too.
    Shape,
}

impl Eyes {
    /// Sees nothing yet.
    pub(super) fn over(queue: OwnedFd) -> Self {
        Self { queue, folders: HashMap::new() }
    }

    /// Watches all that belongs to `scene`, as it is there now.
    pub(super) fn open(queue: OwnedFd, scene: &Scene) -> rustix::io::Result<Self> {
        let mut eyes = Self::over(queue);
        // Names first: what they lead to is looked up only when a change of them would be seen.
        eyes.add_name(&scene.model, NAMES)?;
        let located = scene.model.canonicalize().ok();
        let mut signature = scene.signature.clone();
        if let Some(folder) = located.filter(|located| located.is_dir()) {
            // `models--ORG--NAME/snapshots/REV` has its bytes in `models--ORG--NAME/blobs`.
            if scene.links == Links::HfCache
                && let Some(cache) = folder.ancestors().nth(2)
            {
                eyes.add_folder(&cache.join("blobs"))?;
            }
            eyes.add_tree(folder)?;
        } else {
            eyes.add_name(&scene.model, ALL)?;
            signature = signature.or_else(|| {
                let mut beside = scene.model.clone().into_os_string();
                beside.push(".sig");
                Some(beside.into())
            });
        }
        if let Some(signature) = signature {
            eyes.add_name(&signature, ALL)?;
            if let Ok(located) = signature.canonicalize() {
                eyes.add_name(&located, ALL)?;
            }
        }
        Ok(eyes)
    }

    /// Watches for a name in its folder; while the folder does not exist, for what will lead to it.
    fn add_name(&mut self, path: &Path, events: WatchFlags) -> rustix::io::Result<()> {
        let Ok(absolute) = std::path::absolute(path) else { return Ok(()) };
        for path in absolute.ancestors() {
            // `/` and what ends in `..` have no name that could be moved.
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
            if let Some(descriptor) = self.add(folder, events)? {
                let interest = self.folders.entry(descriptor).or_insert(Interest::These(BTreeSet::new()));
                if let Interest::These(names) = interest {
                    names.insert(name.to_owned());
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Watches a folder with all folders in it. Each is watched before it is read: what appears in it meanwhile is
    /// found by one or the other.
    fn add_tree(&mut self, folder: PathBuf) -> rustix::io::Result<()> {
        let mut ahead = vec![folder];
        while let Some(folder) = ahead.pop() {
            if !self.add_folder(&folder)? {
                continue;
            }
            // What cannot be read is for the proof to refuse.
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            ahead.extend(folders.map(|entry| entry.path()));
        }
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path) -> rustix::io::Result<bool> {
        let descriptor = self.add(folder, ALL | WatchFlags::DONT_FOLLOW)?;
        Ok(descriptor.map(|descriptor| self.folders.insert(descriptor, Interest::All)).is_some())
    }

    /// Watches a folder in addition to what it is watched for already, if it is there and may be read.
    fn add(&self, folder: &Path, events: WatchFlags) -> rustix::io::Result<Option<i32>> {
        let flags = events | WatchFlags::MASK_ADD | WatchFlags::ONLYDIR;
        match inotify::add_watch(&self.queue, folder, flags) {
            Ok(descriptor) => Ok(Some(descriptor)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for events, and takes all that are there.
    pub(super) fn wait(&self, time: Duration) -> rustix::io::Result<Seen> {
        let timeout = Timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&self.queue, PollFlags::IN)], Some(&timeout)) {
            // A signal: the caller looks whether it was meant for it.
            Ok(0) | Err(Errno::INTR) => return Ok(Seen::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = Reader::new(&self.queue, &mut buffer);
        let mut seen = Seen::Nothing;
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    seen = seen.max(meaning(self.folders.get(&event.wd()), event.events(), name));
                }
                Err(Errno::AGAIN) => return Ok(seen),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What one event tells, of a folder in which `interest` says what matters.
fn meaning(interest: Option<&Interest>, events: ReadFlags, name: Option<&OsStr>) -> Seen {
    const COMES_OR_GOES: ReadFlags =
        ReadFlags::CREATE.union(ReadFlags::DELETE).union(ReadFlags::MOVED_FROM).union(ReadFlags::MOVED_TO);
    const LOST: ReadFlags = ReadFlags::DELETE_SELF
        .union(ReadFlags::MOVE_SELF)
        .union(ReadFlags::IGNORED)
        .union(ReadFlags::UNMOUNT)
        .union(ReadFlags::QUEUE_OVERFLOW);
    let moves = events.intersects(COMES_OR_GOES);
    match interest {
        _ if events.intersects(LOST) => Seen::Shape,
        None => Seen::Shape,
        Some(Interest::All) if moves && events.contains(ReadFlags::ISDIR) => Seen::Shape,
        Some(Interest::All) => Seen::Change,
        Some(Interest::These(names)) => match name {
            Some(name) if names.contains(name) => {
                if moves {
                    Seen::Shape
                } else {
                    Seen::Change
                }
            }
            _ => Seen::Nothing,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_change_where_it_matters() {
        let these = Interest::These(BTreeSet::from([OsString::from("m")]));
        let of = |interest, events, name: &str| meaning(Some(interest), events, Some(name.as_ref()));
        let folder_made = ReadFlags::CREATE | ReadFlags::ISDIR;
        assert_eq!(of(&Interest::All, ReadFlags::MODIFY, "x"), Seen::Change);
        assert_eq!(of(&Interest::All, ReadFlags::CREATE, "x"), Seen::Change);
        assert_eq!(of(&Interest::All, folder_made, "x"), Seen::Shape);
        assert_eq!(of(&Interest::All, ReadFlags::ATTRIB | ReadFlags::ISDIR, "x"), Seen::Change);
        assert_eq!(of(&these, ReadFlags::MODIFY, "m"), Seen::Change);
        assert_eq!(of(&these, ReadFlags::MOVED_TO, "m"), Seen::Shape, "a link that is turned is no folder");
        assert_eq!(of(&these, folder_made, "x"), Seen::Nothing);
        assert_eq!(meaning(Some(&these), ReadFlags::ATTRIB, None), Seen::Nothing);
    }

    #[test]
    fn what_is_lost_or_unknown_is_looked_at_anew() {
        let these = Interest::These(BTreeSet::new());
        for lost in [
            ReadFlags::DELETE_SELF,
            ReadFlags::MOVE_SELF,
            ReadFlags::IGNORED,
            ReadFlags::UNMOUNT,
            ReadFlags::QUEUE_OVERFLOW,
        ] {
            for interest in [None, Some(&these), Some(&Interest::All)] {
                assert_eq!(meaning(interest, lost, None), Seen::Shape, "{lost:?}");
            }
        }
        assert_eq!(meaning(None, ReadFlags::MODIFY, None), Seen::Shape);
    }
}
