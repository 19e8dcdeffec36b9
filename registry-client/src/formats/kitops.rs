//! `KitOps` `ModelKits`: archives whose paths are those of the folder that was packed; the Kitfile is the configuration.

use serde::Deserialize;

use super::{Part, archive, unknown};
use crate::RegistryError;
use crate::descriptor::{JSON_LIMITS, WireDescriptor};
use crate::modelpack::ModelConfig;

/// Media type of the configuration: the Kitfile, in JSON.
pub(super) const CONFIG: &str = "application/vnd.kitops.modelkit.config.v1+json";

const LAYER: &str = "application/vnd.kitops.modelkit.";
const KINDS: [&str; 8] = ["model", "modelpart", "dataset", "code", "docs", "prompt", "prompts", "skill"];

pub(super) fn part(layer: usize, wire: &WireDescriptor) -> Result<Part, RegistryError> {
    let found = wire.media_type.strip_prefix(LAYER).and_then(|rest| rest.split_once(".v1.tar"));
    match found {
        Some((kind, suffix)) if KINDS.contains(&kind) => archive(layer, wire, suffix, None),
        _ => Err(unknown(layer, wire)),
    }
}

#[derive(Deserialize)]
struct Kitfile {
    package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    version: Option<String>,
}

/// What a Kitfile says of the model.
pub(crate) fn package(bytes: &[u8]) -> Result<ModelConfig, lacre_json::JsonError> {
    let file: Kitfile = lacre_json::from_slice(bytes, JSON_LIMITS)?;
    let (name, version) = file.package.map_or((None, None), |package| (package.name, package.version));
    Ok(ModelConfig { name, version })
}
