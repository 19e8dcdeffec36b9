//! The way of a model through a policy, as the command line goes it: which policy, which channel the rule wants to be asked,
//! and what is told of the judgement.
//!
//! ```text
//! --policy FILE ───────────────────────► Gate ─ rule ─► Asked (the channel that the rule wants) ─► facts ─► judgement ─► words
//! --policy NAME@CHANNEL ─► carried ──┘
//! ```

mod asked;
mod carried;
mod words;

use std::path::Path;

use lacre_verify::Policy;
use serde_json::Value;

use crate::error::CliError;
use crate::session::Session;
use crate::{sigstore_trust, text};

pub(crate) use asked::{Asked, Following};
pub(crate) use carried::CarriedArgs;
pub(crate) use words::{judgement_json, judgement_rows, tell_decision, tell_waived};

/// A policy that was read.
#[derive(Debug)]
pub(crate) struct Gate {
    name: String,
    policy: Policy,
    /// What the channel says of it that it came over.
    release: Option<Value>,
}

impl Gate {
    /// Reads a policy that lies in a file.
    pub(crate) fn read(file: &Path) -> Result<Self, CliError> {
        let policy = Policy::read_with(file, &sigstore_trust::public_good_root).map_err(CliError::Trust)?;
        Ok(Self { name: text::path(file), policy, release: None })
    }

    /// Reads the policy that `said` names: a file, or, where a channel is named for it, NAME@CHANNEL.
    pub(crate) fn open(
        said: &Path,
        carried: &CarriedArgs,
        following: Following<'_>,
        session: &Session,
    ) -> Result<Self, CliError> {
        let Some(place) = carried.channel() else { return Self::read(said) };
        let found = carried.fetch(&text::path(said), place, following, session)?;
        Ok(Self { name: found.name, policy: found.policy, release: Some(found.release) })
    }

    /// What it says.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What it is called: its file, or its name and version in a channel.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the channel says of it that it came over.
    pub(crate) fn release(&self) -> Option<&Value> {
        self.release.as_ref()
    }
}
