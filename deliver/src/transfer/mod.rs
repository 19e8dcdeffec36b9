//! The bytes of a model on their way: several files, and several parts of one file, at once.
//!
//! ```text
//! groups that are missing ─► spans ─► workers ─► a range of a blob ─► Incoming::put ─► Written
//!                                        ▲            │ cut off: from where it was cut off
//!                                        └────────────┴ refused: that group alone, a few times
//! ```

mod archives;
mod spans;

use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use lacre_hash::Progress;
use lacre_manifest::escape;
use lacre_registry_client::{Descriptor, RegistryError};
use lacre_verify::{Arrival, Incoming};

pub(crate) use self::archives::{Archives, learn_sizes, packed};
use self::spans::{Span, Spans};
use crate::DeliverError;
use crate::journal::Place;
use crate::written::Written;

/// How often the same bytes are asked for again: after an answer that was cut off, and after one that was refused.
const MORE_ATTEMPTS: u32 = 4;

/// Fetches what is missing of some files.
pub(crate) struct Transfer<'a> {
    /// Where the bytes are.
    pub(crate) archives: &'a Archives<'a>,
    /// The files, and the layer of each, or what a layer would be that held it alone.
    pub(crate) files: &'a [(&'a Incoming, &'a Descriptor)],
    pub(crate) written: &'a Written<'a>,
    pub(crate) at_once: NonZeroUsize,
    pub(crate) progress: &'a dyn Progress,
    /// Counts the bytes that come from the store.
    pub(crate) fetched: &'a AtomicU64,
    stop: AtomicBool,
}

/// Why a worker stopped.
pub(crate) enum Stopped {
    /// For this reason.
    Failed(DeliverError),
    /// This file is not the signed one.
    Changed(usize),
    /// It could not be written.
    Unwritten(lacre_verify::VerifyError),
}

impl From<RegistryError> for Stopped {
    fn from(error: RegistryError) -> Self {
        Self::Failed(error.into())
    }
}

impl<'a> Transfer<'a> {
    pub(crate) fn new(
        archives: &'a Archives<'a>,
        files: &'a [(&'a Incoming, &'a Descriptor)],
        written: &'a Written<'a>,
        at_once: NonZeroUsize,
        progress: &'a dyn Progress,
        fetched: &'a AtomicU64,
    ) -> Self {
        Self { archives, files, written, at_once, progress, fetched, stop: AtomicBool::new(false) }
    }

