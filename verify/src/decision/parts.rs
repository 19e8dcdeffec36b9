//! Of what a decision consists.

use lacre_attest::ModelClaim;
use lacre_hash::Sha256Digest;
use serde::{Deserialize, Serialize};

use super::record::{bounded, bounded_option};
use crate::signature::{Signer, SignerKind};
use crate::{Extent, Report, ReportedModel, Verified};

/// Why something was decided as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A stable code: `E-…` of a refusal, or the name of a rule.
    pub code: String,
    /// The same in words; may quote what was refused.
    pub detail: String,
}

impl Reason {
    /// A reason with its words.
    pub fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into() }
    }
}

/// How much of the content was proven to be as signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proven {
    /// Nothing: the name, the version and the digests, if there are any, are claims of a trusted signer about something.
    #[default]
    Nothing,
    /// Some of the signed files.
    Part,
    /// Every signed file.
    Whole,
}

/// About what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DecidedSubject {
    /// As it was asked for: a path or a reference.
    pub reference: String,
    /// The signed name, once the signature held.
    pub name: Option<String>,
    /// The signed version, likewise.
    pub version: Option<String>,
    /// The model identity (hex), which binds names, sizes and digests, likewise.
    pub identity: Option<String>,
    /// The OMS root digest (hex), likewise.
    pub root: Option<String>,
    /// SHA-256 of the manifest, for what is in an OCI store.
    pub manifest: Option<Sha256Digest>,
    /// How much of the content was proven.
    pub proven: Proven,
}

impl DecidedSubject {
    /// Nothing is known but what was asked for.
    pub fn asked(reference: impl Into<String>) -> Self {
        Self { reference: reference.into(), ..Self::default() }
    }

    /// With what a report says of the model: of a refusal too, as far as that came.
    pub fn reported(mut self, report: &Report) -> Self {
        if let Some(ReportedModel { name, version, identity, root, .. }) = &report.model {
            self.name = Some(name.clone());
            self.version.clone_from(version);
            self.identity.clone_from(identity);
            self.root = Some(root.clone());
        }
        self.proven = match (report.proven_by, &report.part) {
            (None, _) => Proven::Nothing,
            (Some(_), Some(_)) => Proven::Part,
            (Some(_), None) => Proven::Whole,
        };
        self
    }

    /// With what was proven of a model.
    pub fn verified<T: Extent>(self, model: &Verified<T>) -> Self {
        self.reported(model.report())
    }

    /// With what is claimed about a model, whose content nobody has looked at here.
    pub fn claimed(self, claim: &ModelClaim) -> Self {
        let model = ReportedModel::of(claim);
        Self {
            name: Some(model.name),
            version: model.version,
            identity: model.identity,
            root: Some(model.root),
            ..self
        }
    }

    pub(super) fn bounded(self) -> Self {
        Self {
            reference: bounded(&self.reference),
            name: bounded_option(self.name),
            version: bounded_option(self.version),
            identity: bounded_option(self.identity),
            root: bounded_option(self.root),
            ..self
        }
    }
}

/// What a channel says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedRelease {
    /// Which channel (`NAME@CHANNEL`).
    pub channel: String,
    /// The release's version.
    pub version: String,
    /// Its security counter.
    pub counter: u64,
    /// Below this counter nothing runs.
    pub floor: u64,
    /// Epoch of the channel's document.
    pub epoch: u64,
    /// Sequence of the channel's document.
    pub sequence: u64,
    /// By what it may run: `current`, `canary`, `rollback-target`.
    pub standing: String,
    /// Whether it should be left behind.
    pub deprecated: bool,
}

impl DecidedRelease {
    pub(super) fn bounded(self) -> Self {
        let Self { channel, version, standing, .. } = &self;
        let (channel, version, standing) = (bounded(channel), bounded(version), bounded(standing));
        Self { channel, version, standing, ..self }
    }
}

/// How a policy's scope is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PolicyMode {
    /// What it does not allow is denied.
    Enforce,
    /// It is allowed, with a warning.
    Warn,
    /// It is allowed, and recorded.
    Audit,
}

/// The policy that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedPolicy {
    /// Its name: that of its file, if it has no other.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// The rule (or scope) that matched, if one did.
    pub rule: Option<String>,
    /// How that is enforced.
    pub mode: PolicyMode,
    /// Who opened it against its rules, if somebody did.
    pub break_glass: Option<BreakGlass>,
}

/// Somebody takes it upon them, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// Who.
    pub who: String,
    /// Until when (RFC 3339).
    pub until: String,
    /// Why.
    pub reason: String,
}

impl DecidedPolicy {
    pub(super) fn bounded(self) -> Self {
        let break_glass = self.break_glass.map(|BreakGlass { who, until, reason }| BreakGlass {
            who: bounded(&who),
            until: bounded(&until),
            reason: bounded(&reason),
        });
        Self { name: bounded(&self.name), rule: bounded_option(self.rule), break_glass, ..self }
    }
}

/// Somebody whose signature counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedSigner {
    /// By what the signer is known: `key`, `certificate`, `keyless`.
    pub kind: String,
    /// The algorithm of the key.
    pub algorithm: String,
    /// The key, by its hint (hex SHA-256).
    pub key: String,
    /// Whom the certificate names, if there is one.
    pub identity: Option<String>,
    /// The identity provider that knows a keyless signer.
    pub issuer: Option<String>,
}

impl From<&Signer> for DecidedSigner {
    fn from(signer: &Signer) -> Self {
        let kind = match signer.kind() {
            SignerKind::Key => "key",
            SignerKind::Certificate => "certificate",
            SignerKind::Keyless => "keyless",
        };
        Self {
            kind: kind.to_owned(),
            algorithm: signer.algorithm().as_str().to_owned(),
            key: signer.key().to_owned(),
            identity: bounded_option(signer.identity().map(str::to_owned)),
            issuer: bounded_option(signer.issuer().map(str::to_owned)),
        }
    }
}

/// What is remembered of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelState {
    /// Epoch of the newest document that was seen; 0 before the first.
    pub epoch: u64,
    /// Its sequence; 0 before the first.
    pub sequence: u64,
    /// Below this counter nothing runs here.
    pub floor: u64,
    /// The version that was accepted last, if one was.
    pub accepted: Option<String>,
}

/// What is remembered of a channel, before and after the decision. Equal where nothing was to be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// Before.
    pub before: ChannelState,
    /// After.
    pub after: ChannelState,
}

impl StateChange {
    pub(super) fn bounded(self) -> Self {
        let bound = |state: ChannelState| ChannelState { accepted: bounded_option(state.accepted), ..state };
        Self { before: bound(self.before), after: bound(self.after) }
    }
}
