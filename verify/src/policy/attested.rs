//! Attestations that a rule demands: who signed them, what they are about, how old they are, and what they say.

use std::time::SystemTime;

use lacre_attest::{Limits, Statement, Subject};
use lacre_hash::Sha256Digest;
use lacre_manifest::escape;
use serde_json::{Value as Json, json};

use super::facts::About;
use super::judge::{answered, young};
use super::judgement::Violation;
use super::rule::{Requirement, Rule};
use crate::proof::{Attestation, Unverified};
use crate::report::SignedAt;
use crate::signature::Signer;
use crate::{Failure, Requirements, Trust};

/// Bundles that are looked at. Whoever can write beside a model can put any number there.
const MOST: usize = 256;

/// An attestation that somebody trusted signed, about the model: as a channel would list it.
#[cfg_attr(not(feature = "release"), expect(dead_code, reason = "there are no channels without"))]
#[derive(Debug)]
pub(super) struct Presented {
    pub(super) predicate_type: String,
    pub(super) sha256: Sha256Digest,
}

/// The same, with what it says.
#[derive(Debug)]
pub(super) struct Found {
    signer: Signer,
    signed_at: SignedAt,
    statement: Json,
    predicate: Json,
    /// SHA-256 of what it says, written in one way.
    says: Sha256Digest,
}

/// For each requirement of the rule, the attestations that could meet it: signed by who may, about the model.
pub(super) fn find(
    rule: &Rule,
    about: &About<'_>,
    bundles: &[Vec<u8>],
    limits: Limits,
    now: SystemTime,
) -> (Vec<Presented>, Vec<Result<Vec<Found>, Violation>>) {
    let mut presented = Vec::new();
    let findings = rule.require.iter().map(|requirement| {
        let trust = requirement.trusted(rule);
        let seeking = Seeking { requirement, about, limits, now };
        seeking.among(bundles, trust, &mut presented)
    });
    let findings = findings.collect();
    (presented, findings)
}

/// Whether one of those that were found is young enough and says what it must.
///
/// Where several signers are wanted, each of them must: an old word of one is not renewed by another's.
pub(super) fn hold(
    rule: &Rule,
    requirement: &Requirement,
    found: &[Found],
    input: &Json,
    now: SystemTime,
) -> Result<String, Violation> {
    let wanted = requirement.trusted(rule).wanted_signers().get();
    let (mut held, mut refused): (Vec<&Found>, _) = (Vec::new(), None);
    for one in found {
        match one.holds(requirement, input, now) {
            Ok(()) => held.push(one),
            Err(violation) => refused = refused.or(Some(violation)),
        }
    }
    for one in &held {
        let same = distinct(held.iter().copied(), one);
        if same.len() >= wanted {
            let names: Vec<String> = same.iter().map(|one| one.by()).collect();
            return Ok(format!("signed by {}", names.join(", ")));
        }
    }
    Err(refused.unwrap_or_else(|| requirement.missing(None)))
}

impl Requirement {
    /// Who may sign it.
    fn trusted<'a>(&'a self, rule: &'a Rule) -> &'a Trust {
        self.trust.as_ref().unwrap_or(&rule.trust)
    }

    /// What would have to be true, safe for a terminal.
    pub(super) fn words(&self) -> String {
        let age = self.max_age.map(|age| format!(", at most {age} old")).unwrap_or_default();
        let truth = |text: &str| format!(", of which this is true: {}", escape(text));
        let truth = self.expression.as_ref().map(|expression| truth(expression.as_str())).unwrap_or_default();
        format!("an attestation {}{age}{truth}", escape(&self.predicate))
    }

    fn missing(&self, why: Option<&Failure>) -> Violation {
        let predicate = escape(&self.predicate);
        let detail = match why {
            None => format!("no attestation {predicate} about it is here"),
            Some(failure) => format!("no attestation {predicate} about it counts: {failure}"),
        };
        Violation::new("E-POLICY-ATTESTATION", detail)
    }
}

/// Those of `found` that say what `one` says, one of each signer.
fn distinct<'f>(found: impl Iterator<Item = &'f Found>, one: &Found) -> Vec<&'f Found> {
    found.filter(|other| other.says == one.says).fold(Vec::new(), |mut distinct: Vec<&Found>, other| {
        if !distinct.iter().any(|known| known.signer.is(&other.signer)) {
            distinct.push(other);
        }
        distinct
    })
}

struct Seeking<'a> {
    requirement: &'a Requirement,
    about: &'a About<'a>,
    limits: Limits,
    now: SystemTime,
}

