//! What a policy may hold, as it is written. Whatever else stands there is refused: a misspelled demand demands nothing.

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::age::Age;
use super::rule::{Demand, Mode};
use crate::trust_file::Stanzas;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WirePolicy {
    #[serde(rename = "version")]
    pub(super) _version: u32,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) policy: Vec<Spanned<WireRule>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireRule {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) mode: Mode,
    pub(super) repository: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) model: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(super) strict: bool,
    #[serde(default)]
    pub(super) allow_legacy_danger: bool,
    pub(super) max_age: Option<Age>,
    #[serde(default)]
    pub(super) transparency: Demand,
    #[serde(default)]
    pub(super) timestamp: Demand,
    pub(super) formats: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) other_files: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) digests: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) key_algorithms: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) cel: Option<Spanned<String>>,
    pub(super) trust: Option<Spanned<Stanzas>>,
    #[serde(default)]
    pub(super) require: Vec<Spanned<WireRequire>>,
    pub(super) release: Option<Spanned<WireRelease>>,
    pub(super) break_glass: Option<Spanned<WireBreakGlass>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireRequire {
    pub(super) predicate: Spanned<String>,
    pub(super) max_age: Option<Age>,
    pub(super) cel: Option<Spanned<String>>,
    pub(super) trust: Option<Spanned<Stanzas>>,
}

#[cfg_attr(not(feature = "release"), expect(dead_code, reason = "read to be refused"))]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireRelease {
    pub(super) channel: Spanned<String>,
    pub(super) at: Option<Spanned<String>>,
    pub(super) floor: Option<u64>,
    pub(super) pin: Option<Spanned<String>>,
    pub(super) max_staleness: Option<Age>,
    #[serde(default)]
    pub(super) rollback: Allowance,
    #[serde(default)]
    pub(super) deprecated: Allowance,
    #[serde(default)]
    pub(super) listed_attestations: Demand,
}

/// Whether something that a channel allows is allowed by the policy, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Allowance {
    #[default]
    Allow,
    Refuse,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireBreakGlass {
    pub(super) who: Spanned<String>,
    pub(super) until: Spanned<Datetime>,
    pub(super) reason: Spanned<String>,
}
