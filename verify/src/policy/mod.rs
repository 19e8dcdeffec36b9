//! Policy: a file that says what may be loaded, and a judgement by it.
//!
//! ```text
//! text (TOML or JSON) ─ wire, file ─► Policy: rules, first match
//! claimed name, repository ─ rule_for ─► Rule ─ requirements ─► signature, signers, threshold: never waived
//! Verified<Claim>, attestations, channel ─ judge ─► Judgement ─ with_content ─► Judgement
//! Verified<Model>, Judgement ─ admit ─► Strict, or Waived (warn, audit, break-glass), or refused
//! ```
//!
//! What no rule is about is refused. A file that cannot mean what it says does not load: an unknown member, an empty list,
//! a rule that another one hides, a pattern that nothing matches, an expression about what is not known.

mod admit;
mod age;
mod attested;
mod candidate;
#[cfg(feature = "cel")]
mod expression;
#[cfg(not(feature = "cel"))]
#[path = "expression_unknown.rs"]
mod expression;
mod facts;
mod fault;
mod file;
mod format;
#[cfg(feature = "cel")]
mod growth;
mod json;
mod judge;
mod judgement;
mod pattern;
mod preset;
#[cfg(feature = "release")]
mod release;
mod rule;
mod wire;
mod words;

use std::path::Path;

use lacre_hash::Sha256Digest;
#[cfg(feature = "sigstore")]
use lacre_manifest::escape;

use crate::VerifyError;
use crate::trust_file::Source;

pub use admit::Admitted;
pub use age::Age;
pub use candidate::{Candidate, Passed, Refused};
pub use facts::Facts;
pub use fault::{PolicyFault, Spot};
use judge::Decides;
pub use judgement::{Finding, Judged, Judgement, Violation};
pub use pattern::Pattern;
pub use preset::Preset;
#[cfg(feature = "release")]
pub use release::ReleaseRule;
pub use rule::{BreakGlass, Demand, Mode, Rule};

/// What a policy may hold, as a JSON Schema (2020-12). It describes the form: what a form cannot say, such as a rule that
/// another one hides, is told when the policy is read.
pub const POLICY_SCHEMA: &str = include_str!("schema.json");

/// The longest name that any rule is about, in bytes.
const LONGEST_NAME: usize = 1024;

/// What may be loaded: rules, of which the first that is about a model decides.
#[derive(Debug)]
pub struct Policy {
    digest: Sha256Digest,
    rules: Vec<Rule>,
}

impl Policy {
    /// Reads a policy, in TOML or in JSON. Files that it names are looked for from where it lies.
    ///
    /// # Errors
    /// `E-POLICY-FILE`, with line and column, for everything: a policy that does not load decides nothing.
    pub fn read(path: &Path) -> Result<Self, VerifyError> {
        let text = file::read(path)?;
        Self::parse(&text, path)
    }

    /// The same, with another root of the public Sigstore than the embedded one: `public_good` is asked where the file
    /// needs it.
    ///
    /// # Errors
    /// `E-POLICY-FILE`.
    #[cfg(feature = "sigstore")]
    pub fn read_with(
        path: &Path,
        public_good: &dyn Fn() -> Result<crate::TrustedRoot, VerifyError>,
    ) -> Result<Self, VerifyError> {
        let text = file::read(path)?;
        file::parse(&Source::of_policy(&text, path).with_public_good(public_good))
    }

    /// The same for a text that stands, or would stand, at `path`.
    ///
    /// # Errors
    /// `E-POLICY-FILE`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, VerifyError> {
        file::parse(&Source::of_policy(text, path))
    }

    /// The same for the bytes of a policy that came from elsewhere and was proven there, which is called `name`. It stands
    /// alone: a file that it names is refused, as nobody proved that.
    ///
    /// # Errors
    /// `E-POLICY-FILE`.
    #[cfg(feature = "sigstore")]
    pub fn carried(
        bytes: &[u8],
        name: &str,
        public_good: &dyn Fn() -> Result<crate::TrustedRoot, VerifyError>,
    ) -> Result<Self, VerifyError> {
        let text = file::text(bytes, &escape(name))?;
        file::parse(&Source::of_carried_policy(text, name).with_public_good(public_good))
    }

    /// SHA-256 of its text.
    pub fn digest(&self) -> &Sha256Digest {
        &self.digest
    }

    /// Its rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that decides about a model of this signed name, out of this repository; of a model on a disk no repository
    /// is known, and a rule that wants one is not about it.
    ///
    /// # Errors
    /// `E-POLICY-NO-MATCH`.
    pub fn rule_for(&self, repository: Option<&str>, model: &str) -> Result<&Rule, VerifyError> {
        // Nobody vouches for a name that is looked up: a long one must not cost much.
        let is_short = [Some(model), repository].iter().flatten().all(|text| text.len() <= LONGEST_NAME);
        let mut rules = self.rules.iter().filter(|_| is_short);
        rules.find(|rule| rule.is_about(repository, model)).ok_or_else(|| VerifyError::PolicyUnmatched {
            model: model.to_owned(),
            repository: repository.map(str::to_owned),
        })
    }

    /// Holds `rule`, which is one of this policy, against what is known of a model whose claim is verified by
    /// [`Rule::requirements`].
    ///
    /// A rule that is not the one about the model is not met by it: `E-POLICY-OTHER`.
    pub fn judge(&self, rule: &Rule, facts: &Facts<'_>) -> Judgement {
        // A signature of model-signing 0.2 names nothing, whatever stands in the place of a name.
        let name = if facts.claim.is_legacy() { "" } else { facts.claim.name() };
        let decides = self.rule_for(facts.repository, name);
        let decides = decides.is_ok_and(|decides| std::ptr::eq(decides, rule));
        rule.judge(if decides { Decides::Yes } else { Decides::No }, facts)
    }
}
