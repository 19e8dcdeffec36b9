//! What must hold before anything is believed.

use std::num::NonZeroUsize;
use std::time::SystemTime;

use lacre_attest::{Limits, ModelClaim};
use lacre_manifest::EntryPath;

use crate::prove::Prove;
use crate::signature::Legacy;
use crate::{Trust, VerifyError};

/// What must hold before anything is believed: a trusted signer always, and what else the caller demands.
#[derive(Debug, Clone)]
pub struct Requirements {
    trust: Trust,
    name: Option<String>,
    version: Option<String>,
    allow_unsigned: Vec<EntryPath>,
    limits: Limits,
    prove: Prove,
    now: Option<SystemTime>,
    strictness: Strictness,
    legacy: Legacy,
}

/// What comes of what is not covered by a signature, or differs in what need not survive a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Strictness {
    /// It is told.
    #[default]
    Tell,
    /// It is refused.
    Refuse,
}

impl Requirements {
    /// Demands a signature that `trust` covers.
    pub fn new(trust: Trust) -> Self {
        Self {
            trust,
            name: None,
            version: None,
            allow_unsigned: Vec::new(),
            limits: Limits::default(),
            prove: Prove::default(),
            now: None,
            strictness: Strictness::default(),
            legacy: Legacy::default(),
        }
    }

    /// Demands nothing of its own, and trusts nobody: what a caller adds to a policy, which says whom to trust.
    /// The policy's number of signers counts, or this one if it is greater.
    pub fn beside_policy(signers: NonZeroUsize) -> Self {
        Self::new(Trust::nobody().signers(signers))
    }

    /// Demands that the signed name is exactly this one. Without it, any model that a trusted key ever signed is
    /// accepted in the place of the one that is wanted.
    pub fn expect_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Demands that the signed version is exactly this one.
    pub fn expect_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Accepts that these files, or what lies in these folders, are not signed. They are reported and never handed
    /// out. A signed file among them is still proven.
    pub fn allow_unsigned(mut self, paths: impl IntoIterator<Item = EntryPath>) -> Self {
        self.allow_unsigned.extend(paths);
        self
    }

    /// Bounds on what is read before it is trusted.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Demands these of the signed digests as the proof of the content.
    pub fn prove(mut self, prove: Prove) -> Self {
        self.prove = prove;
        self
    }

    /// Takes this for the current time, against which keys and certificates are held. Whoever gives a time of the past
    /// makes what has expired since then count again.
    pub fn assume_now_danger(mut self, time: SystemTime) -> Self {
        self.now = Some(time);
        self
    }

    /// Refuses what is told otherwise: whatever the signature leaves out and is there all the same, executable bits and
    /// empty folders that are not signed (`E-MODES-NOT-SIGNED`), and those that differ from what is signed
    /// (`E-FILE-MODE`, `E-FOLDER-EXTRA`, `E-FOLDER-MISSING`). What [`allow_unsigned`](Self::allow_unsigned) names is
    /// refused again when it is there (`E-EXCLUDED`).
    pub fn strict(mut self) -> Self {
        self.strictness = Strictness::Refuse;
        self
    }

    /// Accepts what model-signing 0.2 made: statements that list files and nothing else, signatures over an encoding that
    /// is no DSSE, with SHA-256 where the key wants more. Such a signature has no name, so that any model that the signer
    /// ever signed passes for any other.
    pub fn allow_legacy_danger(mut self) -> Self {
        self.legacy = Legacy::Accept;
        self
    }

    pub(crate) fn expected_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn strictness(&self) -> Strictness {
        self.strictness
    }

    pub(crate) fn legacy(&self) -> Legacy {
        self.legacy
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.now.unwrap_or_else(SystemTime::now)
    }

    /// Which of the signed digests are demanded as the proof of the content.
    pub fn proof(&self) -> Prove {
        self.prove
    }

    /// How many distinct signers are demanded.
    pub fn wanted_signers(&self) -> std::num::NonZeroUsize {
        self.trust.wanted_signers()
    }

    /// The same with another trust.
    pub(crate) fn with_trust(&self, trust: Trust) -> Self {
        Self { trust, ..self.clone() }
    }

    pub(crate) fn with_legacy(self, legacy: Legacy) -> Self {
        Self { legacy, ..self }
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(crate) fn reading_limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn allowed_unsigned(&self) -> &[EntryPath] {
        &self.allow_unsigned
    }

    /// Checks what the claim says of itself; returns what was demanded.
    pub(crate) fn met_by(&self, claim: &ModelClaim) -> Result<Vec<String>, VerifyError> {
        let mut demanded = Vec::new();
        if let Some(expected) = &self.name {
            if claim.name() != expected || claim.is_legacy() {
                return Err(VerifyError::Name {
                    signed: claim.name().to_owned(),
                    expected: expected.clone(),
                });
            }
            demanded.push(format!("name {expected}"));
        }
        if let Some(expected) = &self.version {
            if claim.version() != Some(expected) {
                let signed = claim.version().map(str::to_owned);
                return Err(VerifyError::Version { signed, expected: expected.clone() });
            }
            demanded.push(format!("version {expected}"));
        }
        if self.strictness == Strictness::Refuse {
            if claim.shape().is_none() {
                return Err(VerifyError::ShapeNotSigned);
            }
            demanded.push("executable bits and empty folders signed".to_owned());
        }
        Ok(demanded)
    }
}
