//! A rule of a policy, read: nothing in it is a text any more that could mean nothing.

use std::collections::BTreeSet;
use std::time::SystemTime;

use lacre_attest::KeyAlgorithm;
use lacre_hash::Sha256Digest;
use serde::{Deserialize, Serialize};

use super::age::Age;
use super::expression::Expression;
use super::format::{DigestAlgorithm, WeightFormat};
use super::pattern::Pattern;
#[cfg(feature = "release")]
use super::release::ReleaseRule;
use crate::signature::Legacy;
use crate::{Prove, Requirements, Trust};

/// What comes of a demand that is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The model is refused.
    #[default]
    Enforce,
    /// It is let through as [`Waived`](crate::Waived), and that is said to whoever looks.
    Warn,
    /// The same, and it is told to the record alone.
    Audit,
}

/// Whether something must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// It need not.
    #[default]
    Optional,
    /// It must.
    Required,
}

/// Who suspended a rule, until when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakGlass {
    /// Who, safe for a terminal.
    pub who: String,
    /// From this moment on the rule holds again (RFC 3339).
    #[serde(serialize_with = "moment")]
    pub until: SystemTime,
    /// Why, safe for a terminal.
    pub reason: String,
}

/// A rule: which models it is about, and what it demands of them.
#[derive(Debug)]
pub struct Rule {
    /// SHA-256 of the text of the policy that it is of.
    pub(super) policy: Sha256Digest,
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) repository: Option<Vec<Pattern>>,
    pub(super) model: Option<Vec<Pattern>>,
    pub(super) trust: Trust,
    pub(super) strict: bool,
    pub(super) allow_legacy_danger: bool,
    pub(super) max_age: Option<Age>,
    pub(super) transparency: Demand,
    pub(super) timestamp: Demand,
    pub(super) formats: Option<Formats>,
    pub(super) digests: Option<BTreeSet<DigestAlgorithm>>,
    pub(super) key_algorithms: Option<Vec<KeyAlgorithm>>,
    pub(super) expression: Option<Expression>,
    pub(super) require: Vec<Requirement>,
    #[cfg(feature = "release")]
    pub(super) release: Option<ReleaseRule>,
    pub(super) break_glass: Option<BreakGlass>,
}

/// Which files may be there.
#[derive(Debug)]
pub(super) struct Formats {
    pub(super) weights: BTreeSet<WeightFormat>,
    /// Files of whatever content.
    pub(super) others: Vec<Pattern>,
}

/// An attestation that must be there.
#[derive(Debug)]
pub(super) struct Requirement {
    pub(super) predicate: String,
    /// Who may sign it; whoever may sign the model, if nobody is named.
    pub(super) trust: Option<Trust>,
    pub(super) max_age: Option<Age>,
    pub(super) expression: Option<Expression>,
}

impl Rule {
    /// Its name, safe for a terminal.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What comes of a demand that is not met, where no break-glass stands above it.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether it is about a model of this signed name, out of this repository; of a model on a disk no repository is known.
    pub fn is_about(&self, repository: Option<&str>, model: &str) -> bool {
        let repository_fits = match &self.repository {
            None => true,
            Some(patterns) => {
                repository.is_some_and(|repository| patterns.iter().any(|it| it.matches(repository)))
            }
        };
        let model_fits =
            self.model.as_ref().is_none_or(|patterns| patterns.iter().any(|it| it.matches(model)));
        repository_fits && model_fits
    }

    pub(super) fn pattern_bytes(&self) -> usize {
        let all = self.repository.iter().chain(&self.model).flatten();
        all.map(|pattern| pattern.as_str().len()).sum()
    }

    /// Whether nothing that `other` is about could escape this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let all = |wide: &Option<Vec<Pattern>>, narrow: &Option<Vec<Pattern>>| match (wide, narrow) {
            (None, _) => true,
            (Some(wide), Some(narrow)) => {
                narrow.iter().all(|narrow| wide.iter().any(|wide| wide.covers(narrow)))
            }
            // `**` alone is every name; of a repository nothing is, as there may be none.
            (Some(wide), None) => wide.iter().any(|wide| wide.as_str() == "**"),
        };
        let repository = match (&self.repository, &other.repository) {
            (Some(_), None) => false,
            (wide, narrow) => all(wide, narrow),
        };
        repository && all(&self.model, &other.model)
    }

    /// What it demands of the signature and of the content, beside what the caller demands in `base`: whom to trust, and how
    /// many of them. Of this nothing is ever waived.
    pub fn requirements(&self, base: &Requirements) -> Requirements {
        let signers = base.wanted_signers().max(self.trust.wanted_signers());
        let mut requirements = base.with_trust(self.trust.clone().signers(signers));
        if self.strict {
            requirements = requirements.strict();
        }
        // This the rule says alone: nobody makes a signature without a name pass for one that it wants.
        requirements =
            requirements.with_legacy(if self.allow_legacy_danger { Legacy::Accept } else { Legacy::Refuse });
        requirements.prove(self.proof(base.proof()))
    }

    /// Which digests prove the content: the caller's choice, within what the rule allows.
    fn proof(&self, base: Prove) -> Prove {
        // A rule that lets others pass must not refuse them here.
        let lets_pass = self.mode != Mode::Enforce || self.break_glass.is_some();
        let Some(allowed) = self.digests.as_ref().filter(|_| !lets_pass) else { return base };
        let (sha256, blake3) =
            (allowed.contains(&DigestAlgorithm::Sha256), allowed.contains(&DigestAlgorithm::Blake3));
        match (sha256, blake3, base) {
            // What is not allowed proves nothing; whether something allowed is signed, the rule itself looks.
            (true, false, Prove::Quickest) => Prove::Sha256,
            (false, true, Prove::Quickest) => Prove::Blake3,
            // What the caller wants beside what counts is proven, too.
            (true, false, Prove::Blake3) | (false, true, Prove::Sha256) => Prove::Both,
            (_, _, base) => base,
        }
    }

    /// The types of the attestations that it demands.
    pub fn predicates(&self) -> impl Iterator<Item = &str> {
        self.require.iter().map(|requirement| requirement.predicate.as_str())
    }

    /// What it demands of the release, if it wants a channel to be asked.
    #[cfg(feature = "release")]
    pub fn release(&self) -> Option<&ReleaseRule> {
        self.release.as_ref()
    }

    /// The break-glass that stands above it at `now`.
    pub(super) fn suspended(&self, now: SystemTime) -> Option<&BreakGlass> {
        self.break_glass.as_ref().filter(|glass| now < glass.until)
    }
}

fn moment<S: serde::Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::try_from(*time) {
        Ok(time) => serializer.collect_str(&time),
        Err(error) => Err(serde::ser::Error::custom(error)),
    }
}
