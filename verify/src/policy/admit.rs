//! The last step: a proven model and a judgement about it become a model that may be loaded, or a refusal.

use lacre_hash::{Blake3Digest, ChunkList};
use lacre_manifest::Manifest;

use super::judgement::{Finding, Judgement, Violation};
use crate::proof::{Extent, Model, Strict, Verified, Waived};
use crate::{Failure, Report, VerifyError};

/// A model that a policy lets be loaded.
#[derive(Debug)]
pub enum Admitted<T = Model> {
    /// It meets every demand.
    Strict(Verified<T, Strict>),
    /// It does not, and is let through: by a rule that only warns, or one that is suspended.
    Waived(Verified<T, Waived>),
}

impl<T: Extent> Admitted<T> {
    /// What was checked.
    pub fn report(&self) -> &Report {
        match self {
            Self::Strict(model) => model.report(),
            Self::Waived(model) => model.report(),
        }
    }

    /// The files that were proven.
    pub fn manifest(&self) -> &Manifest {
        match self {
            Self::Strict(model) => model.manifest(),
            Self::Waived(model) => model.manifest(),
        }
    }

    /// The BLAKE3 trees of its files: see [`Verified::chunk_lists`].
    pub fn chunk_lists(&self) -> impl Iterator<Item = (&Blake3Digest, &ChunkList)> {
        let (strict, waived) = match self {
            Self::Strict(model) => (Some(model.chunk_lists()), None),
            Self::Waived(model) => (None, Some(model.chunk_lists())),
        };
        strict.into_iter().flatten().chain(waived.into_iter().flatten())
    }

    /// The model, if it meets every demand.
    ///
    /// # Errors
    /// What was waived.
    pub fn strict(self) -> Result<Verified<T, Strict>, Waived> {
        match self {
            Self::Strict(model) => Ok(model),
            Self::Waived(model) => Err(model.standing),
        }
    }
}

impl Judgement {
    /// The refusal, if there is one: to be asked before the content is read, and again afterwards.
    ///
    /// # Errors
    /// The code of the first demand that is not met.
    pub fn refusal(&self) -> Result<(), VerifyError> {
        if !self.is_refused() {
            return Ok(());
        }
        let mut violations = self.violations();
        let Some(violation) = violations.next() else { return Ok(()) };
        Err(self.refused(violation.clone(), violations.count()))
    }

    pub(super) fn refused(&self, violation: Violation, more: usize) -> VerifyError {
        VerifyError::PolicyRefused { rule: self.rule.clone(), violation, more }
    }

    /// Lets a model be loaded, or refuses it. The judgement must be about this model: its content was looked at, where the
    /// rule asks for that.
    ///
    /// # Errors
    /// The code of the first demand that is not met; whatever the rule waives, `E-POLICY-OTHER` when the judgement is about
    /// another model, and `E-POLICY-FORMAT` when nobody looked at the content and the rule wants it.
    pub fn admit<T: Extent>(&self, model: Verified<T, Strict>) -> Result<Admitted<T>, Box<Failure>> {
        let unseen = self.judged.iter().find(|judged| judged.finding == Finding::Open).map(|judged| {
            Violation::new("E-POLICY-FORMAT", format!("nobody looked whether {}", judged.demand))
        });
        let never = self.foreign(&model).or(unseen).map(|violation| self.refused(violation, 0));
        if let Err(error) = never.map_or_else(|| self.refusal(), Err) {
            return Err(Box::new(Failure { error, report: model.report().clone() }));
        }
        let failed = self.waived();
        if failed.is_empty() {
            return Ok(Admitted::Strict(model));
        }
        Ok(Admitted::Waived(Verified { proven: model.proven, standing: Waived { failed } }))
    }
}
