//! Who stands for a manifest in a store: signatures as `cosign sign` makes them.
//!
//! Such a signature says nothing about the files of a model, and never takes the place of one that does. It proves what
//! only the manifest says: its annotations, and which configuration belongs to it.

use lacre_attest::{Bundle, COSIGN_SIGN_PREDICATE_TYPE, Limits, ManifestClaim, Statement};
use lacre_hash::Sha256Digest;

use crate::proof::{ManifestSignature, Unverified, Verified};
use crate::report::{Report, Step};
use crate::signature::Signer;
use crate::{Failure, Requirements, VerifyError, signature};

impl Unverified<ManifestSignature> {
    /// Reads a bundle. Nothing in it is believed.
    pub fn parse(bundle: &[u8], limits: &Limits) -> Result<Self, Box<Failure>> {
        match Bundle::parse(bundle, limits) {
            Ok(input) => Ok(Self { input }),
            Err(error) => Err(Report::default().fail(Step::Bundle, error.into())),
        }
    }

    /// Checks the signature, then the signer, then that it is one over manifests. Expectations of a name or version are not
    /// asked: nothing of that is signed here.
    pub fn verify(self, requirements: &Requirements) -> Result<Verified<ManifestSignature>, Box<Failure>> {
        let mut report = Report::default();
        report.pass(Step::Bundle, "well-formed");
        let (signer, report) = signature::verify(
            &self.input,
            requirements.trust(),
            requirements.reading_limits(),
            requirements.now(),
            signature::Legacy::Refuse,
            report,
        )?;
        match read_claim(&self.input, requirements) {
            Ok(claim) => {
                Ok(Verified::strict(ManifestSignature { manifests: claim.manifests().to_vec(), signer }))
            }
            Err(error) => Err(report.fail(Step::Claim, error)),
        }
    }
}

impl Verified<ManifestSignature> {
    /// The manifests that the signer stands for, at least one.
    pub fn manifests(&self) -> &[Sha256Digest] {
        &self.proven.manifests
    }

    /// Who stands for them.
    pub fn signer(&self) -> &Signer {
        &self.proven.signer
    }

    /// The distinct signers who stand for `manifest`; nobody if they are fewer than are demanded. Who signed it alone says
    /// as little then as nobody.
    pub fn signers_of(
        manifest: &Sha256Digest,
        signatures: impl IntoIterator<Item = Self>,
        requirements: &Requirements,
    ) -> Vec<Signer> {
        let mut signers: Vec<Signer> = Vec::new();
        for Self { proven: ManifestSignature { manifests, signer }, .. } in signatures {
            if manifests.contains(manifest) && !signers.iter().any(|other| other.is(&signer)) {
                signers.push(signer);
            }
        }
        if signers.len() < requirements.wanted_signers().get() {
            signers.clear();
        }
        signers
    }
}

/// Called only after the signature was found good.
fn read_claim(bundle: &Bundle, requirements: &Requirements) -> Result<ManifestClaim, VerifyError> {
    let statement = Statement::parse(bundle.envelope().payload(), requirements.reading_limits())?;
    let claim = ManifestClaim::from_statement(&statement)?;
    if claim.is_signature() {
        return Ok(claim);
    }
    let found = format!("\"{}\"", lacre_manifest::escape(claim.predicate_type()));
    Err(lacre_attest::AttestError::PredicateType { found, expected: COSIGN_SIGN_PREDICATE_TYPE }.into())
}
