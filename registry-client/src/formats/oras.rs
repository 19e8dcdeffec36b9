//! What `oras push` makes of files and folders: a file is a layer under its title, whatever its media type; a folder is a
//! compressed archive whose paths begin with the folder's own.

use super::{Part, annotated, archive, blob};
use crate::ArtifactFault;
use crate::RegistryError;
use crate::descriptor::WireDescriptor;
use crate::modelpack::ModelLayer;

/// Media type of the configuration that ORAS made up before there was an empty one.
pub(super) const UNKNOWN_CONFIG: &str = "application/vnd.unknown.config.v1+json";

/// Says that a layer is the archive of a folder.
const UNPACK: &str = "io.deis.oras.content.unpack";

pub(super) fn part(layer: usize, wire: &WireDescriptor) -> Result<Part, RegistryError> {
    let annotation = |key: &str| wire.annotations.as_ref().and_then(|all| all.get(key)).map(String::as_str);
    if annotation(UNPACK) == Some("true") {
        // Whatever the media type says, this is how ORAS packs and unpacks them.
        return archive(layer, wire, "+gzip", None);
    }
    let descriptor = blob(layer, wire)?;
    let path = annotated(layer, &descriptor)?.ok_or(ArtifactFault::PathMissing { layer })?;
    Ok(Part::File(ModelLayer { path, descriptor }))
}
