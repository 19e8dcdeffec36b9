//! How much memory a load may take.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lacre_hash::Engine;

use crate::VerifyError;

/// The most memory that a load may take, in bytes. What would take more is refused before it begins (`E-MEMORY-LIMIT`): a
/// machine that swaps weights serves nobody, and one that runs out of memory kills whom it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryLimit(u64);

impl MemoryLimit {
    /// What the machine has left for this process now: `MemAvailable` of `/proc/meminfo`, or, where that is less, what a
    /// control group (version 2) that the process is in still allows. Memory of files that the kernel would give back
    /// counts as free in both. Where neither can be known, there is no limit.
    pub fn of_machine() -> Self {
        Self::read(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
    }

    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The limit in bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    fn read(proc: &Path, cgroups: &Path) -> Self {
        let text = fs::read_to_string(proc.join("meminfo")).unwrap_or_default();
        let available = text.lines().find_map(|line| {
            let kilobytes = line.strip_prefix("MemAvailable:")?.trim().strip_suffix("kB")?;
            Some(kilobytes.trim().parse::<u64>().ok()?.saturating_mul(1024))
        });
        let text = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"));
        // A group above may allow less than the one that the process is in.
        let groups =
            path.into_iter().flat_map(|path| Path::new(path).ancestors().map(|group| cgroups.join(group)));
        let left = groups.filter_map(|group| left_in(&group)).min();
        Self(available.into_iter().chain(left).min().unwrap_or(u64::MAX))
    }

    pub(crate) fn allow(self, wanted: u64) -> Result<(), VerifyError> {
        if wanted > self.0 { Err(VerifyError::MemoryLimit { wanted, limit: self.0 }) } else { Ok(()) }
    }
}

impl Default for MemoryLimit {
    fn default() -> Self {
        Self::of_machine()
    }
}

/// What a control group still allows, if it has a limit.
fn left_in(group: &Path) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    let statistics = read("memory.stat").unwrap_or_default();
    let of_files =
        statistics.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse().ok());
    Some(limit.saturating_sub(used.saturating_sub(of_files.unwrap_or(0))))
}

/// How files are loaded. What is not said is taken from the machine at hand, when something is loaded.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions {
    limit: Option<MemoryLimit>,
    threads: Option<NonZeroUsize>,
}

impl LoadOptions {
    /// At most [`MemoryLimit::of_machine`], with one thread for each core that this process may use.
    pub const fn new() -> Self {
        Self { limit: None, threads: None }
    }

    /// At most so much memory: for each call that loads files, for each file that is read lazily, and for all files of a
    /// [`Lazy`](crate::Lazy) together.
    pub const fn memory_limit(mut self, limit: MemoryLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// With so many threads.
    pub const fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = Some(threads);
        self
    }

    pub(super) fn engine(&self) -> Engine {
        self.threads.map_or_else(Engine::new, Engine::with_threads)
    }

    pub(super) fn wanted_threads(&self) -> NonZeroUsize {
        let of_machine = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.unwrap_or_else(of_machine)
    }

    pub(super) fn allow(&self, wanted: u64) -> Result<(), VerifyError> {
        /// What any machine has; to ask it takes as long as reading so little.
        const LITTLE: u64 = 1 << 20;
        match self.limit {
            Some(limit) => limit.allow(wanted),
            None if wanted < LITTLE => Ok(()),
            None => MemoryLimit::of_machine().allow(wanted),
        }
    }

    pub(super) fn budget(&self) -> Arc<Budget> {
        Arc::new(Budget::new(self.limit.unwrap_or_else(MemoryLimit::of_machine)))
    }
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The memory that was taken of a limit, bit by bit.
#[derive(Debug)]
pub(super) struct Budget {
    limit: MemoryLimit,
    taken: AtomicU64,
}

impl Budget {
    const fn new(limit: MemoryLimit) -> Self {
        Self { limit, taken: AtomicU64::new(0) }
    }

    pub(super) fn take(&self, bytes: u64) -> Result<(), VerifyError> {
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.limit.allow(taken).inspect_err(|_| self.give_back(bytes))
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left where `/proc` and the control groups hold these files.
    fn left(files: &[(&str, &str)]) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        MemoryLimit::read(&folder.path().join("proc"), &folder.path().join("groups")).get()
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal: 900 kB\nMemFree: 1 kB\nMemAvailable:  100 kB\n");
    const INSIDE: (&str, &str) = ("proc/self/cgroup", "1:name=x:/y\n0::/a/b\n");

    #[test]
    fn the_least_of_what_is_left_counts() {
        assert_eq!(left(&[]), u64::MAX);
        assert_eq!(left(&[MEMINFO]), 102_400);
        let inner = [("groups/a/b/memory.max", "90000\n"), ("groups/a/b/memory.current", "50000\n")];
        assert_eq!(left(&[MEMINFO, INSIDE, inner[0], inner[1]]), 40_000);
        assert_eq!(left(&[MEMINFO, inner[0], inner[1]]), 102_400, "of a group of others");
        let files = ("groups/a/b/memory.stat", "anon 7\ninactive_file 20000\nactive_file 9\n");
        assert_eq!(left(&[MEMINFO, INSIDE, inner[0], inner[1], files]), 60_000);
        let outer = [("groups/a/memory.max", "700"), ("groups/a/memory.current", "600")];
        assert_eq!(left(&[MEMINFO, INSIDE, inner[0], inner[1], outer[0], outer[1]]), 100);
        let full = ("groups/a/memory.current", "900");
        assert_eq!(left(&[MEMINFO, INSIDE, outer[0], full]), 0);
        let free = ("groups/a/b/memory.max", "max\n");
        assert_eq!(left(&[MEMINFO, INSIDE, free, inner[1]]), 102_400);
    }

    #[test]
    fn the_machine_at_hand_has_a_limit() {
        assert!((1 << 20..1 << 50).contains(&MemoryLimit::of_machine().get()));
    }

    #[test]
    fn what_was_not_taken_is_there_for_others() {
        let budget = Budget::new(MemoryLimit::bytes(10));
        budget.take(6).unwrap();
        let error = budget.take(5).unwrap_err();
        assert_eq!(error.code(), "E-MEMORY-LIMIT");
        assert!(matches!(error, VerifyError::MemoryLimit { wanted: 11, limit: 10 }), "{error}");
        budget.take(4).unwrap();
        budget.give_back(4);
        budget.take(4).unwrap();
        assert_eq!(budget.take(1).unwrap_err().code(), "E-MEMORY-LIMIT");
    }
}
