//! What came of a rule: each demand, whether it is met, and what becomes of the model.

use std::fmt;

use lacre_attest::ModelClaim;
use lacre_hash::Sha256Digest;
#[cfg(feature = "release")]
use lacre_release::Permit;
use serde::Serialize;

use super::rule::{BreakGlass, Mode};
use crate::proof::{Extent, Standing, Verified, WaivedRule};
use crate::signature::Signer;

/// The rule, or the judgement, is about something else. Nobody wrote that it may pass: no mode waives it.
pub(super) const OTHER: &str = "E-POLICY-OTHER";

/// A demand that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The stable code.
    pub code: &'static str,
    /// What is wrong, safe for a terminal.
    pub detail: String,
}

impl Violation {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

/// A demand, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// What is demanded: what would have to be true. Safe for a terminal.
    pub demand: String,
    /// How it ended.
    pub finding: Finding,
}

/// What was found about a demand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It is met, by this; safe for a terminal.
    Met(String),
    /// It is not met.
    Failed(Violation),
    /// Nobody has looked yet, as the content was not read.
    Open,
}

/// What came of a rule.
#[derive(Debug)]
pub struct Judgement {
    pub(super) policy: Sha256Digest,
    pub(super) rule: String,
    pub(super) about: About,
    pub(super) mode: Mode,
    pub(super) judged: Vec<Judged>,
    pub(super) glass: Option<BreakGlass>,
    #[cfg(feature = "release")]
    pub(super) permit: Option<Permit>,
}

impl Judgement {
    /// SHA-256 of the policy's text.
    pub fn policy(&self) -> &Sha256Digest {
        &self.policy
    }

    /// The name of the rule.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// What the rule does with what it is not met by.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Every demand of the rule, in order.
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }

    /// Who suspended the rule, if somebody did and it would not be met otherwise.
    pub fn break_glass(&self) -> Option<&BreakGlass> {
        self.glass.as_ref().filter(|_| self.violations().next().is_some())
    }

    /// The demands that are not met.
    pub fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.judged.iter().filter_map(|judged| match &judged.finding {
            Finding::Failed(violation) => Some(violation),
            Finding::Met(_) | Finding::Open => None,
        })
    }

    /// The release that the channel permits, if one was asked and does.
    #[cfg(feature = "release")]
    pub fn permit(&self) -> Option<&Permit> {
        self.permit.as_ref()
    }

    /// Whether what is not met is refused: it is, unless the rule only warns or somebody suspended it. A rule that is not the
    /// one about the model waives nothing.
    pub fn is_refused(&self) -> bool {
        let enforced = self.mode == Mode::Enforce && self.glass.is_none();
        self.violations().any(|violation| enforced || violation.code == OTHER)
    }

    /// Why it says nothing of `model`, if it does not: it is about another one.
    pub(super) fn foreign<T: Extent, S: Standing>(&self, model: &Verified<T, S>) -> Option<Violation> {
        (self.about != About::of(model.claim(), model.signers())).then(|| {
            let detail = "the judgement is about another model, or other signatures of it";
            Violation::new(OTHER, detail)
        })
    }

    /// What is let through although it is not met.
    pub(super) fn waived(&self) -> Vec<WaivedRule> {
        self.violations()
            .map(|violation| WaivedRule { code: violation.code, detail: violation.detail.clone() })
            .collect()
    }
}

/// Of what a judgement is: every signed name and digest, and who signed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About(Sha256Digest);

impl About {
    /// Two models differ in this, or in nothing that is signed. The root alone would not do: it does not bind names.
    pub(super) fn of(claim: &ModelClaim, signers: &[Signer]) -> Self {
        let mut bytes = Vec::new();
        let mut put = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        };
        put(claim.name().as_bytes());
        put(claim.version().unwrap_or_default().as_bytes());
        put(&[u8::from(claim.is_legacy()), u8::from(claim.version().is_some())]);
        put(claim.root().as_bytes());
        for signer in signers {
            put(signer.key().as_bytes());
        }
        // No path is empty: it parts the paths from the keys.
        put(&[]);
        for entry in claim.manifest().entries() {
            put(entry.path.as_str().as_bytes());
        }
        Self(Sha256Digest::of(&bytes))
    }
}
