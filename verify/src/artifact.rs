//! From bundles to a manifest of a store that trusted signers stand for: what `cosign sign` signs.
//!
//! It says nothing about a model: neither its name nor its files. It says that the bytes behind a digest are the signers', before
//! anything in them is looked at.

use lacre_attest::{Bundle, COSIGN_SIGN_PREDICATE_TYPE, Limits, ManifestClaim, Statement};
use lacre_hash::Sha256Digest;
use lacre_manifest::escape;

use crate::proof::{Artifact, ArtifactInput, Unverified, Verified};
use crate::report::{Report, Step};
use crate::signature::{Legacy, Signer};
use crate::{Failure, Requirements, VerifyError, signature};

impl Unverified<Artifact> {
    /// The manifest of this digest, and nobody who stands for it.
    pub fn manifest(digest: Sha256Digest) -> Self {
        Self { input: ArtifactInput { manifest: digest, bundles: Vec::new() } }
    }

    /// The same, with one more bundle. Nothing in it is believed, and one that cannot be read does no harm: whoever can add a
    /// bundle could add a bad one.
    #[must_use]
    pub fn and_bundle(mut self, bundle: &[u8], limits: &Limits) -> Self {
        let bundle = Bundle::parse(bundle, limits);
        self.input.bundles.push(bundle.map_err(|error| Report::default().fail(Step::Bundle, error.into())));
        self
    }

    /// Checks signatures, then signers, then that what they signed is this manifest; and whether as many distinct signers as
    /// are demanded did. Names and versions are what a model's own signature is about: they are not demanded here.
    ///
    /// # Errors
    /// When no bundle was accepted, the refusal that came furthest; `E-TOO-FEW-SIGNERS` when too few distinct signers stand
    /// for it, or when there is no bundle; `E-PREDICATE-TYPE` when a bundle is no signature of manifests,
    /// `E-ARTIFACT-MISMATCH` when it is one of others.
    pub fn verify(self, requirements: &Requirements) -> Result<Verified<Artifact>, Box<Failure>> {
        let ArtifactInput { manifest, bundles } = self.input;
        let wanted = requirements.wanted_signers().get();
        let mut found: Option<(Vec<Signer>, Report)> = None;
        let mut refused: Option<Box<Failure>> = None;
        for bundle in bundles {
            let one = bundle.and_then(|bundle| stands_for(&manifest, &bundle, requirements));
            match (one, &mut found) {
                (Err(failure), _) => {
                    refused = Some(match refused {
                        None => failure,
                        Some(other) => other.or_further(failure),
                    });
                }
                (Ok((signer, report)), None) => found = Some((vec![signer], report)),
                (Ok((signer, _)), Some((signers, _))) => {
                    if !signers.iter().any(|other| other.is(&signer)) {
                        signers.push(signer);
                    }
                }
            }
            if found.as_ref().is_some_and(|(signers, _)| signers.len() >= wanted) {
                break;
            }
        }
        let Some((signers, mut report)) = found else {
            return Err(refused.unwrap_or_else(|| {
                let error = VerifyError::TooFewSigners { found: 0, wanted, why: None };
                Report::default().fail(Step::Bundle, error)
            }));
        };
        if signers.len() < wanted {
            let why = refused.map(|failure| failure.to_string());
            let error = VerifyError::TooFewSigners { found: signers.len(), wanted, why };
            return Err(report.fail(Step::Signer, error));
        }
        report.signers.clone_from(&signers);
        Ok(Verified { proven: Artifact { manifest, signers, report } })
    }
}

impl Verified<Artifact> {
    /// The manifest.
    pub fn manifest(&self) -> &Sha256Digest {
        &self.proven.manifest
    }

    /// Who stands for it: as many distinct signers as were demanded, or more.
    pub fn signers(&self) -> &[Signer] {
        &self.proven.signers
    }

    /// What was checked.
    pub fn report(&self) -> &Report {
        &self.proven.report
    }
}

/// Who signed `manifest` by this bundle.
fn stands_for(
    manifest: &Sha256Digest,
    bundle: &Bundle,
    requirements: &Requirements,
) -> Result<(Signer, Report), Box<Failure>> {
    let mut report = Report::default();
    report.pass(Step::Bundle, "well-formed");
    let (signer, mut report) = signature::verify(
        bundle,
        requirements.trust(),
        requirements.reading_limits(),
        requirements.now(),
        // What was before 1.0 signed models only.
        Legacy::Refuse,
        report,
    )?;
    // No byte of the payload is interpreted before.
    match claimed(manifest, bundle, requirements.reading_limits()) {
        Ok(()) => report.pass(Step::Claim, format!("stands for the manifest sha256:{manifest}")),
        Err(error) => return Err(report.fail(Step::Claim, error)),
    }
    Ok((signer, report))
}

fn claimed(manifest: &Sha256Digest, bundle: &Bundle, limits: &Limits) -> Result<(), VerifyError> {
    let statement = Statement::parse(bundle.envelope().payload(), limits)?;
    let claim = ManifestClaim::from_statement(&statement)?;
    if !claim.is_signature() {
        let found = escape(claim.predicate_type());
        let expected = COSIGN_SIGN_PREDICATE_TYPE;
        return Err(lacre_attest::AttestError::PredicateType { found, expected }.into());
    }
    if !claim.manifests().contains(manifest) {
        return Err(VerifyError::OtherManifest { manifest: *manifest });
    }
    Ok(())
}
