//! The file in which the outcome of an update is kept: one file, so that it is replaced in one step.
//!
//! It holds what was verified, and the metadata that it was verified by: the next update starts there, so that nobody can
//! lead it back to an older state. Whoever can write to the file is trusted like the program itself.

use std::collections::BTreeMap;
use std::time::SystemTime;

use lacre_manifest::escape;
use serde::{Deserialize, Serialize};

use super::{SigstoreTrust, usable};
use crate::SignError;

/// What such a file calls itself.
const MEDIA_TYPE: &str = "application/vnd.lacre.sigstore-trust.v1+json";
/// The longest file, in bytes.
const SIZE_LIMIT: usize = 16 * 1024 * 1024;
const DEPTH_LIMIT: usize = 4;

/// The repository's metadata, by the names under which the TUF client looks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) files: BTreeMap<String, String>,
}

/// The versions of the top-level roles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions {
    pub(super) root: u64,
    pub(super) timestamp: u64,
    pub(super) snapshot: u64,
    pub(super) targets: u64,
}

impl Metadata {
    pub(super) fn versions(&self) -> Option<Versions> {
        let version = |name: &str| {
            let value: serde_json::Value = serde_json::from_str(self.files.get(name)?).ok()?;
            value["signed"]["version"].as_u64()
        };
        Some(Versions {
            root: version("root.json")?,
            timestamp: version("timestamp.json")?,
            snapshot: version("snapshot.json")?,
            targets: version("targets.json")?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    as_of: String,
    media_type: String,
    metadata: BTreeMap<String, String>,
    repository: String,
    signing_config: Option<String>,
    trusted_root: String,
}

impl SigstoreTrust {
    /// Whether a text means to be such a file.
    pub fn is_one(text: &[u8]) -> bool {
        text.windows(MEDIA_TYPE.len()).any(|window| window == MEDIA_TYPE.as_bytes())
    }

    /// Reads what [`to_json`](Self::to_json) wrote. `E-TRUST-CONFIG`: it is damaged, or something else.
    pub fn from_json(text: &[u8]) -> Result<Self, SignError> {
        let damaged = |detail: String| SignError::TrustConfig { detail };
        let wire: Wire = lacre_json::from_slice(text, lacre_json::Limits::new(SIZE_LIMIT, DEPTH_LIMIT))
            .map_err(|error| damaged(format!("is damaged: {error}")))?;
        if wire.media_type != MEDIA_TYPE {
            return Err(damaged(format!("is of type `{}`, not {MEDIA_TYPE}", escape(&wire.media_type))));
        }
        let as_of: jiff::Timestamp =
            wire.as_of.parse().map_err(|error| damaged(format!("is damaged: its time: {error}")))?;
        usable(&wire.trusted_root)?;
        Ok(Self {
            repository: Some(wire.repository),
            as_of: SystemTime::from(as_of),
            trusted_root: wire.trusted_root,
            signing_config: wire.signing_config,
            metadata: Metadata { files: wire.metadata },
        })
    }

    /// The file to keep. `None` for what is built in.
    pub fn to_json(&self) -> Option<Vec<u8>> {
        let as_of = jiff::Timestamp::try_from(self.as_of).ok()?.to_string();
        Some(lacre_json::to_vec(&Wire {
            as_of,
            media_type: MEDIA_TYPE.to_owned(),
            metadata: self.metadata.files.clone(),
            repository: self.repository.clone()?,
            signing_config: self.signing_config.clone(),
            trusted_root: self.trusted_root.clone(),
        }))
    }
}
