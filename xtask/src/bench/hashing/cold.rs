//! The same work when nothing of the files is in memory.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;

use rustix::fs::{Advice, fadvise};

use super::Stand;
use crate::bench::contest::{self, Costs, Entry, Task};
use crate::bench::measure;
use crate::bench::workload::{self, Shape};
use crate::failure::{Context, Outcome};

/// What cold runs cost.
pub(super) struct Cold {
    pub(super) shape: Shape,
    pub(super) costs: Costs,
}

/// Signs, verifies and copies to nowhere, each time with the files dropped from the page cache.
pub(super) fn run(stand: &Stand, shape: &Shape, runs: usize) -> Outcome<Cold> {
    let folder = workload::ensure(&stand.bench, shape)?;
    let files = workload::files(&folder)?;
    let mut cat: Vec<OsString> =
        ["sh", "-c", "exec cat \"$@\" > /dev/null", "cat"].map(OsString::from).into();
    cat.extend(files.iter().map(OsString::from));
    let rivals = &stand.rivals;
    let entries =
        [Entry { task: Task::Cat, words: cat, makes: None }, rivals.sign(&folder), rivals.verify(&folder)];
    let title = format!("{}, cold", shape.title);
    let run = |entry: &Entry| {
        drop_from_memory(&files)?;
        measure::cost(&rivals.scratch, &entry.words)
    };
    let costs = contest::rounds(&title, runs, &entries, run, || Ok(()))?;
    Ok(Cold { shape: *shape, costs })
}

/// Has the kernel forget what it holds of the files. It keeps pages that are still to be written: they are written first.
pub(in crate::bench) fn drop_from_memory(files: &[PathBuf]) -> Outcome {
    for path in files {
        let what = || format!("cannot drop {} from the page cache", path.display());
        let file = File::open(path).during(what)?;
        file.sync_all().during(what)?;
        fadvise(&file, 0, None, Advice::DontNeed).during(what)?;
    }
    Ok(())
}
