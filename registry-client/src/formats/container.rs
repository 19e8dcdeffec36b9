//! A model as a container image: what a cluster mounts without knowing what a model is.

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use lacre_manifest::EntryPath;
use serde::Deserialize;

use super::plan::PlannedPack;
use super::{Part, archive, unknown};
use crate::descriptor::WireDescriptor;
use crate::modelpack::ModelConfig;
use crate::tar::{Pack, Packable};
use crate::{ArtifactFault, RegistryError};

/// Media type of an image's configuration (image specification 1.1, `config.md`).
pub const IMAGE_CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Where `KServe` looks for the files.
pub(super) const FOLDER: &str = "models";

/// Layers of an image: runtimes stack at most 127.
const MOST_LAYERS: usize = 100;
/// Of them, those that hold one file each, where there are more files.
const ALONE: usize = 64;

const TITLE: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";

pub(super) fn part(layer: usize, wire: &WireDescriptor) -> Result<Part, RegistryError> {
    match wire.media_type.strip_prefix(LAYER) {
        Some(suffix) => archive(layer, wire, suffix, Some(FOLDER)),
        None => Err(unknown(layer, wire)),
    }
}

/// The layers of an image of these files: each file its own, if there are few. Of many, the largest 64 have their own
/// (weights, whose layer stays the same when a small file changes), and the rest shares 36 of about one size, in the order
/// of the paths. Empty folders lie in the first layer.
///
/// # Errors
/// `E-ARTIFACT` for a name that whoever unpacks an image takes for the order to delete something.
pub(super) fn packs(files: Vec<Packable>, empty: Vec<EntryPath>) -> Result<Vec<PlannedPack>, RegistryError> {
    let names = files.iter().map(|file| &file.path).chain(&empty);
    for path in names {
        if path.components().any(|component| component.starts_with(".wh.")) {
            return Err(ArtifactFault::Whiteout { path: path.to_string() }.into());
        }
    }
    let mut empty = Some(empty);
    let pack = |files: Vec<Packable>| PlannedPack {
        media_type: LAYER,
        pack: Pack::beneath(FOLDER, files, empty.take().unwrap_or_default()),
    };
    Ok(groups(files).into_iter().map(pack).collect())
}

fn groups(mut files: Vec<Packable>) -> Vec<Vec<Packable>> {
    if files.len() > MOST_LAYERS {
        files.sort_unstable_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
        let mut shared = files.split_off(ALONE);
        shared.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let mut groups: Vec<Vec<Packable>> = files.into_iter().map(|file| vec![file]).collect();
        groups.extend(even(shared, MOST_LAYERS - ALONE));
        groups.sort_unstable_by(|a, b| a[0].path.cmp(&b[0].path));
        return groups;
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    files.into_iter().map(|file| vec![file]).collect()
}

/// At most `most` groups of about one size, none of them empty. A file without bytes counts as one that has some.
fn even(files: Vec<Packable>, most: usize) -> Vec<Vec<Packable>> {
    let weight = |file: &Packable| u128::from(file.size) + 512;
    let total: u128 = files.iter().map(weight).sum();
    let mut groups: Vec<Vec<Packable>> = Vec::new();
    let mut before = 0;
    let mut last = None;
    for file in files {
        // Which of the equal parts of the whole this file begins in.
        let part = before * most as u128 / total.max(1);
        before += weight(&file);
        if last == Some(part)
            && let Some(group) = groups.last_mut()
        {
            group.push(file);
        } else {
            groups.push(vec![file]);
            last = Some(part);
        }
    }
    groups
}

/// The configuration. There is nothing in the files that only one kind of processor can read, but runtimes look for an
/// image of their own kind: this is the one that most of them take.
pub(super) fn config(diff_ids: &[Sha256Digest], name: &str, version: Option<&str>) -> Vec<u8> {
    let mut labels = BTreeMap::from([(TITLE, name)]);
    labels.extend(version.map(|version| (VERSION, version)));
    let diff_ids: Vec<String> = diff_ids.iter().map(|digest| format!("sha256:{digest}")).collect();
    lacre_json::to_vec(&serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Labels": labels },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    }))
}

#[derive(Deserialize)]
struct Wire {
    config: Option<WireRun>,
    rootfs: WireRootFs,
}

#[derive(Deserialize)]
struct WireRun {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct WireRootFs {
    #[serde(rename = "type")]
    kind: String,
    diff_ids: Vec<String>,
}

/// What an image's configuration says of the model.
pub(crate) fn labels(bytes: &[u8]) -> Result<ModelConfig, lacre_json::JsonError> {
    let wire: Wire = lacre_json::from_slice(bytes, crate::descriptor::JSON_LIMITS)?;
    let mut labels = wire.config.and_then(|config| config.labels).unwrap_or_default();
    Ok(ModelConfig { name: labels.remove(TITLE), version: labels.remove(VERSION) })
}

/// Whether a configuration lists these layers: the digests of those that are not compressed.
pub(crate) fn rootfs_fits(
    bytes: &[u8],
    layers: &[Option<Sha256Digest>],
) -> Result<bool, lacre_json::JsonError> {
    let wire: Wire = lacre_json::from_slice(bytes, crate::descriptor::JSON_LIMITS)?;
    let rootfs = wire.rootfs;
    Ok(rootfs.kind == "layers" && crate::modelpack::lists(&rootfs.diff_ids, layers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sizes: &[u64]) -> Vec<Packable> {
        let file = |(index, &size): (usize, &u64)| Packable {
            path: EntryPath::parse(&format!("f{index:05}")).unwrap(),
            size,
            mode: 0o644,
        };
        sizes.iter().enumerate().map(file).collect()
    }

    #[test]
    fn few_files_have_a_layer_each_and_many_share() {
        assert_eq!(groups(files(&[1; 100])).len(), 100);
        let mut sizes = vec![10; 5000];
        sizes[4321] = 1 << 40;
        let made = groups(files(&sizes));
        assert_eq!(made.len(), MOST_LAYERS);
        let alone = made.iter().find(|group| group.iter().any(|file| file.size > 10)).unwrap();
        assert_eq!(alone.len(), 1, "the largest has its own");
        assert_eq!(made.iter().map(Vec::len).sum::<usize>(), 5000);
        for size in [0, 1, u64::MAX / 2] {
            let made = groups(files(&[size; 101]));
            assert!(made.len() <= MOST_LAYERS && made.iter().all(|group| !group.is_empty()), "{size}");
        }
    }

    #[test]
    fn a_name_that_deletes_is_not_packed() {
        for name in [".wh.x", "a/.wh..wh..opq", ".wh.a/b"] {
            let file = Packable { path: EntryPath::parse(name).unwrap(), size: 0, mode: 0o644 };
            assert_eq!(packs(vec![file], Vec::new()).unwrap_err().code(), "E-ARTIFACT", "{name}");
        }
    }
}
