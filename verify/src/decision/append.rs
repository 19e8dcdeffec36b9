//! Writing to a log: under a lock, one line at the end, on the disk before anybody acts on it.
//!
//! The lock is that of the file itself, so that a log can be appended to in a folder where nothing may be made. A process
//! that waited for the lock of a file which has been rotated away meanwhile begins anew.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lacre_attest::LogId;
use lacre_hash::Sha256Digest;
use rustix::fs::{Mode, OFlags};

use super::line::{LINE_LIMIT, Link, NOTHING_BEFORE, Read, Said};
use super::moment::Moment;
use super::problem::LogProblem;
use super::record::Decision;
use crate::VerifyError;

/// Whoever is in the group may read it, as with other logs of a system; the process may mask more.
const MODE: Mode = Mode::from_raw_mode(0o640);
/// Bytes that nearly every line has room in.
const USUAL_LINE: usize = 8 << 10;
/// No link and no terminal; and a FIFO is refused instead of waited for.
const FILE: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NOCTTY).union(OFlags::NONBLOCK);

/// When a log goes on in a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Never.
    Never,
    /// Before a file would become longer than so many bytes. A line is never cut, so that a file may be longer by one.
    AtBytes(NonZeroU64),
}

/// A log of decisions: `FILE`, and, where it was rotated, `FILE.1` (the oldest), `FILE.2` and so on, which never change
/// their names. Several processes may append at once.
///
/// Without a checkpoint nobody can see that lines at the end are missing: see [`check_log`](super::check_log).
#[derive(Debug)]
pub struct DecisionLog {
    path: PathBuf,
    rotation: Rotation,
}

/// Where a decision stands in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Which log it is.
    pub log: LogId,
    /// Which line, over all files, from 0.
    pub index: u64,
    /// SHA-256 of the line, with its line feed.
    pub head: Sha256Digest,
}

impl DecisionLog {
    /// Opens a log, or begins one where there is none. That it can be written, and that its end is whole, is found out now,
    /// before anything is decided.
    ///
    /// # Errors
    /// `E-LOG-WRITE`, `E-LOG-TORN` (see [`repair_log`](super::repair_log)), `E-LOG-LINE` for what is no log, `E-LOG-TRUNCATED`
    /// for an empty file, `E-LOG-MISSING` where only older files of a log are.
    pub fn open(path: &Path, rotation: Rotation, now: SystemTime) -> Result<Self, VerifyError> {
        let this = Self { path: path.to_owned(), rotation };
        let outcome = loop {
            match Held::open(path, OFlags::APPEND) {
                Ok(held) => break held.end().map(|_| ()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => match begin(path, now.into()) {
                    Ok(()) => {}
                    Err(problem) => break Err(problem),
                },
                Err(source) => break Err(LogProblem::Write { doing: "opening it", source }),
            }
        };
        outcome.map_err(|problem| VerifyError::decision_log(path, problem))?;
        Ok(this)
    }

    /// Appends a decision. When this returns, the line has reached the disk; when it fails, the log is as it was, or (when
    /// not even that can be written) ends within a line, which is refused from then on.
    ///
    /// # Errors
    /// Those of [`DecisionLog::open`].
    pub fn append(&self, decision: &Decision) -> Result<Appended, VerifyError> {
        self.try_append(decision).map_err(|problem| VerifyError::decision_log(&self.path, problem))
    }

    fn try_append(&self, decision: &Decision) -> Result<Appended, LogProblem> {
        let mut held = Held::open(&self.path, OFlags::APPEND).map_err(LogProblem::write("opening it"))?;
        let mut end = held.end()?;
        let mut line = Said::Decided(decision).line(&end.next()?);
        if let Rotation::AtBytes(most) = self.rotation
            && end.length.saturating_add(line.len() as u64) > most.get()
            && !held.is_fresh()?
        {
            (held, end) = rotate(&self.path, &held, &end, decision.time)?;
            line = Said::Decided(decision).line(&end.next()?);
        }
        held.append(&line, end.length)?;
        let Link { log, index, .. } = end.next()?;
        Ok(Appended { log, index, head: Sha256Digest::of(&line) })
    }
}

/// A log's file, locked.
pub(super) struct Held {
    pub(super) file: File,
}

/// The end of a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) last: Link,
    /// SHA-256 of the last line.
    pub(super) head: Sha256Digest,
    /// Bytes of the file.
    pub(super) length: u64,
}

