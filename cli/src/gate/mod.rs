//! The way of a model through a policy, as the command line goes it: which policy, which channel the rule wants to be asked,
//! and what is told of the judgement.
//!
//! ```text
//! --policy FILE ─► Gate ─ rule ─► Asked (the channel that the rule wants) ─► facts ─► judgement ─► words
//! ```

mod asked;
mod words;

use std::path::{Path, PathBuf};

use lacre_verify::Policy;

use crate::error::CliError;
use crate::sigstore_trust;

pub(crate) use asked::{Asked, Following};
pub(crate) use words::{judgement_json, judgement_rows, tell_decision, tell_waived};

/// A policy that was read.
#[derive(Debug)]
pub(crate) struct Gate {
    file: PathBuf,
    policy: Policy,
}

impl Gate {
    /// Reads a policy.
    pub(crate) fn read(file: &Path) -> Result<Self, CliError> {
        let policy = Policy::read_with(file, &sigstore_trust::public_good_root).map_err(CliError::Trust)?;
        Ok(Self { file: file.to_owned(), policy })
    }

    /// What it says.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Where it lies.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }
}
