//! What becomes of a line that was not written whole: it is cut off, and a line says so.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::SystemTime;

use lacre_hash::Sha256Digest;
use rustix::fs::OFlags;

use super::append::{End, Held, after_last_line};
use super::line::{LINE_LIMIT, Read, Said, Torn};
use super::problem::LogProblem;
use super::record::bounded;
use crate::VerifyError;

/// What was cut off from a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repaired {
    /// The line that says so, over all files, from 0.
    pub index: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: Sha256Digest,
}

/// Puts a line that says so in the place of a last line that is not whole. `None` for a log whose end is whole.
///
/// The new line is written over the broken one before anything is cut off: whatever interrupts this, the log ends within a
/// line still, or says what it lost.
///
/// # Errors
/// `E-LOG-WRITE`; `E-LOG-LINE` where the line before is no line of a log, or what is behind it is longer than any line;
/// `E-LOG-TRUNCATED` for an empty file.
pub fn repair_log(path: &Path, now: SystemTime) -> Result<Option<Repaired>, VerifyError> {
    let held = Held::open(path, OFlags::empty()).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => LogProblem::Read { source },
        _ => LogProblem::Write { doing: "opening it", source },
    });
    held.and_then(|held| repair(&held, now)).map_err(|problem| VerifyError::decision_log(path, problem))
}

fn repair(held: &Held, now: SystemTime) -> Result<Option<Repaired>, LogProblem> {
    let length = held.file.metadata().map_err(LogProblem::read)?.len();
    match held.end() {
        Ok(_) => return Ok(None),
        Err(LogProblem::Torn { .. }) => {}
        Err(other) => return Err(other),
    }
    let tail = held.tail(length)?;
    let start = after_last_line(&tail);
    if start == 0 {
        return Err(LogProblem::line(0, "there is no whole line before what is broken"));
    }
    let broken = &tail[start..];
    let whole = length - broken.len() as u64;
    let before = held.tail(whole)?;
    let Some(last) = before.strip_suffix(b"\n") else {
        return Err(LogProblem::line(0, "there is no whole line before what is broken"));
    };
    let last_start = after_last_line(last);
    if last_start == 0 && whole > LINE_LIMIT as u64 {
        return Err(LogProblem::line(0, "the line before what is broken is too long"));
    }
    let read = Read::parse(&last[last_start..]).map_err(|detail| LogProblem::line(0, &detail))?;
    let end = End { last: read.link, head: Sha256Digest::of(&before[last_start..]), length: whole };
    let (bytes, sha256) = (broken.len() as u64, Sha256Digest::of(broken));
    let torn = Torn { bytes, sha256, text: bounded(&String::from_utf8_lossy(broken)) };
    let place = end.next()?;
    let line = Said::Repaired { time: now.into(), torn }.line(&place);
    let write = || {
        held.file.write_all_at(&line, whole)?;
        held.file.set_len(whole + line.len() as u64)?;
        held.file.sync_all()
    };
    write().map_err(LogProblem::write("repairing it"))?;
    Ok(Some(Repaired { index: place.index, bytes, sha256 }))
}
