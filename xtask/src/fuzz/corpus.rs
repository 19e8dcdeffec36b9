//! Keeping inputs few: what a soak has discovered is reduced to what is needed, in the cache and in the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use super::range::{self, Range};
use crate::cache;
use crate::failure::{Context, Outcome};

/// The most inputs of one target in the checkout.
const FILES: usize = 100;
/// The most bytes of all inputs of one target in the checkout.
const BYTES: u64 = 200 * 1024;

/// Reduces what was discovered to the inputs that reach something which the committed ones do not.
pub(crate) fn reduce(range: &Range, target: &str) -> Outcome {
    let (seeds, found) = (range.seeds(target), range.found(target));
    let less = found.with_extension("less");
    cache::empty(&less)?;
    for (_, seed) in inputs(&seeds)? {
        copy(&seed, &less)?;
    }
    range.merge(target, &less, &[&found])?;
    for (_, seed) in inputs(&seeds)? {
        let twin = less.join(seed.file_name().unwrap_or_default());
        fs::remove_file(&twin).during(|| format!("cannot remove {}", twin.display()))?;
    }
    range::replace(&found, &less)
}

/// Commits of what was discovered as much as there is room for, the smallest first; says how many.
pub(crate) fn keep(range: &Range, target: &str) -> Outcome<usize> {
    let (seeds, found) = (range.seeds(target), range.found(target));
    fs::create_dir_all(&seeds).during(|| format!("cannot make {}", seeds.display()))?;
    let there: Vec<u64> = inputs(&seeds)?.into_iter().map(|(size, _)| size).collect();
    let discovered = inputs(&found)?;
    let room = fits(&there, discovered.iter().map(|(size, _)| *size));
    for (_, input) in &discovered[..room] {
        copy(input, &seeds)?;
    }
    Ok(room)
}

/// How many of `more`, which are in order, fit beside those that are there.
fn fits(there: &[u64], more: impl Iterator<Item = u64>) -> usize {
    let mut bytes: u64 = there.iter().sum();
    more.take(FILES.saturating_sub(there.len()))
        .take_while(|size| {
            bytes += size;
            bytes <= BYTES
        })
        .count()
}

/// The files of a folder with their sizes, the smallest first; a folder that is not there has none.
fn inputs(folder: &Path) -> Outcome<Vec<(u64, PathBuf)>> {
    let read = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).during(read)? {
            let entry = entry.during(read)?;
            files.push((entry.metadata().during(read)?.len(), entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

fn copy(file: &Path, folder: &Path) -> Outcome {
    let to = folder.join(file.file_name().unwrap_or_default());
    fs::copy(file, &to).during(|| format!("cannot write {}", to.display())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_files_and_two_hundred_kibibytes_fit() {
        assert_eq!(fits(&[], std::iter::repeat_n(1, 500)), 100);
        assert_eq!(fits(&[1; 90], std::iter::repeat_n(1, 500)), 10);
        assert_eq!(fits(&[1; 101], std::iter::repeat_n(1, 500)), 0);
        assert_eq!(fits(&[], [100 * 1024, 100 * 1024, 1].into_iter()), 2);
        assert_eq!(fits(&[200 * 1024], [1].into_iter()), 0);
    }

    #[test]
    fn inputs_come_by_size() {
        let folder = tempfile::tempdir().unwrap();
        assert!(inputs(&folder.path().join("absent")).unwrap().is_empty());
        for (name, size) in [("a", 3), ("b", 1), ("c", 2)] {
            fs::write(folder.path().join(name), vec![0; size]).unwrap();
        }
        let sizes: Vec<u64> = inputs(folder.path()).unwrap().into_iter().map(|(size, _)| size).collect();
        assert_eq!(sizes, [1, 2, 3]);
    }
}