impl End {
    /// Where the next line stands.
    pub(super) fn next(&self) -> Result<Link, LogProblem> {
        let index = self.last.index.checked_add(1);
        let index = index.ok_or_else(|| LogProblem::line(0, "its index is the last that there is"))?;
        Ok(Link { index, log: self.last.log, previous: self.head })
    }
}

impl Held {
    /// Opens the file at `path` for reading and writing, and waits for its lock.
    pub(super) fn open(path: &Path, access: OFlags) -> io::Result<Self> {
        loop {
            let file = File::from(rustix::fs::open(path, FILE | OFlags::RDWR | access, Mode::empty())?);
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is no regular file"));
            }
            uninterrupted(|| file.lock())?;
            if is_at(&file, path)? {
                return Ok(Self { file });
            }
        }
    }

    /// The last line, which must be whole.
    pub(super) fn end(&self) -> Result<End, LogProblem> {
        let length = self.file.metadata().map_err(LogProblem::read)?.len();
        if length == 0 {
            return Err(LogProblem::Truncated { found: 0, expected: 1 });
        }
        let tail = self.tail(length)?;
        let Some(whole) = tail.strip_suffix(b"\n") else {
            return Err(LogProblem::Torn { bytes: (tail.len() - after_last_line(&tail)) as u64 });
        };
        let start = after_last_line(whole);
        if start == 0 && length > LINE_LIMIT as u64 {
            return Err(LogProblem::line(0, "its last line is too long"));
        }
        let read = Read::parse(&whole[start..]).map_err(|detail| LogProblem::line(0, &detail))?;
        Ok(End { last: read.link, head: Sha256Digest::of(&tail[start..]), length })
    }

    /// The end of the first `length` bytes: what is behind the last line feed before their last byte, and that line feed; at
    /// most as much as the longest line may have, and one byte more.
    pub(super) fn tail(&self, length: u64) -> Result<Vec<u8>, LogProblem> {
        let mut tail = Vec::new();
        // Nearly every line fits into the first of them.
        for window in [USUAL_LINE, LINE_LIMIT + 1] {
            let start = length.saturating_sub(window as u64);
            tail = vec![0; usize::try_from(length - start).unwrap_or(window)];
            self.file.read_exact_at(&mut tail, start).map_err(LogProblem::read)?;
            let before_last = tail.len().saturating_sub(1);
            if start == 0 || tail[..before_last].contains(&b'\n') {
                break;
            }
        }
        Ok(tail)
    }

    /// The first line of the file.
    fn first(&self) -> Result<(u32, u64), LogProblem> {
        let mut head = vec![0; LINE_LIMIT];
        let mut filled = 0;
        while filled < head.len() {
            match self.file.read_at(&mut head[filled..], filled as u64).map_err(LogProblem::read)? {
                0 => break,
                more => filled += more,
            }
        }
        let end = head[..filled].iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| LogProblem::line(1, "it is too long"))?;
        let read = Read::parse(&head[..end]).map_err(|detail| LogProblem::line(1, &detail))?;
        let number = read.file.ok_or_else(|| LogProblem::line(1, "no file of a log begins with it"))?;
        Ok((number, end as u64 + 1))
    }

    /// Whether the file holds nothing but its first line: no rotation makes room in it.
    fn is_fresh(&self) -> Result<bool, LogProblem> {
        let (_, length) = self.first()?;
        Ok(self.file.metadata().map_err(LogProblem::read)?.len() <= length)
    }

    /// Writes a line behind `length` bytes, and takes back what there is of it when that fails.
    fn append(&self, line: &[u8], length: u64) -> Result<(), LogProblem> {
        if let Err(source) = (&self.file).write_all(line) {
            // Nobody else has seen these bytes: the lock is ours.
            let _ = self.file.set_len(length);
            return Err(LogProblem::Write { doing: "appending a line", source });
        }
        self.file.sync_data().map_err(LogProblem::write("bringing it to the disk"))
    }
}

