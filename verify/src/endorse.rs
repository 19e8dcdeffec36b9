//! From bundles to a claim: what each signer says, and whether enough of them say the same.

use lacre_attest::{Bundle, Inspection, Limits, ModelClaim, Statement};

use crate::proof::{Claim, Endorsement, Unverified, Verified};
use crate::report::{Report, ReportedModel, Step, Witnessed};
use crate::signature::Legacy;
use crate::{Failure, Requirements, VerifyError, signature};

impl Unverified<Endorsement> {
    /// Reads a bundle. Nothing in it is believed.
    pub fn parse(bundle: &[u8], limits: &Limits) -> Result<Self, Box<Failure>> {
        match Bundle::parse(bundle, limits) {
            Ok(input) => Ok(Self { input }),
            Err(error) => Err(Report::default().fail(Step::Bundle, error.into())),
        }
    }

    /// The name that the statement calls the model by. Nobody has vouched for it: it is for finding out what would be
    /// demanded, and has to be demanded then.
    pub fn claimed_name(&self, limits: &Limits) -> Option<String> {
        let statement = Statement::parse(self.input.envelope().payload(), limits).ok()?;
        let is_model = statement.predicate_type() == lacre_attest::MODEL_PREDICATE_TYPE;
        is_model.then(|| statement.subjects().first().map(|subject| subject.name.clone())).flatten()
    }

    /// Checks the signature, then the signer, then what is claimed. Not how many signers there are.
    pub fn verify(self, requirements: &Requirements) -> Result<Verified<Endorsement>, Box<Failure>> {
        let mut report = Report::default();
        report.pass(Step::Bundle, "well-formed");
        let (signer, mut report) = signature::verify(
            &self.input,
            requirements.trust(),
            requirements.reading_limits(),
            requirements.now(),
            requirements.legacy(),
            report,
        )?;
        let claim = match read_claim(&self.input, requirements) {
            Ok(claim) => claim,
            Err(error) => return Err(report.fail(Step::Claim, error)),
        };
        report.pass(Step::Claim, format!("{} files", claim.manifest().len()));
        report.model = Some(ReportedModel::of(&claim));
        if claim.inspection() == Inspection::NotInspected {
            report.warnings.push(
                "the signer did not look at the content: the digests were taken from a registry".to_owned(),
            );
        }
        if claim.is_legacy() {
            report.warnings.push(
                "the statement is of model-signing 0.2: it names no model and no version, and no root is signed"
                    .to_owned(),
            );
        }
        match requirements.met_by(&claim) {
            Ok(demanded) if demanded.is_empty() => {
                report.pass(Step::Expectations, "none given: any model that a trusted key signed would pass");
            }
            Ok(demanded) => report.pass(Step::Expectations, demanded.join(", ")),
            Err(error) => return Err(report.fail(Step::Expectations, error)),
        }
        Ok(Verified::strict(Endorsement { signed: claim, signer, report }))
    }
}

impl Unverified<Claim> {
    /// Reads a bundle. Nothing in it is believed.
    pub fn parse(bundle: &[u8], limits: &Limits) -> Result<Self, Box<Failure>> {
        let Unverified { input } = Unverified::<Endorsement>::parse(bundle, limits)?;
        Ok(Self { input })
    }

    /// Checks the signature, then the signer, then what is claimed. Where more than one signer is demanded, one bundle is
    /// never enough: see [`Verified::unite`].
    pub fn verify(self, requirements: &Requirements) -> Result<Verified<Claim>, Box<Failure>> {
        let endorsement = Unverified::<Endorsement> { input: self.input }.verify(requirements);
        Verified::unite([endorsement], requirements)
    }
}

impl Verified<Claim> {
    /// Joins what several signers claim to one claim, if as many distinct signers as are demanded claim the same. What
    /// was refused does not count and does no harm: whoever can add a bundle could add a bad one.
    ///
    /// # Errors
    /// When no bundle was accepted, the refusal that came furthest; `E-TOO-FEW-SIGNERS` when too few distinct signers
    /// claim the same.
    pub fn unite(
        bundles: impl IntoIterator<Item = Result<Verified<Endorsement>, Box<Failure>>>,
        requirements: &Requirements,
    ) -> Result<Self, Box<Failure>> {
        let wanted = requirements.trust().wanted_signers().get();
        let mut claim: Option<Claim> = None;
        let mut refused: Option<Box<Failure>> = None;
        let mut differs = None;
        for bundle in bundles {
            match (bundle, &mut claim) {
                (Err(failure), _) => {
                    refused = Some(match refused {
                        None => failure,
                        Some(other) => other.or_further(failure),
                    });
                }
                (Ok(Verified { proven: Endorsement { signed, signer, report }, .. }), None) => {
                    let strictness = requirements.strictness();
                    claim = Some(Claim { signed, signers: vec![signer], report, strictness });
                }
                (Ok(Verified { proven: one, .. }), Some(claim)) => {
                    if !same(&claim.signed, &one.signed) {
                        differs = Some(format!("the key {} signed something else", one.signer.key()));
                    } else if !claim.signers.iter().any(|signer| signer.is(&one.signer)) {
                        claim.signers.push(one.signer);
                        let Report { signed_at, logs, timestamp_authorities, .. } = one.report;
                        claim.report.further.push(Witnessed { signed_at, logs, timestamp_authorities });
                    }
                }
            }
            if claim.as_ref().is_some_and(|claim| claim.signers.len() >= wanted) {
                break;
            }
        }
        let Some(mut claim) = claim else {
            let nothing = || {
                let error = VerifyError::TooFewSigners { found: 0, wanted, why: None };
                Report::default().fail(Step::Bundle, error)
            };
            return Err(refused.unwrap_or_else(nothing));
        };
        let found = claim.signers.len();
        if found < wanted {
            let why = differs.or_else(|| refused.map(|failure| failure.to_string()));
            return Err(claim.report.fail(Step::Signer, VerifyError::TooFewSigners { found, wanted, why }));
        }
        if wanted > 1 {
            claim.report.pass(Step::Signer, format!("{found} distinct signers"));
        }
        claim.report.signers.clone_from(&claim.signers);
        Ok(Verified::strict(claim))
    }
}

/// Whether two claims are about the same: name, version and every file. What they leave out, which files may be executed
/// and which folders are empty may differ no more.
fn same(one: &ModelClaim, other: &ModelClaim) -> bool {
    one.name() == other.name()
        && one.version() == other.version()
        && one.manifest() == other.manifest()
        && one.ignore_paths() == other.ignore_paths()
        && one.shape() == other.shape()
}

/// Called only after the signature was found good: no byte of the payload is interpreted before.
fn read_claim(bundle: &Bundle, requirements: &Requirements) -> Result<ModelClaim, VerifyError> {
    let statement = Statement::parse(bundle.envelope().payload(), requirements.reading_limits())?;
    Ok(match requirements.legacy() {
        Legacy::Refuse => ModelClaim::from_statement(&statement)?,
        Legacy::Accept => ModelClaim::from_statement_or_legacy(&statement)?,
    })
}
