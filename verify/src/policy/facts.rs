//! What is known of a model when a rule is held against it.

use std::time::SystemTime;

use lacre_attest::{Limits, ModelClaim};
use lacre_hash::Sha256Digest;
#[cfg(feature = "release")]
use lacre_release::{Channel, Wanted};

use crate::proof::{Claim, Extent, Verified};
use crate::report::Report;
use crate::signature::Signer;

/// What is known of a model whose claim is verified, and what came with it.
#[derive(Debug)]
pub struct Facts<'a> {
    pub(super) claim: &'a ModelClaim,
    pub(super) signers: &'a [Signer],
    pub(super) report: &'a Report,
    pub(super) repository: Option<&'a str>,
    pub(super) manifest: Option<&'a Sha256Digest>,
    pub(super) attestations: &'a [Vec<u8>],
    pub(super) limits: Limits,
    pub(super) now: SystemTime,
    #[cfg(feature = "release")]
    pub(super) channel: Option<&'a Channel>,
    #[cfg(feature = "release")]
    pub(super) wanted: Option<Wanted>,
    #[cfg(feature = "release")]
    pub(super) instance: Option<&'a str>,
    #[cfg(feature = "release")]
    pub(super) floor: Option<u64>,
}

impl<'a> Facts<'a> {
    /// What is known by a verified claim alone.
    pub fn of(claim: &'a Verified<Claim>) -> Self {
        Self::new(claim.claim(), claim.signers(), claim.report())
    }

    /// What is known of a model, or a part of one, whose content is proven.
    pub fn of_content<T: Extent>(model: &'a Verified<T>) -> Self {
        Self::new(model.claim(), model.signers(), model.report())
    }

    fn new(claim: &'a ModelClaim, signers: &'a [Signer], report: &'a Report) -> Self {
        Self {
            claim,
            signers,
            report,
            repository: None,
            manifest: None,
            attestations: &[],
            limits: Limits::default(),
            now: SystemTime::now(),
            #[cfg(feature = "release")]
            channel: None,
            #[cfg(feature = "release")]
            wanted: None,
            #[cfg(feature = "release")]
            instance: None,
            #[cfg(feature = "release")]
            floor: None,
        }
    }

    /// It came out of this repository, as the artifact whose manifest has this digest.
    pub fn from(mut self, repository: &'a str, manifest: &'a Sha256Digest) -> Self {
        (self.repository, self.manifest) = (Some(repository), Some(manifest));
        self
    }

    /// These bundles came with it. Nothing in them is believed yet; those that are no attestations do no harm.
    pub fn attestations(mut self, bundles: &'a [Vec<u8>]) -> Self {
        self.attestations = bundles;
        self
    }

    /// Bounds on what is read of attestations.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes this for the current time. Whoever gives a time of the past makes old evidence young.
    pub fn assume_now_danger(mut self, now: SystemTime) -> Self {
        self.now = now;
        self
    }

    /// This channel was asked, which must list the model as what is `wanted`; `instance` is who asks, for canaries, and
    /// below `floor` nothing runs here.
    #[cfg(feature = "release")]
    pub fn channel(
        mut self,
        channel: &'a Channel,
        wanted: Wanted,
        instance: Option<&'a str>,
        floor: Option<u64>,
    ) -> Self {
        (self.channel, self.wanted, self.instance, self.floor) =
            (Some(channel), Some(wanted), instance, floor);
        self
    }
}

/// What an attestation must be about.
pub(super) struct About<'a> {
    pub(super) identity: Option<String>,
    pub(super) manifest: Option<&'a Sha256Digest>,
}

impl Facts<'_> {
    pub(super) fn about(&self) -> About<'_> {
        // The identity of what was read, where content was; else that of what was signed, if all sizes are.
        let seen = self.report.model.as_ref().and_then(|model| model.identity.clone());
        let identity = seen.or_else(|| self.claim.identity().as_ref().map(ToString::to_string));
        About { identity, manifest: self.manifest }
    }
}
