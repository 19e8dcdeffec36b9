//! One folder, and all who work on it in turns.

use std::ffi::OsString;

use super::{Stand, plain_read};
use crate::bench::contest::{self, Costs, Entry, Task};
use crate::bench::measure::{self, Sample};
use crate::bench::workload::{self, Shape};
use crate::failure::Outcome;

/// Who takes part beside Lacre.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Peers {
    ModelSigning,
    /// `b3sum` too, and Lacre's verification by SHA-256.
    All,
}

/// What the work on one folder costs.
pub(super) struct Heat {
    pub(super) shape: Shape,
    pub(super) costs: Costs,
    /// Seconds to read every byte and do nothing with it.
    pub(super) plain_read: f64,
}

/// The three shapes of a model.
pub(super) struct Heats {
    pub(super) few_large: Heat,
    pub(super) one_large: Heat,
    pub(super) many_small: Heat,
}

impl Heat {
    /// The cost of one task.
    pub(super) fn cost(&self, task: Task) -> Outcome<Sample> {
        contest::cost(&self.costs, task)
    }

    /// The highest resident set of Lacre's own tasks, in MiB.
    pub(super) fn highest_rss(&self) -> f64 {
        let ours = |task| matches!(task, Task::Sign | Task::Verify | Task::VerifySha256);
        self.costs.iter().filter(|(task, _)| ours(*task)).map(|(_, cost)| cost.rss).fold(0.0, f64::max)
    }

    /// Bytes of the folder.
    pub(super) fn bytes(&self) -> u64 {
        self.shape.files * self.shape.size
    }
}

/// Makes the folder, puts it into the page cache, and runs the rounds.
pub(super) fn run(stand: &Stand, shape: &Shape, peers: Peers, runs: usize) -> Outcome<Heat> {
    let folder = workload::ensure(&stand.bench, shape)?;
    workload::warm(&folder)?;
    let files = workload::files(&folder)?;
    let rivals = &stand.rivals;
    let mut entries = vec![rivals.sign(&folder), rivals.peer_sign(&folder), rivals.verify(&folder)];
    if peers == Peers::All {
        let b3sum = std::iter::once(&stand.b3sum).chain(&files).map(OsString::from).collect();
        entries.push(Entry { task: Task::B3sum, words: b3sum, makes: None });
        entries.push(rivals.verify_sha256(&folder));
    }
    entries.push(rivals.peer_verify(&folder));

    let mut reads = Vec::new();
    let run = |entry: &Entry| measure::cost(&rivals.scratch, &entry.words);
    let costs = contest::rounds(shape.title, runs, &entries, run, || {
        reads.push(plain_read::seconds(&files)?);
        Ok(())
    })?;
    // The first round does not count here either.
    let plain_read = measure::median(reads.split_off(1));
    Ok(Heat { shape: *shape, costs, plain_read })
}
