//! Checking a log: every line continues the one before it, and what a signed checkpoint saw is still there.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use lacre_attest::{LogCheckpoint, LogId};
use lacre_hash::Sha256Digest;
use rustix::fs::{Mode, OFlags};

use super::append::{beside, is_at, uninterrupted};
use super::checkpoint::Checkpoint;
use super::line::{Entry, EntryKind, LINE_LIMIT, NOTHING_BEFORE, Read};
use super::problem::LogProblem;
use crate::{Verified, VerifyError};

/// Which files of a rotated log must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// All of them, from the first line on.
    #[default]
    Whole,
    /// Those from the newest back to the first that is missing: older ones were put away, and nothing is said of them.
    Remaining,
}

/// What was found in a log in which nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogAccount {
    /// Which log it is.
    pub log: LogId,
    /// How many lines it has, over all files, those included that were put away.
    pub lines: u64,
    /// SHA-256 of the last line, with its line feed.
    pub head: Sha256Digest,
    /// The first line that was seen, from 0: not 0 where older files were put away.
    pub first: u64,
    /// How many files were read.
    pub files: u32,
    /// How many of the lines that were read are decisions.
    pub decisions: u64,
    /// How many say that a line was cut off that was not whole.
    pub repairs: u64,
    /// How many lines a checkpoint vouches for; 0 without one.
    pub covered: u64,
}

/// Reads a whole log, however long, a line at a time, and holds it against `checkpoints`; `visit` is shown each line whose place
/// was found good.
///
/// What this finds out on its own: any line that was changed, taken out, put in or moved before the last one. What it cannot find
/// out without a checkpoint: that the last line was changed, that lines at the end are missing, and that the whole log was
/// written anew. With one, all of that is found out for the lines that the checkpoint saw.
///
/// # Errors
/// Of what is wrong, the first: `E-LOG-LINE`, `E-LOG-CHAIN`, `E-LOG-TORN`; `E-LOG-OTHER`, `E-LOG-REWRITTEN` and
/// `E-LOG-TRUNCATED` against a checkpoint; `E-LOG-MISSING` for a file, or a line that a checkpoint is about.
pub fn check_log(
    path: &Path,
    checkpoints: &[Verified<Checkpoint>],
    reach: Reach,
    visit: &mut dyn FnMut(&Entry<'_>),
) -> Result<LogAccount, VerifyError> {
    let held: Vec<_> = checkpoints.iter().map(Verified::checkpoint).collect();
    let mut at = path.to_owned();
    let outcome = read_files(path, &held, reach, visit, &mut at);
    outcome.map_err(|problem| VerifyError::decision_log(&at, problem))
}

/// The same for the text of a log that is in one file, without checkpoints: bytes in, an account out.
///
/// # Errors
/// Those of [`check_log`].
pub fn check_log_text(text: &[u8], visit: &mut dyn FnMut(&Entry<'_>)) -> Result<LogAccount, LogProblem> {
    let mut chain = Chain::new(&[]);
    chain.file(text, 1, visit)?;
    chain.finish()
}

fn read_files(
    path: &Path,
    checkpoints: &[&LogCheckpoint],
    reach: Reach,
    visit: &mut dyn FnMut(&Entry<'_>),
    at: &mut std::path::PathBuf,
) -> Result<LogAccount, LogProblem> {
    let (newest, length) = newest(path)?;
    let mut newest = BufReader::new(newest).take(length);
    // Which file it is stands in its first line, whose place is looked at when its turn comes.
    let mut first = Vec::new();
    read_line(&mut newest, &mut first).map_err(LogProblem::read)?;
    let number = match first.strip_suffix(b"\n").map(Read::parse) {
        Some(Ok(Read { file: Some(number), .. })) => number,
        // Whatever it is, it is said of the first file.
        _ => 1,
    };
    if let Ok(older) = open(&beside(path, number))
        && !is_at(&older, path).map_err(LogProblem::read)?
    {
        let detail = format!("it is file {number} of the log, and there is another one of that number");
        return Err(LogProblem::Chain { line: 1, detail });
    }
    let mut chain = Chain::new(checkpoints);
    for older in oldest(path, number, reach)?..number {
        *at = beside(path, older);
        let file = match open(at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let what = format!("file {older} of the log is missing");
                return Err(LogProblem::Missing { what });
            }
            other => other.map_err(LogProblem::read)?,
        };
        chain.file(BufReader::new(file), older, visit)?;
    }
    path.clone_into(at);
    chain.file(io::Cursor::new(first).chain(newest), number, visit)?;
    chain.finish()
}

/// The file that the log goes on in, and how many bytes it had at a moment when nobody wrote to it.
fn newest(path: &Path) -> Result<(File, u64), LogProblem> {
    let found = || loop {
        let file = open(path)?;
        uninterrupted(|| file.lock_shared())?;
        if is_at(&file, path)? {
            let length = file.metadata()?.len();
            file.unlock()?;
            return Ok((file, length));
        }
    };
    found().map_err(LogProblem::read)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::RDONLY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

/// The oldest file that is to be read.
fn oldest(path: &Path, number: u32, reach: Reach) -> Result<u32, LogProblem> {
    let mut oldest = number;
    if reach == Reach::Whole {
        return Ok(1);
    }
    while oldest > 1 {
        match open(&beside(path, oldest - 1)) {
            Ok(_) => oldest -= 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(LogProblem::read(error)),
        }
    }
    Ok(oldest)
}

/// Reads a line with its line feed, or as much of it as the longest line may have.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    reader.take(LINE_LIMIT as u64).read_until(b'\n', line).map(|_| ())
}

/// What is known after so many lines.
struct Chain<'c> {
    account: Option<LogAccount>,
    checkpoints: &'c [&'c LogCheckpoint],
}

