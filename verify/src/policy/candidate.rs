//! The gate: a model on disk, held against a policy from its bundle to its last byte.

use lacre_hash::Progress;

use super::facts::Facts;
use super::judgement::Judgement;
use super::rule::Rule;
use super::{Admitted, Policy};
use crate::load::{LoadOptions, SealedFiles};
use crate::model::Claimed;
use crate::proof::{Claim, Model, Unverified, Verified};
use crate::report::Report;
use crate::{Failure, Hold, Requirements, VerifyError};

/// Names that are looked up. Whoever can write beside a model can put bundles of any name there.
const MOST_NAMES: usize = 8;

/// A model on disk whose claim meets what a rule demands of signatures. What else the rule demands is asked next, and then
/// the content is read.
#[derive(Debug)]
pub struct Candidate<'p> {
    policy: &'p Policy,
    rule: &'p Rule,
    requirements: Requirements,
    claimed: Claimed,
    beside: Vec<Vec<u8>>,
}

/// A model that a policy lets be loaded, and the judgement that does.
#[derive(Debug)]
pub struct Passed {
    /// The model.
    pub model: Admitted,
    /// What was demanded, and what was found.
    pub judgement: Judgement,
}

/// Why a model may not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub struct Refused {
    /// The refusal, and the checks until then.
    #[source]
    pub failure: Box<Failure>,
    /// What the rule found, if it came to that.
    pub judgement: Option<Box<Judgement>>,
}

impl Refused {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.failure.code()
    }
}

impl From<Box<Failure>> for Refused {
    fn from(failure: Box<Failure>) -> Self {
        Self { failure, judgement: None }
    }
}

impl Policy {
    /// Chooses the rule by the name that the model is claimed to have, and verifies by what the rule demands that it has
    /// this name. `base` is what the caller demands besides; whom to trust, the policy says alone.
    ///
    /// # Errors
    /// `E-POLICY-NO-MATCH` when no rule is about the model; the codes of signatures and claims.
    pub fn candidate(
        &self,
        model: Unverified<Model>,
        base: &Requirements,
    ) -> Result<Candidate<'_>, Box<Failure>> {
        let beside = model.beside(base.reading_limits());
        let names = model.claimed_names(base);
        let (rule, requirements) = self.terms(None, &names, base)?;
        let claimed = model.claim(&requirements)?;
        Ok(Candidate { policy: self, rule, requirements, claimed, beside })
    }

    /// The rule about a model that its bundles call by these names, which nobody has vouched for yet, and what it demands of
    /// the signature: that the model has the name by which the rule was found, first of all.
    ///
    /// # Errors
    /// `E-POLICY-NO-MATCH` when no rule is about any of the names.
    pub fn terms(
        &self,
        repository: Option<&str>,
        names: &[String],
        base: &Requirements,
    ) -> Result<(&Rule, Requirements), Box<Failure>> {
        let nameless = [String::new()];
        let names = match base.expected_name() {
            // Whoever says which model they want is not told about others.
            Some(expected) => &[expected.to_owned()][..],
            None if names.is_empty() => &nameless[..],
            None => names,
        };
        let mut unmatched = None;
        for name in names.iter().take(MOST_NAMES) {
            match self.rule_for(repository, name) {
                Ok(rule) => {
                    let requirements = rule.requirements(base);
                    // A nameless signature is one of model-signing 0.2, which only a rule for these lets pass.
                    let demanded =
                        if name.is_empty() { requirements } else { requirements.expect_name(name.as_str()) };
                    return Ok((rule, demanded));
                }
                Err(error) => unmatched = unmatched.or(Some(error)),
            }
        }
        let nothing = || VerifyError::PolicyUnmatched { model: String::new(), repository: None };
        Err(Report::default().fail(crate::Step::Expectations, unmatched.unwrap_or_else(nothing)))
    }
}

