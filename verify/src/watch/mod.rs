//! Noticing that a model may have changed, so that it can be proven again.

mod eyes;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lacre_manifest::{Links, escape_os};
use rustix::fs::inotify::{self, CreateFlags};
use rustix::io::Errno;

use crate::VerifyError;
use eyes::{Eyes, Seen};

/// No event for so long: whoever was writing is done.
const QUIET: Duration = Duration::from_millis(250);

/// Whoever is never done is looked at after so long.
const NOT_LATER: Duration = Duration::from_secs(5);

/// The longest wait before somebody is asked again whether it is still wanted.
const STEP: Duration = Duration::from_millis(250);

/// Wakes a running service when its model may have changed, or when it is time to prove it again.
///
/// An event is a reason to look, and proves nothing: each proof opens everything anew. It is the clock that finds in the
/// end what the kernel tells nobody about: writes through another hard link or from another machine, a write through a
/// shared mapping that is still open, a link moved far above the model. So choose an interval that you can live with.
///
/// What is watched: the model's folder with all folders in it, or the one file; its name in the folder above it (a
/// model that is replaced by renaming, a link `current` that is turned to another version); the signature, wherever it
/// lies; the blobs of a Hugging Face cache, where links may lead there.
///
/// Nothing is lost between two calls of [`wait`](Self::wait): what changes while a proof is running wakes the next call
/// at once.
///
/// ```no_run
/// use std::num::NonZeroU64;
/// use std::time::Duration;
/// use lacre_verify::{
///     Hold, Links, NoProgress, Paced, PublicKey, Requirements, Trust, Unverified, Watch, Woken,
/// };
///
/// let key = PublicKey::from_pem(&std::fs::read_to_string("release.pub")?)?;
/// let requirements = Requirements::new(Trust::keys([key])?).expect_name("org/mini-lm");
/// let rate = NonZeroU64::new(500_000_000).ok_or("a rate above zero")?;
/// let model = std::path::Path::new("mini-lm");
///
/// let mut watch = Watch::new(model, None, Links::Refuse);
/// loop {
///     if let Some(trouble) = watch.trouble() {
///         eprintln!("proven on schedule only: {trouble}");
///     }
///     let proof = Unverified::open(model, None, Links::Refuse, &requirements).and_then(|model| {
///         model.verify(&requirements, &Hold::Nothing, &Paced::new(&NoProgress, rate))
///     });
///     if let Err(failure) = proof {
///         return Err(format!("{}: {failure}", failure.code()).into());
///     }
///     if watch.wait(Duration::from_mins(10), &|| false) == Woken::Interrupted {
///         break;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Watch {
    scene: Scene,
    eyes: Option<Eyes>,
    trouble: Trouble,
}

/// Why [`Watch::wait`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something was written, renamed, added, removed or touched, and has been quiet for a moment since.
    Changed,
    /// The time is over.
    Due,
    /// The caller asked to stop.
    Interrupted,
}

impl Watch {
    /// Begins to watch the model at `path` (a folder or a file, which need not exist yet) and its signature: the one
    /// at `signature`, or where it lies by default. Begin before the first proof: what changes later wakes.
    ///
    /// It never fails. If the system does not let it see changes, the clock remains, and
    /// [`trouble`](Self::trouble) tells why.
    pub fn new(path: &Path, signature: Option<&Path>, links: Links) -> Self {
        let signature = signature.map(Path::to_path_buf);
        let scene = Scene { model: path.to_path_buf(), signature, links };
        let mut watch = Self { scene, eyes: None, trouble: Trouble::None };
        watch.look();
        watch
    }

    /// Why changes are not seen, once: `E-UNREADABLE`, with the cause. Usually a limit of the system on watches
    /// (`fs.inotify.max_user_watches`, `max_user_instances`). The clock goes on, and each time that it is due the watch is tried
    /// again.
    pub fn trouble(&mut self) -> Option<VerifyError> {
        match std::mem::replace(&mut self.trouble, Trouble::Told) {
            Trouble::New(error) => Some(error),
            other => {
                self.trouble = other;
                None
            }
        }
    }

    /// Waits until something changes, until `timeout` is over, or until `cancelled` says so, which is asked several
    /// times a second. After a change it waits until nothing has changed for 250 ms, but not longer than 5 s: a copy that
    /// is being made is proven once, when it is whole.
    pub fn wait(&mut self, timeout: Duration, cancelled: &dyn Fn() -> bool) -> Woken {
        let due = Instant::now().checked_add(timeout);
        loop {
            if cancelled() {
                return Woken::Interrupted;
            }
            let left = due.map_or(STEP, |due| due.saturating_duration_since(Instant::now()));
            if self.sees_change(left.min(STEP)) {
                return self.settle(cancelled);
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                // Whatever moved where nobody looked: from now on it is looked at again.
                self.look();
                return Woken::Due;
            }
        }
    }