impl<'c> Chain<'c> {
    fn new(checkpoints: &'c [&'c LogCheckpoint]) -> Self {
        Self { account: None, checkpoints }
    }

    /// Reads the file of this number.
    fn file(
        &mut self,
        mut reader: impl BufRead,
        number: u32,
        visit: &mut dyn FnMut(&Entry<'_>),
    ) -> Result<(), LogProblem> {
        let (mut buffer, mut at) = (Vec::new(), 0);
        loop {
            read_line(&mut reader, &mut buffer).map_err(LogProblem::read)?;
            let Some(line) = buffer.strip_suffix(b"\n") else {
                return match buffer.len() {
                    0 if at == 0 => {
                        Err(LogProblem::Truncated { found: self.lines(), expected: self.lines() + 1 })
                    }
                    0 => Ok(()),
                    LINE_LIMIT => Err(LogProblem::line(at + 1, "it is too long")),
                    torn => Err(LogProblem::Torn { bytes: torn as u64 }),
                };
            };
            at += 1;
            let read = Read::parse(line).map_err(|detail| LogProblem::line(at, &detail))?;
            let broken = |detail: &str| LogProblem::Chain { line: at, detail: detail.to_owned() };
            if read.file != (at == 1).then_some(number) {
                return Err(broken(if at == 1 {
                    "a file of a log does not begin with it"
                } else {
                    "it begins a file"
                }));
            }
            self.accept(&read, &buffer, &broken)?;
            visit(&Entry {
                index: read.link.index,
                kind: read.kind,
                json: read.json,
                decision: read.decision,
            });
        }
    }

    fn lines(&self) -> u64 {
        self.account.as_ref().map_or(0, |account| account.lines)
    }

    /// Puts a line (`whole` is its bytes, with the line feed) behind those before it.
    fn accept(
        &mut self,
        read: &Read<'_>,
        whole: &[u8],
        broken: &dyn Fn(&str) -> LogProblem,
    ) -> Result<(), LogProblem> {
        let link = &read.link;
        let head = Sha256Digest::of(whole);
        let account = if let Some(account) = &mut self.account {
            if link.log != account.log {
                return Err(broken("it is of another log"));
            }
            if link.index != account.lines {
                return Err(broken(&format!("its index is {}, not {}", link.index, account.lines)));
            }
            if link.previous != account.head {
                return Err(broken("the digest in it is not that of the line before"));
            }
            account
        } else {
            let at_beginning = read.kind == EntryKind::Begun;
            if at_beginning != (link.index == 0) || at_beginning && link.previous != NOTHING_BEFORE {
                return Err(broken("no log begins like this"));
            }
            if let Some(other) = self.checkpoints.iter().find(|it| it.log != link.log) {
                return Err(LogProblem::Other { found: link.log, expected: other.log });
            }
            // Of what was put away, the digest of its last line is known.
            for early in self.checkpoints.iter().filter(|it| it.lines <= link.index) {
                if early.lines < link.index {
                    let what = format!(
                        "line {} of the whole log was put away, and a checkpoint is about it",
                        early.lines
                    );
                    return Err(LogProblem::Missing { what });
                }
                if early.head != link.previous {
                    return Err(LogProblem::Rewritten { lines: early.lines });
                }
            }
            self.account.insert(LogAccount {
                log: link.log,
                lines: link.index,
                head,
                first: link.index,
                files: 0,
                decisions: 0,
                repairs: 0,
                covered: 0,
            })
        };
        account.lines =
            link.index.checked_add(1).ok_or_else(|| broken("its index is the last that there is"))?;
        account.head = head;
        match read.kind {
            EntryKind::Begun | EntryKind::Continued => account.files += 1,
            EntryKind::Decided => account.decisions += 1,
            EntryKind::Repaired => account.repairs += 1,
        }
        let lines = account.lines;
        if self.checkpoints.iter().any(|it| it.lines == lines && it.head != head) {
            return Err(LogProblem::Rewritten { lines });
        }
        Ok(())
    }

    fn finish(self) -> Result<LogAccount, LogProblem> {
        let covered = self.checkpoints.iter().map(|it| it.lines).max().unwrap_or(0);
        let mut account = self.account.ok_or(LogProblem::Truncated { found: 0, expected: covered.max(1) })?;
        if account.lines < covered {
            return Err(LogProblem::Truncated { found: account.lines, expected: covered });
        }
        account.covered = covered;
        Ok(account)
    }
}
