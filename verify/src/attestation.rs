//! Statements of any kind about one manifest: who signed them, and that they are about that manifest.
//!
//! What they say is left to whoever knows their predicate. A model signature is more than this: see [`Claim`](crate::Claim).

use lacre_attest::{Bundle, Limits, Statement};
use lacre_hash::Sha256Digest;

use crate::proof::{Attestation, Unverified, Verified};
use crate::report::{Report, Step};
use crate::signature::{Legacy, Signer};
use crate::{Failure, Requirements, VerifyError, signature};

impl Unverified<Attestation> {
    /// Reads a bundle. Nothing in it is believed.
    pub fn parse(bundle: &[u8], limits: &Limits) -> Result<Self, Box<Failure>> {
        match Bundle::parse(bundle, limits) {
            Ok(input) => Ok(Self { input }),
            Err(error) => Err(Report::default().fail(Step::Bundle, error.into())),
        }
    }

    /// Checks the signature, then the signer, then that the manifest of this digest is one of the subjects. The name and
    /// version that are demanded of models are not asked for: a statement about a manifest has none.
    ///
    /// # Errors
    /// `E-SUBJECT` when the statement is about something else; the codes of signatures and statements.
    pub fn verify(
        self,
        requirements: &Requirements,
        manifest: &Sha256Digest,
    ) -> Result<Verified<Attestation>, Box<Failure>> {
        let mut report = Report::default();
        report.pass(Step::Bundle, "well-formed");
        let (signer, mut report) = signature::verify(
            &self.input,
            requirements.trust(),
            requirements.reading_limits(),
            requirements.now(),
            Legacy::Refuse,
            report,
        )?;
        let payload = self.input.envelope().payload();
        let statement = match Statement::parse(payload, requirements.reading_limits()) {
            Ok(statement) => statement,
            Err(error) => return Err(report.fail(Step::Claim, error.into())),
        };
        let digest = manifest.to_string();
        let is_about = |subject: &lacre_attest::Subject| subject.digest.get("sha256") == Some(&digest);
        if !statement.subjects().iter().any(is_about) {
            return Err(report.fail(Step::Claim, VerifyError::Subject { manifest: *manifest }));
        }
        report.pass(Step::Claim, format!("about sha256:{digest}"));
        let predicate_type = statement.predicate_type().to_owned();
        Ok(Verified::strict(Attestation { predicate_type, signer, report }))
    }
}

impl Verified<Attestation> {
    /// Of which kind the claim is.
    pub fn predicate_type(&self) -> &str {
        &self.proven.predicate_type
    }

    /// Who claims it.
    pub fn signer(&self) -> &Signer {
        &self.proven.signer
    }

    /// What was checked.
    pub fn report(&self) -> &Report {
        &self.proven.report
    }
}