    /// Proves again what an earlier attempt wrote, as far as its journal names it; gives the bytes that stand.
    pub(crate) fn recover(&self, noted: &[Place]) -> Result<u64, Stopped> {
        let recovered = AtomicU64::new(0);
        let next = AtomicU64::new(0);
        self.together(|| {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(place) = usize::try_from(index).ok().and_then(|index| noted.get(index)) else {
                    return Ok(());
                };
                self.go_on()?;
                let group = u64::from(place.group);
                let Some((file, _)) = usize::try_from(place.file).ok().and_then(|file| self.files.get(file))
                else {
                    continue;
                };
                if file.recover(group).map_err(Stopped::Unwritten)? == Arrival::Kept {
                    let place = file.place(group);
                    self.progress.advance(place.end - place.start);
                    recovered.fetch_add(place.end - place.start, Ordering::Relaxed);
                }
            }
        })?;
        Ok(recovered.into_inner())
    }

    /// Fetches everything that is missing, after a look at the files that need nothing more.
    pub(crate) fn run(&self) -> Result<(), Stopped> {
        (0..self.files.len()).try_for_each(|index| self.judge(index))?;
        let spans = Spans::missing(self.files.iter().map(|(file, _)| *file));
        self.together(|| {
            while let Some(span) = spans.next() {
                self.fetch(&span)?;
                self.judge(span.file)?;
            }
            Ok(())
        })
    }

    /// A file that is whole, and could not be judged group by group, is judged now: not after gigabytes of others.
    fn judge(&self, index: usize) -> Result<(), Stopped> {
        match self.files.get(index) {
            Some((file, _)) if !file.judges_groups() && file.verdict() == Some(Arrival::Refused) => {
                Err(Stopped::Changed(index))
            }
            _ => Ok(()),
        }
    }

    fn fetch(&self, span: &Span) -> Result<(), Stopped> {
        let Some((file, layer)) = self.files.get(span.file) else { return Ok(()) };
        if span.groups.start == 0 {
            self.progress.file(&escape(file.entry().path.as_str()));
        }
        let mut buffer = Vec::new();
        let mut next = span.groups.start;
        let (mut cut_off, mut refused) = (0, 0);
        while next < span.groups.end {
            self.go_on()?;
            let bytes = file.place(next).start..file.place(span.groups.end - 1).end;
            let outcome = self.archives.range(layer, bytes).map_err(Taken::from).and_then(|mut source| {
                while next < span.groups.end {
                    self.go_on().map_err(Taken::Stopped)?;
                    self.take(file, next, &mut source, &mut buffer)?;
                    self.written.note(span.file, next);
                    next += 1;
                    (cut_off, refused) = (0, 0);
                }
                Ok(())
            });
            match outcome {
                Ok(()) => {}
                Err(Taken::CutOff(_)) if cut_off < MORE_ATTEMPTS => cut_off += 1,
                Err(Taken::Refused) if refused < MORE_ATTEMPTS => refused += 1,
                Err(Taken::CutOff(source)) => return Err(short_or_unreadable(layer, source).into()),
                Err(Taken::Refused) => return Err(Stopped::Changed(span.file)),
                Err(Taken::Stopped(stopped)) => return Err(stopped),
            }
        }
        Ok(())
    }

    /// Takes one group from `source`.
    fn take(
        &self,
        file: &Incoming,
        group: u64,
        source: &mut impl io::Read,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Taken> {
        let Range { start, end } = file.place(group);
        buffer.resize(usize::try_from(end - start).unwrap_or_default(), 0);
        source.read_exact(buffer).map_err(Taken::CutOff)?;
        self.fetched.fetch_add(end - start, Ordering::Relaxed);
        match file.put(group, buffer).map_err(|error| Taken::Stopped(Stopped::Unwritten(error)))? {
            Arrival::Kept => {
                self.progress.advance(end - start);
                Ok(())
            }
            Arrival::Refused => Err(Taken::Refused),
        }
    }

    fn go_on(&self) -> Result<(), Stopped> {
        if self.stop.load(Ordering::Relaxed) || self.progress.cancelled() {
            return Err(RegistryError::Interrupted.into());
        }
        Ok(())
    }

    /// Runs `work` in as many threads as are wanted. The first one that fails ends the others.
    fn together(&self, work: impl Fn() -> Result<(), Stopped> + Sync) -> Result<(), Stopped> {
        let first = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..self.at_once.get() {
                scope.spawn(|| {
                    if let Err(stopped) = work() {
                        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                        first.get_or_insert(stopped);
                        self.stop.store(true, Ordering::Relaxed);
                    }
                });
            }
        });
        first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

/// Why a group was not taken.
enum Taken {
    /// The answer ended, or broke off.
    CutOff(io::Error),
    /// It is not the signed one.
    Refused,
    /// There is no sense in asking again.
    Stopped(Stopped),
}

impl From<RegistryError> for Taken {
    /// The store has asked again as often as it makes sense.
    fn from(error: RegistryError) -> Self {
        Self::Stopped(error.into())
    }
}

/// The error of a blob that could not be read to its end.
fn short_or_unreadable(layer: &Descriptor, source: io::Error) -> RegistryError {
    match source.downcast::<RegistryError>() {
        Ok(error) => error,
        Err(source) => RegistryError::Content { digest: layer.digest, source },
    }
}
