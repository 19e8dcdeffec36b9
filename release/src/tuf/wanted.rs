//! What a refresh asks for.

use lacre_hash::Sha256Digest;
use sigstore_tuf::MetaFile;

use super::name::quote;
use super::target::sha256_of;

/// What kind of file is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WantedKind {
    /// Metadata, in the folder of metadata.
    Metadata,
    /// A target, below the folder of targets.
    Target,
}

/// A file that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WantedFile {
    /// What it is.
    pub what: WantedKind,
    /// The name of the file, as in `7.snapshot.json` or `channels/org/name/<sha256>.stable.json`.
    pub name: String,
    /// How long it can be, in bytes. Nobody need read on.
    pub limit: u64,
    /// Its SHA-256, if the signed metadata has it.
    pub digest: Option<Sha256Digest>,
    /// Whether its absence is an answer.
    pub may_be_absent: bool,
}

impl WantedFile {
    /// Its address relative to that of the folder. The names of metadata are written for addresses already.
    pub fn url_path(&self) -> String {
        match self.what {
            WantedKind::Metadata => self.name.clone(),
            WantedKind::Target => self.name.split('/').map(quote).collect::<Vec<_>>().join("/"),
        }
    }

    /// Metadata of at most `limit` bytes, and of what is signed to be in it.
    pub(super) fn metadata(name: String, limit: usize, pin: Option<&MetaFile>) -> Self {
        let most = limit as u64;
        Self {
            what: WantedKind::Metadata,
            name,
            limit: pin.and_then(|pin| pin.length).map_or(most, |length| length.min(most)),
            digest: sha256_of(pin.and_then(|pin| pin.hashes.as_ref())),
            may_be_absent: false,
        }
    }
}