/// Where the last line of `bytes` begins, which does not end in a line feed.
pub(super) fn after_last_line(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// Whether the open file is the one at `path`.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let held = file.metadata()?;
    Ok((there.dev(), there.ino()) == (held.dev(), held.ino()))
}

pub(super) fn uninterrupted(mut lock: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// `FILE.3`, and the like.
pub(super) fn beside(path: &Path, suffix: impl std::fmt::Display) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(format!(".{suffix}"));
    PathBuf::from(name)
}

/// Makes the names in the folder of `path` durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A new file with one line, on the disk.
fn file_with(path: &Path, line: &[u8], flags: OFlags) -> io::Result<File> {
    let access = FILE | OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | flags;
    let mut file = File::from(rustix::fs::open(path, access, MODE)?);
    file.write_all(line)?;
    file.sync_all()?;
    Ok(file)
}

/// Begins a log. That somebody else did so at the same time is no failure.
fn begin(path: &Path, time: Moment) -> Result<(), LogProblem> {
    let oldest = beside(path, 1);
    if fs::symlink_metadata(&oldest).is_ok() {
        let what = format!(
            "{} is there, and the file that the log goes on in is not",
            lacre_manifest::escape_os(oldest.as_os_str())
        );
        return Err(LogProblem::Missing { what });
    }
    let mut bits = [0; 16];
    let failed = LogProblem::write("beginning it");
    let begun = rustix::rand::getrandom(&mut bits, rustix::rand::GetRandomFlags::empty())
        .map_err(io::Error::from)
        .and_then(|_| {
            let log = LogId::from_bytes(bits);
            let line = Said::Begun { time }.line(&Link { index: 0, log, previous: NOTHING_BEFORE });
            // Its name is nobody else's. The log appears with its first line, or not at all.
            let temporary = beside(path, format_args!("{log}.new"));
            file_with(&temporary, &line, OFlags::EXCL)?;
            let linked = fs::hard_link(&temporary, path);
            fs::remove_file(&temporary)?;
            match linked {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other.and_then(|()| sync_folder(path)),
            }
        });
    begun.map_err(failed)
}

/// Gives the file its lasting name, and puts one in its place that goes on. At no moment is there no file at `path`; what is
/// left of a rotation that was interrupted is taken up again.
fn rotate(path: &Path, held: &Held, end: &End, time: Moment) -> Result<(Held, End), LogProblem> {
    let (number, _) = held.first()?;
    let next =
        number.checked_add(1).ok_or_else(|| LogProblem::line(1, "its file is the last that there is"))?;
    let place = end.next()?;
    let line = Said::Continued { file: next, time }.line(&place);
    let lasting = beside(path, number);
    let turned = || {
        match fs::hard_link(path, &lasting) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_at(&held.file, &lasting)? => {}
            other => other?,
        }
        let temporary = beside(path, "new");
        let file = file_with(&temporary, &line, OFlags::TRUNC)?;
        // Before anybody else can open it.
        uninterrupted(|| file.lock())?;
        fs::rename(&temporary, path)?;
        sync_folder(path)?;
        Ok(file)
    };
    let file = turned().map_err(LogProblem::write("going on in a new file"))?;
    let end = End { last: place, head: Sha256Digest::of(&line), length: line.len() as u64 };
    Ok((Held { file }, end))
}
