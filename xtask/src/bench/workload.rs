//! What the benchmark works on: folders of files whose content is the same on every machine.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::cache;
use crate::failure::{Context, Outcome};
use crate::say;
use crate::stamp::Stamp;

/// A folder of equal files.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) title: &'static str,
    /// The name of the folder.
    pub(crate) name: &'static str,
    pub(crate) files: u64,
    /// Bytes of each file.
    pub(crate) size: u64,
    /// Files of each sub-folder; the folder itself holds them when all fit.
    pub(crate) per_folder: u64,
}

pub(crate) const LARGE: Shape =
    Shape { title: "4 GiB in 8 files", name: "large", files: 8, size: 512 << 20, per_folder: 8 };
pub(crate) const ONE: Shape =
    Shape { title: "4 GiB in 1 file", name: "one", files: 1, size: 4 << 30, per_folder: 1 };
pub(crate) const SMALL: Shape =
    Shape { title: "20 000 files of 4 KiB", name: "small", files: 20_000, size: 4096, per_folder: 200 };

pub(crate) const TWO: Shape =
    Shape { title: "2 GiB in 1 file", name: "two", files: 1, size: 2 << 30, per_folder: 1 };
pub(crate) const TWO_PARTS: Shape =
    Shape { title: "2 GiB in 8 files", name: "two-parts", files: 8, size: 256 << 20, per_folder: 8 };

pub(crate) const LARGE_QUICK: Shape =
    Shape { title: "256 MiB in 8 files", name: "large-quick", files: 8, size: 32 << 20, per_folder: 8 };
pub(crate) const ONE_QUICK: Shape =
    Shape { title: "256 MiB in 1 file", name: "one-quick", files: 1, size: 256 << 20, per_folder: 1 };
pub(crate) const SMALL_QUICK: Shape =
    Shape { title: "2 000 files of 4 KiB", name: "small-quick", files: 2_000, size: 4096, per_folder: 200 };

/// Makes the folder if it is not there, and gives it.
pub(crate) fn ensure(bench: &Path, shape: &Shape) -> Outcome<PathBuf> {
    let folder = bench.join(shape.name);
    let recipe = format!("1: {} x {}, {} per folder\n", shape.files, shape.size, shape.per_folder);
    let stamp = Stamp::new(bench.join("stamps").join(shape.name), recipe);
    if stamp.is_set() && folder.is_dir() {
        return Ok(folder);
    }
    stamp.clear()?;
    say::note(format!("making {}", shape.title));
    cache::empty(&folder)?;
    add(&folder, shape, 0)?;
    stamp.set()?;
    Ok(folder)
}

/// Writes the files of `shape` from number `first` on: those before it are there.
pub(crate) fn add(folder: &Path, shape: &Shape, first: u64) -> Outcome {
    for index in first..shape.files {
        let inner = if shape.files > shape.per_folder {
            folder.join(format!("part-{:03}", index / shape.per_folder))
        } else {
            folder.to_path_buf()
        };
        if index == first || index % shape.per_folder == 0 {
            fs::create_dir_all(&inner).during(|| format!("cannot make {}", inner.display()))?;
        }
        let path = inner.join(format!("file-{index:05}.bin"));
        write(&path, index, shape.size).during(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Every file below `folder`.
pub(crate) fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                visit(&entry.path(), found)?;
            } else {
                found.push(entry.path());
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    visit(folder, &mut found).during(|| format!("cannot read {}", folder.display()))?;
    found.sort();
    Ok(found)
}

/// Reads every file once, so that the page cache holds them.
pub(crate) fn warm(folder: &Path) -> Outcome {
    let mut buffer = vec![0; 1 << 20];
    for path in files(folder)? {
        let mut read_all = || -> io::Result<()> {
            let mut file = File::open(&path)?;
            while file.read(&mut buffer)? > 0 {}
            Ok(())
        };
        read_all().during(|| format!("cannot read {}", path.display()))?;
    }
    Ok(())
}

fn write(path: &Path, seed: u64, size: u64) -> io::Result<()> {
    fill(&mut File::create(path)?, seed, size)
}

/// One block of noise, repeated with its number stamped in: as good as noise to a hash, and made at once.
pub(crate) fn fill(file: &mut File, seed: u64, size: u64) -> io::Result<()> {
    const BLOCK: usize = 1 << 20;
    let mut noise = Noise::new(seed);
    let length = usize::try_from(size).unwrap_or(BLOCK).min(BLOCK);
    let mut block = Vec::with_capacity(length + 8);
    while block.len() < length {
        block.extend(noise.next().to_le_bytes());
    }
    block.truncate(length);
    let (mut left, mut number) = (size, 0_u64);
    while left > 0 {
        if let Some(head) = block.first_chunk_mut::<8>() {
            *head = number.to_le_bytes();
        }
        let part = usize::try_from(left).unwrap_or(length).min(length);
        file.write_all(&block[..part])?;
        left -= part as u64;
        number += 1;
    }
    Ok(())
}

/// `SplitMix64`: a sequence that is the same everywhere.
pub(crate) struct Noise {
    state: u64,
}

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_splitmix64() {
        // The published first values for seed 1234567.
        let mut noise = Noise::new(1_234_567);
        assert_eq!(noise.next(), 6_457_827_717_110_365_317);
        assert_eq!(noise.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_folder_is_as_its_shape_says() {
        let bench = tempfile::tempdir().unwrap();
        let shape = Shape { title: "t", name: "n", files: 5, size: 2_500_000, per_folder: 2 };
        let folder = ensure(bench.path(), &shape).unwrap();
        let mut contents = Vec::new();
        for index in 0..5 {
            let path = folder.join(format!("part-{:03}/file-{index:05}.bin", index / 2));
            contents.push(fs::read(path).unwrap());
        }
        assert!(contents.iter().all(|content| content.len() == 2_500_000));
        contents.dedup();
        assert_eq!(contents.len(), 5);
        warm(&folder).unwrap();

        // A folder that grows has the files of one that was made at once.
        let grown = bench.path().join("grown");
        for (files, first) in [(3, 0), (5, 3)] {
            add(&grown, &Shape { files, ..shape }, first).unwrap();
        }
        let contents_of = |folder: &Path| -> Vec<(PathBuf, Vec<u8>)> {
            let read =
                |path: &PathBuf| (path.strip_prefix(folder).unwrap().to_path_buf(), fs::read(path).unwrap());
            files(folder).unwrap().iter().map(read).collect()
        };
        assert!(contents_of(&grown) == contents_of(&folder));
    }
}
