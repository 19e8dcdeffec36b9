//! Statements of any kind about one manifest: who signed them, and that they are about that manifest.
//!
//! What they say is left to whoever knows their predicate. A model signature is more than this: see [`Claim`](crate::Claim).

use lacre_attest::{Bundle, Limits, Statement, Subject};
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
        let digest = manifest.to_string();
        let is_about = |subject: &Subject| subject.digest.get("sha256") == Some(&digest);
        match self.verify_about(requirements, &is_about) {
            Err(mut failure) if matches!(failure.error, VerifyError::OtherSubject) => {
                failure.error = VerifyError::Subject { manifest: *manifest };
                Err(failure)
            }
            verified => verified.map(|(attestation, _)| attestation),
        }
    }

    /// Of which kind the claim calls itself; nothing when it cannot be read. Not verified.
    pub(crate) fn predicate_type(&self, limits: &Limits) -> Option<String> {
        let statement = Statement::parse(self.input.envelope().payload(), limits).ok()?;
        Some(statement.predicate_type().to_owned())
    }

    /// The same for whatever the statement has to be about; gives the payload, too.
    pub(crate) fn verify_about(
        self,
        requirements: &Requirements,
        is_about: &dyn Fn(&Subject) -> bool,
    ) -> Result<(Verified<Attestation>, Vec<u8>), Box<Failure>> {
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
        if !statement.subjects().iter().any(is_about) {
            return Err(report.fail(Step::Claim, VerifyError::OtherSubject));
        }
        report.pass(Step::Claim, "about what it came with");
        let predicate_type = statement.predicate_type().to_owned();
        let payload = payload.to_vec();
        Ok((Verified::strict(Attestation { predicate_type, signer, report }), payload))
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