impl Seeking<'_> {
    fn among(
        &self,
        bundles: &[Vec<u8>],
        trust: &Trust,
        presented: &mut Vec<Presented>,
    ) -> Result<Vec<Found>, Violation> {
        let wanted = trust.wanted_signers().get();
        let one = trust.clone().signers(std::num::NonZeroUsize::MIN);
        let requirements = Requirements::new(one).limits(self.limits).assume_now_danger(self.now);
        let mut found: Vec<(Found, Sha256Digest)> = Vec::new();
        let mut refused: Option<Box<Failure>> = None;
        for bundle in bundles.iter().take(MOST) {
            match self.verified(bundle, &requirements) {
                Ok(Some(one)) => found.push((one, Sha256Digest::of(bundle))),
                Ok(None) => {}
                Err(failure) => {
                    refused = Some(match refused {
                        None => failure,
                        Some(other) => other.or_further(failure),
                    });
                }
            }
        }
        if found.is_empty() {
            return Err(self.requirement.missing(refused.as_deref()));
        }
        // Several must say the same thing; what one of them says alone is not enough.
        let agreed = |one: &Found| distinct(found.iter().map(|(other, _)| other), one).len() >= wanted;
        let counts: Vec<bool> = found.iter().map(|(one, _)| agreed(one)).collect();
        if !counts.contains(&true) {
            let detail = format!(
                "fewer than {wanted} distinct signers attest the same {}",
                escape(&self.requirement.predicate)
            );
            return Err(Violation::new("E-POLICY-ATTESTATION", detail));
        }
        let mut kept = Vec::new();
        for ((one, sha256), counts) in found.into_iter().zip(counts) {
            if counts {
                presented.push(Presented { predicate_type: self.requirement.predicate.clone(), sha256 });
                kept.push(one);
            }
        }
        Ok(kept)
    }

    /// Nothing where the bundle is of another kind.
    fn verified(&self, bundle: &[u8], requirements: &Requirements) -> Result<Option<Found>, Box<Failure>> {
        // What cannot be read is no attestation of this kind.
        let Ok(attestation) = Unverified::<Attestation>::parse(bundle, &self.limits) else { return Ok(None) };
        if attestation.predicate_type(&self.limits).as_deref() != Some(self.requirement.predicate.as_str()) {
            return Ok(None);
        }
        let is_about = |subject: &Subject| self.about.is_met_by(subject);
        let (attestation, payload) = attestation.verify_about(requirements, &is_about)?;
        let malformed = |error: String| {
            Box::new(Failure {
                error: lacre_attest::AttestError::Statement { detail: error }.into(),
                report: attestation.report().clone(),
            })
        };
        let statement =
            Statement::parse(&payload, &self.limits).map_err(|error| malformed(error.to_string()))?;
        let predicate: Json = serde_json::from_str(statement.predicate().get())
            .map_err(|error| malformed(error.to_string()))?;
        let subjects: Vec<Json> = (statement.subjects().iter())
            .map(|subject| json!({ "name": subject.name, "digest": subject.digest }))
            .collect();
        let says =
            Sha256Digest::of(&serde_json::to_vec(&predicate).map_err(|error| malformed(error.to_string()))?);
        Ok(Some(Found {
            signer: attestation.signer().clone(),
            signed_at: attestation.report().signed_at.clone(),
            statement: json!({ "predicateType": statement.predicate_type(), "subject": subjects }),
            predicate,
            says,
        }))
    }
}

impl About<'_> {
    /// Whether a subject is the model: by its identity, or by the digest of the manifest it is pulled by. The root digest of a
    /// model signature does not bind names, and is never looked at. A digest that contradicts is no match (in-toto: none
    /// of the common digests may differ).
    fn is_met_by(&self, subject: &Subject) -> bool {
        match (subject.digest.get("lacre"), &self.identity) {
            (Some(said), Some(identity)) => {
                let manifest = self.manifest.map(ToString::to_string);
                let also = subject.digest.get("sha256").zip(manifest.as_ref());
                said == identity && also.is_none_or(|(said, manifest)| said == manifest)
            }
            // Who names a model by its identity means no other by the manifest.
            (Some(_), None) => false,
            (None, _) => {
                let manifest = self.manifest.map(ToString::to_string);
                manifest.is_some() && subject.digest.get("sha256") == manifest.as_ref()
            }
        }
    }
}

impl Found {
    fn holds(&self, requirement: &Requirement, input: &Json, now: SystemTime) -> Result<(), Violation> {
        if let Some(longest) = requirement.max_age {
            young(&self.signed_at, longest, now)?;
        }
        if let Some(expression) = &requirement.expression {
            let mut input = input.clone();
            input["predicate"] = self.predicate.clone();
            input["statement"] = self.statement.clone();
            input["signer"] = json!(self.signer);
            input["signed_at"] = match &self.signed_at {
                SignedAt::Proven(time) => json!(time),
                SignedAt::Unproven => Json::Null,
            };
            let what = format!("the expression about {}", escape(&requirement.predicate));
            answered(expression.holds(&input), &what)?;
        }
        Ok(())
    }

    fn by(&self) -> String {
        self.signer.identity().map_or_else(|| format!("the key {}", self.signer.key()), escape)
    }
}
