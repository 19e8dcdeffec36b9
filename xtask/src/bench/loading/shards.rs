//! A model in shards, as large ones are published.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::bench::workload;
use crate::cache;
use crate::failure::{Context, Outcome};
use crate::say;
use crate::stamp::Stamp;

/// Bytes of one matrix: F16, 8192 × 8192.
const MATRIX: u64 = 128 << 20;
/// Matrices of one shard.
const OF_A_SHARD: u64 = 4;

/// How large the model is.
#[derive(Clone, Copy)]
pub(crate) struct Shards {
    pub(super) title: &'static str,
    /// The name of the folder.
    pub(super) name: &'static str,
    pub(super) number: u64,
}

impl Shards {
    /// Bytes of the tensors.
    pub(super) const fn bytes(&self) -> u64 {
        self.number * OF_A_SHARD * MATRIX
    }

    /// Makes the folder if it is not there, and gives it.
    pub(super) fn ensure(&self, bench: &Path) -> Outcome<PathBuf> {
        let folder = bench.join(self.name);
        let stamp = Stamp::new(bench.join("stamps").join(self.name), format!("1: {} shards\n", self.number));
        if stamp.is_set() && folder.is_dir() {
            return Ok(folder);
        }
        stamp.clear()?;
        say::note(format!("making {}", self.title));
        cache::empty(&folder)?;
        fs::create_dir_all(&folder).during(|| format!("cannot make {}", folder.display()))?;
        for shard in 0..self.number {
            let path = folder.join(self.file(shard));
            Self::write(&path, shard).during(|| format!("cannot write {}", path.display()))?;
        }
        let index = folder.join("model.safetensors.index.json");
        fs::write(&index, self.index()).during(|| format!("cannot write {}", index.display()))?;
        stamp.set()?;
        Ok(folder)
    }

    fn file(&self, shard: u64) -> String {
        format!("model-{:05}-of-{:05}.safetensors", shard + 1, self.number)
    }

    fn write(path: &Path, shard: u64) -> io::Result<()> {
        let tensors = (0..OF_A_SHARD).map(|place| {
            let (start, end) = (place * MATRIX, (place + 1) * MATRIX);
            let name = tensor(shard, place);
            format!(r#""{name}":{{"dtype":"F16","shape":[8192,8192],"data_offsets":[{start},{end}]}}"#)
        });
        let header = format!("{{{}}}", tensors.collect::<Vec<_>>().join(","));
        // The format wants the values to begin at a multiple of eight.
        let header = format!("{header:<width$}", width = header.len().next_multiple_of(8));
        let mut file = File::create(path)?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        workload::fill(&mut file, shard, OF_A_SHARD * MATRIX)
    }

    fn index(&self) -> String {
        let map = (0..self.number).flat_map(|shard| {
            (0..OF_A_SHARD).map(move |place| format!(r#""{}":"{}""#, tensor(shard, place), self.file(shard)))
        });
        let map = map.collect::<Vec<_>>().join(",");
        format!(r#"{{"metadata":{{"total_size":{}}},"weight_map":{{{map}}}}}"#, self.bytes())
    }
}

fn tensor(shard: u64, place: u64) -> String {
    format!("layers.{}.weight", shard * OF_A_SHARD + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_names_each_tensor_and_its_shard() {
        let shards = Shards { title: "t", name: "n", number: 2 };
        let index: serde_json::Value = serde_json::from_str(&shards.index()).unwrap();
        assert_eq!(index["metadata"]["total_size"], 1_u64 << 30);
        assert_eq!(index["weight_map"].as_object().unwrap().len(), 8);
        assert_eq!(index["weight_map"]["layers.5.weight"], "model-00002-of-00002.safetensors");
    }
}
