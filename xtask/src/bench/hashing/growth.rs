//! How time and memory grow with the bytes, and with the number of files.

use std::path::{Path, PathBuf};

use super::Stand;
use super::fit::{self, Fit};
use crate::bench::contest::{self, Entry, Task};
use crate::bench::machine::{self, Free};
use crate::bench::measure::{self, Ending, Sample};
use crate::bench::workload::{self, Shape};
use crate::cache;
use crate::failure::{Failure, Outcome};
use crate::say;

const GIB: f64 = 1_073_741_824.0;
/// What Lacre says when a resource limit forbids the work.
const LIMIT: &str = "E-LIMIT";

/// Folders of equal files that grow.
pub(crate) struct Range {
    /// Bytes of each file.
    pub(crate) size: u64,
    pub(crate) per_folder: u64,
    /// The number of files at each point, rising.
    pub(crate) counts: &'static [u64],
}

impl Range {
    /// The size of one file, for people.
    pub(super) fn size_in_words(&self) -> String {
        if self.size >= 1 << 20 {
            format!("{} MiB", self.size >> 20)
        } else {
            format!("{} KiB", self.size >> 10)
        }
    }
}

/// What was seen while a folder grew.
pub(super) struct Growth {
    /// What grows.
    pub(super) unit: &'static str,
    pub(super) points: Vec<Point>,
    /// Why there are fewer points than planned.
    pub(super) ended: Option<String>,
}

/// One size of the folder.
#[derive(Debug)]
pub(super) struct Point {
    /// How much there was, in the unit of the growth.
    pub(super) amount: f64,
    pub(super) sign: Sample,
    pub(super) verify: Sample,
}

impl Growth {
    /// The points `(amount, seconds)` of one verb.
    pub(super) fn seconds(&self, of: fn(&Point) -> Sample) -> Vec<(f64, f64)> {
        self.points.iter().map(|point| (point.amount, of(point).wall)).collect()
    }

    /// The line through them.
    pub(super) fn fit(&self, of: fn(&Point) -> Sample) -> Option<Fit> {
        fit::fit(&self.seconds(of))
    }
}

/// Over bytes.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
pub(super) fn bytes(stand: &Stand, range: &Range, runs: usize) -> Outcome<Growth> {
    let (points, ended) = grow(stand, range, runs, |files| (files * range.size) as f64 / GIB)?;
    Ok(Growth { unit: "GiB", points, ended })
}

/// Over files.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52 files")]
pub(super) fn files(stand: &Stand, range: &Range, runs: usize) -> Outcome<Growth> {
    let (points, ended) = grow(stand, range, runs, |files| files as f64)?;
    Ok(Growth { unit: "files", points, ended })
}

/// A folder that is gone when it is no longer looked at: it is large.
struct Grown {
    path: PathBuf,
}

impl Drop for Grown {
    fn drop(&mut self) {
        if let Err(failure) = cache::remove(&self.path) {
            say::note(failure);
        }
    }
}

fn grow(
    stand: &Stand,
    range: &Range,
    runs: usize,
    amount: impl Fn(u64) -> f64,
) -> Outcome<(Vec<Point>, Option<String>)> {
    let folder = Grown { path: stand.bench.join("growth") };
    cache::empty(&folder.path)?;
    let (mut points, mut there) = (Vec::new(), 0);
    for &files in range.counts {
        let title = format!("growth, {files} files of {}", range.size_in_words());
        if let Some(reason) =
            too_much(range.size, files, &machine::free(&folder.path)?, machine::available_memory()?, there)
        {
            return Ok((points, Some(format!("{title}: not measured here, {reason}"))));
        }
        say::note(format!("{title}: making them"));
        let shape =
            Shape { title: "growth", name: "growth", files, size: range.size, per_folder: range.per_folder };
        workload::add(&folder.path, &shape, there)?;
        there = files;
        workload::warm(&folder.path)?;
        match point(stand, &folder.path, &title, runs, amount(files))? {
            Ok(point) => points.push(point),
            Err(reason) => return Ok((points, Some(format!("{title}: {reason}")))),
        }
    }
    Ok((points, None))
}

/// Why a folder of so many files cannot be measured warm on this machine, when `there` of them are there already.
fn too_much(size: u64, files: u64, free: &Free, memory: u64, there: u64) -> Option<String> {
    let gib = |bytes: u64| bytes.div_ceil(1 << 30);
    // A file takes whole blocks, and a disk that is nearly full is a slow one.
    let on_disk = |files: u64| files.saturating_mul(size.next_multiple_of(4096));
    let needed = on_disk(files) / 2 * 5;
    let left = free.bytes.saturating_add(on_disk(there));
    if left < needed {
        return Some(format!("it wants {} GiB of free disk", gib(needed)));
    }
    if free.files < files - there {
        return Some("the file system cannot hold so many files".to_owned());
    }
    // The page cache must hold all of it, or the runs are not warm.
    let resident = on_disk(files) / 4 * 5;
    (memory < resident).then(|| format!("it wants {} GiB of available memory", gib(resident)))
}

/// Signs and verifies in turns; the inner error says by which limit Lacre refused.
fn point(
    stand: &Stand,
    folder: &Path,
    title: &str,
    runs: usize,
    amount: f64,
) -> Outcome<Result<Point, String>> {
    let entries = [stand.rivals.sign(folder), stand.rivals.verify(folder)];
    let mut refused = None;
    let run = |entry: &Entry| match measure::attempt(&stand.rivals.scratch, &entry.words)? {
        Ending::Done(sample) => Ok(sample),
        Ending::Refused { code, said, .. } => {
            if code == LIMIT {
                refused = Some(format!("{} refused it with `{code}`", entry.task));
            }
            Err(Failure::new(said))
        }
    };
    let costs = match (contest::rounds(title, runs, &entries, run, || Ok(())), refused) {
        (Err(_), Some(reason)) => return Ok(Err(reason)),
        (costs, _) => costs?,
    };
    let [sign, verify] = [contest::cost(&costs, Task::Sign)?, contest::cost(&costs, Task::Verify)?];
    Ok(Ok(Point { amount, sign, verify }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_too_small_says_what_it_lacks() {
        const GIB: u64 = 1 << 30;
        let free = |bytes, files| Free { bytes, files };
        let (size, files) = (512 << 20, 32);
        assert_eq!(too_much(size, files, &free(40 * GIB, 100), 20 * GIB, 0), None);
        assert!(too_much(size, files, &free(39 * GIB, 100), 20 * GIB, 0).unwrap().contains("40 GiB of free"));
        // What is there already is not wanted twice.
        assert_eq!(too_much(size, files, &free(32 * GIB, 100), 20 * GIB, 16), None);
        assert!(too_much(size, files, &free(40 * GIB, 31), 20 * GIB, 0).unwrap().contains("so many files"));
        assert!(
            too_much(size, files, &free(40 * GIB, 100), 19 * GIB, 0).unwrap().contains("20 GiB of avail")
        );
        // Small files take whole blocks.
        assert!(
            too_much(1, 1 << 20, &free(9 * GIB, u64::MAX), 20 * GIB, 0).unwrap().contains("10 GiB of free")
        );
    }
}
