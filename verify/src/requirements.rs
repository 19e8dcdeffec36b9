//! What must hold before anything is believed.

use std::time::SystemTime;

use lacre_attest::{Limits, ModelClaim};
use lacre_manifest::EntryPath;

use crate::prove::Prove;
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
        }
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
            if claim.name() != expected {
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
        Ok(demanded)
    }
}
