//! What came of a rule: each demand, whether it is met, and what becomes of the model.

use std::fmt;

use lacre_hash::Sha256Digest;
#[cfg(feature = "release")]
use lacre_release::Permit;
use serde::Serialize;

use super::rule::{BreakGlass, Mode};
use crate::proof::WaivedRule;

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

    /// Whether what is not met is refused: it is, unless the rule only warns or somebody suspended it.
    pub fn is_refused(&self) -> bool {
        self.mode == Mode::Enforce && self.glass.is_none() && self.violations().next().is_some()
    }

    /// What is let through although it is not met.
    pub(super) fn waived(&self) -> Vec<WaivedRule> {
        self.violations()
            .map(|violation| WaivedRule { code: violation.code, detail: violation.detail.clone() })
            .collect()
    }
}
