//! Models of Ollama: layers have a kind and no name, so they get the ones that stand here.

use super::{Part, blob, path, unknown};
use crate::RegistryError;
use crate::image::ImageManifest;
use crate::modelpack::ModelLayer;

/// How the media types of layers begin.
pub(super) const LAYER: &str = "application/vnd.ollama.image.";

/// Kinds of layers, and the name of the file that each becomes: its stem and its end.
const KINDS: [(&str, &str, &str); 8] = [
    ("model", "model", ".gguf"),
    ("projector", "projector", ".gguf"),
    ("adapter", "adapter", ".gguf"),
    ("template", "template", ""),
    ("system", "system", ""),
    ("params", "params", ".json"),
    ("messages", "messages", ".json"),
    ("license", "LICENSE", ""),
];

/// The first layer of a kind has its plain name; a second one is numbered: `LICENSE-2`.
pub(super) fn parts(manifest: &ImageManifest) -> Result<Vec<Part>, RegistryError> {
    let mut met = [0; KINDS.len()];
    let mut parts = Vec::with_capacity(manifest.layers().len());
    for (layer, wire) in manifest.layers().iter().enumerate() {
        let kind = wire.media_type.strip_prefix(LAYER).unwrap_or_default();
        let which = KINDS.iter().position(|(found, _, _)| *found == kind);
        let which = which.ok_or_else(|| unknown(layer, wire))?;
        let (_, stem, end) = KINDS[which];
        met[which] += 1;
        let name = match met[which] {
            1 => format!("{stem}{end}"),
            nth => format!("{stem}-{nth}{end}"),
        };
        let descriptor = blob(layer, wire)?;
        parts.push(Part::File(ModelLayer { path: path(layer, &name)?, descriptor }));
    }
    Ok(parts)
}
