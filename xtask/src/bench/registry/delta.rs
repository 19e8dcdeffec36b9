//! What a new version moves that differs little from the old one, and what going back moves.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{Stand, copy};
use crate::bench::workload::{self, Noise};
use crate::cache;
use crate::failure::{Context, Failure, Outcome};
use crate::say;

/// A BLAKE3 subtree that can be proven alone.
const GROUP: u64 = 1 << 20;

/// Bytes that were moved.
pub(super) struct Delta {
    /// Bytes of the model.
    pub(super) all: u64,
    /// Bytes that were overwritten in place.
    pub(super) changed: u64,
    /// Bytes that `pull --reuse` fetched.
    pub(super) fetched: u64,
    /// Bytes that `pull --cache` fetched of a version that was there before.
    pub(super) rolled_back: u64,
}

impl Delta {
    /// Pushes a second version in which one group of a hundred was overwritten, and gets it beside the first one.
    pub(super) fn measure(stand: &Stand<'_>) -> Outcome<Self> {
        say::note("pulling a version that differs in one group of a hundred, and the old one again");
        let next = stand.scratch.join("next");
        copy(&stand.model, &next)?;
        let (all, changed) = overwrite(&next)?;
        stand.sign(&next, "next")?;
        stand.told(&stand.push("model", "v1"))?;
        stand.told(&stand.push("next", "v2"))?;
        let (old, new) = (stand.scratch.join("old"), stand.scratch.join("new"));
        let pull = |tag: &str, to: &Path, option: &str, folder: &Path| -> Outcome<u64> {
            cache::empty(to)?;
            cache::remove(to)?;
            let mut words = stand.pull(tag, to);
            words.extend([option.into(), folder.into()]);
            let told = stand.told(&words)?;
            let fetched = told.pointer("/result/moved/fetched").and_then(serde_json::Value::as_u64);
            fetched.ok_or_else(|| Failure::new(format!("nothing about what was fetched in {told}")))
        };
        let kept = stand.scratch.join("kept");
        pull("v1", &old, "--cache", &kept)?;
        let fetched = pull("v2", &new, "--reuse", &old)?;
        pull("v2", &new, "--cache", &kept)?;
        let rolled_back = pull("v1", &old, "--cache", &kept)?;
        for folder in [&next, &old, &new, &kept] {
            cache::remove(folder)?;
        }
        Ok(Self { all, changed, fetched, rolled_back })
    }
}

/// Overwrites every hundredth group with noise; gives the bytes of all files, and those that were overwritten.
fn overwrite(model: &Path) -> Outcome<(u64, u64)> {
    let (mut all, mut changed, mut number) = (0, 0, 0_u64);
    for path in workload::files(model)? {
        let open = || File::options().write(true).open(&path);
        let file = open().during(|| format!("cannot open {}", path.display()))?;
        let size = file.metadata().during(|| format!("cannot ask about {}", path.display()))?.len();
        for group in 0..size / GROUP {
            if number % 100 == 50 {
                let mut noise = Noise::new(0x0de1_7a00 + number);
                let bytes: Vec<u8> = (0..GROUP / 8).flat_map(|_| noise.next().to_le_bytes()).collect();
                file.write_all_at(&bytes, group * GROUP)
                    .during(|| format!("cannot write {}", path.display()))?;
                changed += GROUP;
            }
            number += 1;
        }
        all += size;
    }
    Ok((all, changed))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_group_of_a_hundred_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, vec![0; 200 << 20]).unwrap();
        assert_eq!(overwrite(folder.path()).unwrap(), (200 << 20, 2 << 20));
        let bytes = fs::read(&path).unwrap();
        let touched = |group: usize| bytes[group << 20..(group + 1) << 20].iter().any(|&byte| byte != 0);
        assert!(touched(50) && touched(150) && !touched(49) && !touched(51));
    }
}
