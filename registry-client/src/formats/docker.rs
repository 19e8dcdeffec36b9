//! Models of Docker's Model Runner. Layers say their path in `ModelPack`'s annotation; older ones say none and get the name
//! that Model Runner gives them when it unpacks (`pkg/distribution/internal/bundle/unpack.go`).

use super::{Part, annotated, archive, blob, path, unknown};
use crate::ArtifactFault;
use crate::RegistryError;
use crate::image::ImageManifest;
use crate::modelpack::ModelLayer;

/// Media types of the configuration.
pub(super) const CONFIGS: [&str; 2] =
    ["application/vnd.docker.ai.model.config.v0.1+json", "application/vnd.docker.ai.model.config.v0.2+json"];

const LAYER: &str = "application/vnd.docker.ai.";
/// Weights, which there may be several files of, and the ends of their names.
const WEIGHTS: [(&str, &str); 2] = [("gguf.v3", "gguf"), ("safetensors", "safetensors")];
/// What there is one of, and its name; none where only an annotation can say it.
const SINGLE: [(&str, Option<&str>); 5] = [
    ("mmproj", Some("model.mmproj")),
    ("chat.template.jinja", Some("template.jinja")),
    ("license", Some("LICENSE")),
    ("dduf", None),
    ("model.file", None),
];
const ARCHIVES: [&str; 2] = ["vllm.config.tar", "dir.tar"];

pub(super) fn parts(manifest: &ImageManifest) -> Result<Vec<Part>, RegistryError> {
    let kind = |media_type: &str| media_type.strip_prefix(LAYER).unwrap_or_default().to_owned();
    let count =
        |wanted: &str| manifest.layers().iter().filter(|wire| kind(&wire.media_type) == wanted).count();
    let mut met = [0; WEIGHTS.len()];
    let mut parts = Vec::with_capacity(manifest.layers().len());
    for (layer, wire) in manifest.layers().iter().enumerate() {
        let kind = kind(&wire.media_type);
        if ARCHIVES.contains(&kind.as_str()) {
            parts.push(archive(layer, wire, "", None)?);
            continue;
        }
        let weights = WEIGHTS.iter().position(|(found, _)| *found == kind);
        let single = SINGLE.iter().find(|(found, _)| *found == kind);
        let conventional = match (weights, single) {
            (Some(which), _) => {
                met[which] += 1;
                let (nth, all, end) = (met[which], count(&kind), WEIGHTS[which].1);
                Some(if all == 1 {
                    format!("model.{end}")
                } else {
                    format!("model-{nth:05}-of-{all:05}.{end}")
                })
            }
            (None, Some((_, name))) => name.map(str::to_owned),
            (None, None) => return Err(unknown(layer, wire)),
        };
        let descriptor = blob(layer, wire)?;
        let path = match (annotated(layer, &descriptor)?, conventional) {
            (Some(path), _) => path,
            (None, Some(name)) => path(layer, &name)?,
            (None, None) => return Err(ArtifactFault::PathMissing { layer }.into()),
        };
        parts.push(Part::File(ModelLayer { path, descriptor }));
    }
    Ok(parts)
}