impl<'p> Candidate<'p> {
    /// The rule that decides.
    pub fn rule(&self) -> &'p Rule {
        self.rule
    }

    /// Who claims what.
    pub fn claim(&self) -> &Verified<Claim> {
        self.claimed.claim()
    }

    /// The bundles that lie beside the model: further signatures, and attestations. Nobody has vouched for them.
    pub fn beside(&self) -> &[Vec<u8>] {
        &self.beside
    }

    /// What is known so far: the claim, and the attestations that lie beside the model. Add what else is.
    pub fn facts(&self) -> Facts<'_> {
        Facts::of(self.claimed.claim())
            .attestations(&self.beside)
            .limits(*self.requirements.reading_limits())
            .assume_now_danger(self.requirements.now())
    }

    /// Holds the rule against what is known.
    pub fn judge(&self, facts: &Facts<'_>) -> Judgement {
        self.policy.judge(self.rule, facts)
    }

    /// Reads the content and proves it, if the judgement does not refuse before; then looks at the content where the rule
    /// asks for that.
    ///
    /// # Errors
    /// The code of the first demand that is not met, and those of content.
    pub fn admit(
        self,
        judgement: Judgement,
        hold: &Hold,
        progress: &dyn Progress,
    ) -> Result<Passed, Box<Refused>> {
        let refused = |failure: Box<Failure>, judgement: Judgement| {
            Box::new(Refused { failure, judgement: Some(Box::new(judgement)) })
        };
        // Gigabytes are not hashed for a release that may not run.
        if let Err(error) = judgement.refusal() {
            let report = self.claimed.claim().report().clone();
            return Err(refused(report.fail(crate::Step::Policy, error), judgement));
        }
        let model = match self.claimed.prove(&self.requirements, hold, progress) {
            Ok(model) => model,
            Err(failure) => return Err(refused(failure, judgement)),
        };
        conclude(self.rule, model, judgement)
    }
}

/// The last of it: what the content says, and then whether the model may be loaded.
///
/// # Errors
/// As [`Candidate::admit`].
pub(crate) fn conclude(
    rule: &Rule,
    model: Verified<Model>,
    judgement: Judgement,
) -> Result<Passed, Box<Refused>> {
    let report = model.report().clone();
    let judgement = judgement.with_content(rule, &model).map_err(|error| {
        Box::new(Refused { failure: report.fail(crate::Step::Content, error), judgement: None })
    })?;
    match judgement.admit(model) {
        Ok(model) => Ok(Passed { model, judgement }),
        Err(failure) => Err(Box::new(Refused { failure, judgement: Some(Box::new(judgement)) })),
    }
}

impl Candidate<'_> {
    /// The same, and gives every file in a sealed descriptor: see [`sealed`](Verified::sealed). The content is read once, where
    /// BLAKE3 and sizes are signed.
    ///
    /// # Errors
    /// Those of [`admit`](Self::admit) and of [`seal_all`](Verified::seal_all).
    pub fn seal(
        self,
        judgement: Judgement,
        options: &LoadOptions,
        progress: &dyn Progress,
    ) -> Result<(Passed, SealedFiles), Box<Refused>> {
        let refused = |failure: Box<Failure>, judgement: Judgement| {
            Box::new(Refused { failure, judgement: Some(Box::new(judgement)) })
        };
        if let Err(error) = judgement.refusal() {
            let report = self.claimed.claim().report().clone();
            return Err(refused(report.fail(crate::Step::Policy, error), judgement));
        }
        match self.claimed.seal(&self.requirements, options, progress) {
            Ok((model, files)) => Ok((judgement.conclude(self.rule, model)?, files)),
            Err(failure) => Err(refused(failure, judgement)),
        }
    }
}

impl Judgement {
    /// The last of it for a model that came from afar: what its content says, where `rule` asks for that, and then
    /// whether it may be loaded.
    ///
    /// # Errors
    /// The code of the first demand that is not met.
    pub fn conclude(self, rule: &Rule, model: Verified<Model>) -> Result<Passed, Box<Refused>> {
        conclude(rule, model, self)
    }
}