    fn settle(&mut self, cancelled: &dyn Fn() -> bool) -> Woken {
        let first = Instant::now();
        let mut last = first;
        loop {
            if cancelled() {
                return Woken::Interrupted;
            }
            if self.sees_change(QUIET.saturating_sub(last.elapsed())) {
                last = Instant::now();
            }
            if last.elapsed() >= QUIET || first.elapsed() >= NOT_LATER {
                return Woken::Changed;
            }
        }
    }

    /// Whether something changes within `time`; new folders are watched from then on.
    fn sees_change(&mut self, time: Duration) -> bool {
        let Some(eyes) = &self.eyes else {
            std::thread::sleep(time);
            return false;
        };
        match eyes.wait(time) {
            Ok(Seen::Nothing) => false,
            Ok(Seen::Change) => true,
            Ok(Seen::Shape) => {
                self.look();
                true
            }
            // What could have been told is unknown, so it counts as a change.
            Err(error) => {
                self.go_blind(error);
                true
            }
        }
    }

    /// Watches what is there now. What happened before is for the next proof to find.
    fn look(&mut self) {
        // Two at once would count twice against the limits.
        self.eyes = None;
        self.look_with(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK));
    }

    fn look_with(&mut self, queue: rustix::io::Result<OwnedFd>) {
        match queue.and_then(|queue| Eyes::open(queue, &self.scene)) {
            Ok(eyes) => self.eyes = Some(eyes),
            Err(error) => self.go_blind(error),
        }
    }

    fn go_blind(&mut self, error: Errno) {
        self.eyes = None;
        if matches!(self.trouble, Trouble::None) {
            let path = escape_os(self.scene.model.as_os_str());
            // The system's own words for its limits are about disks and files, and mislead.
            let source = match error {
                Errno::NOSPC => io::Error::other("the limit fs.inotify.max_user_watches is reached"),
                Errno::MFILE => io::Error::other("the limit fs.inotify.max_user_instances is reached"),
                other => other.into(),
            };
            self.trouble = Trouble::New(VerifyError::Unwatched { path, source });
        }
    }
}

#[derive(Debug)]
enum Trouble {
    None,
    New(VerifyError),
    Told,
}

/// What is to be watched, as the caller named it.
#[derive(Debug)]
struct Scene {
    model: PathBuf,
    signature: Option<PathBuf>,
    links: Links,
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    const NEVER: &dyn Fn() -> bool = &|| false;

    #[test]
    fn without_eyes_the_clock_goes_on_and_the_trouble_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let null = || File::open("/dev/null").unwrap().into();
        for (queue, why) in [
            (Err(Errno::NOSPC), "max_user_watches"),
            (Err(Errno::MFILE), "max_user_instances"),
            (Ok(null()), "Invalid argument"),
        ] {
            let mut watch = Watch::new(folder.path(), None, Links::Refuse);
            assert!(watch.trouble().is_none());
            watch.eyes = None;
            watch.look_with(queue);
            let trouble = watch.trouble().unwrap();
            assert_eq!(trouble.code(), "E-UNREADABLE");
            let cause = std::error::Error::source(&trouble).unwrap().to_string();
            assert!(cause.contains(why), "{cause}");
            assert!(watch.trouble().is_none());
            watch.look_with(Err(Errno::MFILE));
            assert!(watch.trouble().is_none(), "told before");
            assert_eq!(watch.wait(Duration::ZERO, &|| true), Woken::Interrupted);
            assert_eq!(watch.wait(Duration::ZERO, NEVER), Woken::Due);
            fs::write(folder.path().join("new"), "x").unwrap();
            assert_eq!(watch.wait(Duration::MAX, NEVER), Woken::Changed, "it sees again once it can");
            fs::remove_file(folder.path().join("new")).unwrap();
        }
    }

    #[test]
    fn a_queue_that_cannot_be_read_counts_as_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path(), None, Links::Refuse);
        let queue = File::open(folder.path()).unwrap().into();
        watch.eyes = Some(Eyes::over(queue));
        assert_eq!(watch.wait(Duration::MAX, NEVER), Woken::Changed);
        assert!(watch.trouble().is_some());
    }
}
