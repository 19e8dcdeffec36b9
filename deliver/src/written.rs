//! Groups that are written: noted for a later attempt, and on their way to the disk while others still come.
//!
//! ```text
//! Incoming::put ─► Written::note ─► journal
//!                       └─ every 4 groups ─► one thread ─► syncfs
//! ```
//!
//! A folder is exposed when it is durable. Were the disk first told then, it would begin when the network is done, and
//! take as long once more.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use lacre_manifest::escape_os;

use crate::DeliverError;
use crate::journal::Journal;
use crate::transfer::Stopped;

/// Groups of 1 MiB after which the disk hears of them: few, so that it is never without work.
const EVERY: u64 = 4;

/// Takes notes of groups that are written.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    journal: &'a Journal<'a>,
    groups: AtomicU64,
    due: SyncSender<()>,
}

impl Written<'_> {
    /// Does `work`, which writes into `folder`; meanwhile the disk takes what was written.
    ///
    /// What the disk says here it does not say again, so it is the outcome of work that is done. Work that failed does not
    /// wait to hear it.
    pub(crate) fn during<T>(
        folder: &Path,
        journal: &Journal<'_>,
        work: impl FnOnce(&Written<'_>) -> Result<T, Stopped>,
    ) -> Result<T, Stopped> {
        let failed = |source| {
            let path = escape_os(folder.as_os_str());
            Stopped::Failed(DeliverError::Output { path, source })
        };
        let (due, dues) = sync_channel(1);
        let disk = File::open(folder).map_err(failed)?;
        let flushing = thread::Builder::new().spawn(move || flush(&disk, &dues)).map_err(failed)?;
        let done = work(&Written { journal, groups: AtomicU64::new(0), due })?;
        let flushed = flushing.join().unwrap_or_else(|_| Err(io::Error::other("its thread broke down")));
        flushed.map(|()| done).map_err(failed)
    }

    /// Notes that a group of a file is written.
    pub(crate) fn note(&self, file: usize, group: u64) {
        self.journal.note(file, group);
        if (self.groups.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(EVERY) {
            // If the disk is at it still, it hears of these groups later.
            let _ = self.due.try_send(());
        }
    }
}

/// All files at once, as there may be many, and each alone would wait for the disk's own journal.
fn flush(disk: &File, dues: &Receiver<()>) -> io::Result<()> {
    dues.iter().try_for_each(|()| Ok(rustix::fs::syncfs(disk)?))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use lacre_hash::Sha256Digest;
    use lacre_registry_client::RegistryError;

    use super::*;

    #[test]
    fn every_note_reaches_the_journal_however_busy_the_disk_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(path).unwrap();
        let what = Sha256Digest::of(b"what");
        let (journal, _) = Journal::open(&file, &what).unwrap();
        let done = Written::during(folder.path(), &journal, |written| {
            thread::scope(|scope| {
                for number in 0..4 {
                    scope.spawn(move || (0..10 * EVERY).for_each(|group| written.note(number, group)));
                }
            });
            Ok("done")
        });
        assert!(matches!(done, Ok("done")));
        assert_eq!(Journal::open(&file, &what).unwrap().1.len() as u64, 4 * 10 * EVERY);
        let failed = Written::during(folder.path(), &journal, |_| -> Result<(), _> {
            Err(RegistryError::Interrupted.into())
        });
        assert!(matches!(failed, Err(Stopped::Failed(error)) if error.code() == "E-INTERRUPTED"));
        let nowhere = Written::during(&folder.path().join("nowhere"), &journal, |_| Ok(()));
        assert!(matches!(nowhere, Err(Stopped::Failed(error)) if error.code() == "E-OUTPUT"));
    }
}
