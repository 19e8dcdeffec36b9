//! The SLSA Verification Summary of a decision: signed, in a file.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use lacre_sign::Signer;
use lacre_verify::decision::{Decision, SummaryNames};

use super::args::DecisionArgs;
use crate::error::CliError;
use crate::session::Session;
use crate::{save, signer, text};

/// How long an agent, a service or a program may take to sign.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who signs summaries, and where they go.
pub(super) struct SummaryHand<'s> {
    path: &'s Path,
    signer: Box<dyn Signer + 's>,
    names: SummaryNames,
    session: &'s Session,
}

impl DecisionArgs {
    /// Opens the key, so that a passphrase is asked for before the work.
    pub(super) fn open_summary<'s>(
        &'s self,
        session: &'s Session,
    ) -> Result<Option<SummaryHand<'s>>, CliError> {
        let (Some(path), Some(key)) = (&self.vsa, &self.vsa_key) else { return Ok(None) };
        save::check(path, session.existing())?;
        let signer = signer::open(key, self.vsa_passphrase_file.as_deref(), PATIENCE, session)?;
        let verifier = self.vsa_verifier.clone();
        let verifier =
            verifier.unwrap_or_else(|| format!("urn:lacre:verifier:sha256:{}", signer.public_key().hint()));
        let names = SummaryNames { verifier, resource: self.vsa_resource.clone() };
        Ok(Some(SummaryHand { path, signer, names, session }))
    }
}

impl SummaryHand<'_> {
    /// Writes the summary of a decision. Where there is nothing that it could be about, one that would have been replaced is
    /// removed: it must not pass for that of this decision.
    pub(super) fn write(&self, decision: &Decision) -> Result<(), CliError> {
        let Some(summary) = decision.summary(&self.names) else {
            self.session.warn("no verification summary: nothing was proven that it could be about");
            return match fs::remove_file(self.path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    Err(CliError::Output { path: text::path(self.path), source })
                }
                _ => Ok(()),
            };
        };
        let declared = summary.declare(&self.session.limits())?;
        let bundle = lacre_sign::seal_declaration(&declared, &*self.signer)?;
        save::write(self.path, &bundle.to_json(), self.session.existing())
    }
}
