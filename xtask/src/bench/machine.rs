//! What kind of machine this is, and what it has left; nothing that names it.

use std::fs;
use std::path::Path;

use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;

/// The day, as `2026-01-31`.
pub(crate) fn date() -> Outcome<String> {
    Ok(Program::new("date").args(["-u", "+%Y-%m-%d"]).read()?.trim().to_owned())
}

/// The processor, its cores and the kernel, and how busy it was.
pub(crate) fn facts() -> Vec<String> {
    vec![
        processor(),
        format!(
            "load average over the last 5 minutes, this benchmark included: {}",
            read("/proc/loadavg").split(' ').nth(1).unwrap_or("unknown")
        ),
    ]
}

/// The processor, its cores and the kernel.
pub(crate) fn processor() -> String {
    let cpuinfo = read("/proc/cpuinfo");
    let processor = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.trim()))
        .unwrap_or("unknown processor");
    let kernel = read("/proc/sys/kernel/osrelease");
    // What follows the version is the builder's own name for it.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    format!("{processor}, {} cores, Linux {kernel}", cores())
}

/// The cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Bytes of memory that programs and the page cache can still take.
pub(crate) fn available_memory() -> Outcome<u64> {
    memory("MemAvailable:")
}

/// Bytes of memory that nobody uses for anything.
pub(crate) fn free_memory() -> Outcome<u64> {
    memory("MemFree:")
}

fn memory(kind: &str) -> Outcome<u64> {
    memory_in(&read("/proc/meminfo"), kind)
        .ok_or_else(|| Failure::new(format!("the kernel tells nothing of {kind}")))
}

fn memory_in(meminfo: &str, kind: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(kind))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// What a file system has left for everybody.
pub(crate) struct Free {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

/// What the file system of `folder` has left.
pub(crate) fn free(folder: &Path) -> Outcome<Free> {
    let told = rustix::fs::statvfs(folder).during(|| format!("cannot ask about {}", folder.display()))?;
    // A file system that makes inodes as it goes tells none.
    let files = if told.f_files == 0 { u64::MAX } else { told.f_favail };
    Ok(Free { bytes: told.f_bavail.saturating_mul(told.f_frsize), files })
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_in_kibibytes() {
        let meminfo =
            "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(memory_in(meminfo, "MemAvailable:"), Some(20_480_000_000));
        assert_eq!(memory_in(meminfo, "MemFree:"), Some(1_024_000_000));
        assert_eq!(memory_in("MemTotal:       24000000 kB\n", "MemFree:"), None);
    }

    #[test]
    fn a_file_system_with_files_has_room_told() {
        let folder = tempfile::tempdir().unwrap();
        let free = free(folder.path()).unwrap();
        assert!(free.bytes > 0 && free.files > 0);
    }
}
