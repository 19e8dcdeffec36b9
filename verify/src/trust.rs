//! Whose signatures count.

mod key;

use std::num::NonZeroUsize;

use lacre_attest::PublicKey;

use crate::VerifyError;
#[cfg(feature = "x509")]
use crate::identity::CertificateIdentity;
#[cfg(feature = "sigstore")]
use crate::identity::KeylessIdentity;
#[cfg(feature = "x509")]
use crate::signature::certificate::{Anchors, Crls};
#[cfg(feature = "sigstore")]
use crate::signature::sigstore::TrustedRoot;
#[cfg(feature = "x509")]
use crate::signature::timestamp::TimestampAuthorities;

pub use key::{KeyStatus, TrustedKey};

/// Whose signatures count, and how many of them are wanted. There is no default: trust is always said.
#[derive(Debug, Clone)]
pub struct Trust {
    keys: Vec<TrustedKey>,
    #[cfg(feature = "x509")]
    authorities: Vec<Authority>,
    #[cfg(feature = "x509")]
    timestamps: TimestampAuthorities,
    #[cfg(feature = "sigstore")]
    keyless: Vec<Keyless>,
    /// Whose logs and timestamps are believed about what keys signed.
    #[cfg(feature = "sigstore")]
    witnesses: Vec<TrustedRoot>,
    signers: NonZeroUsize,
}

/// Certificate authorities, and for whom they are trusted to vouch.
#[cfg(feature = "x509")]
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    pub(crate) anchors: Anchors,
    pub(crate) crls: Option<Crls>,
    /// At least one.
    pub(crate) identities: Vec<CertificateIdentity>,
}

/// A Sigstore, and whom it is trusted to name.
#[cfg(feature = "sigstore")]
#[derive(Debug, Clone)]
pub(crate) struct Keyless {
    pub(crate) root: TrustedRoot,
    /// At least one.
    pub(crate) identities: Vec<KeylessIdentity>,
}

impl Trust {
    /// Trusts exactly these keys, any one of which is enough.
    ///
    /// # Errors
    /// `E-USAGE` when there are none, since nothing could ever be accepted; or when one key stands twice with different
    /// terms, since one of them would not hold.
    pub fn keys<K: Into<TrustedKey>>(keys: impl IntoIterator<Item = K>) -> Result<Self, VerifyError> {
        let mut trusted: Vec<TrustedKey> = Vec::new();
        for key in keys {
            let key = key.into();
            match trusted.iter().find(|known| known.key == key.key) {
                None => trusted.push(key),
                Some(known) if *known == key => {}
                Some(_) => return Err(VerifyError::TwoTerms { key: key.key.hint() }),
            }
        }
        if trusted.is_empty() {
            return Err(VerifyError::NoTrust);
        }
        Ok(Self { keys: trusted, ..Self::nobody() })
    }

    /// Trusts nobody: where more is added.
    pub(crate) fn nobody() -> Self {
        Self {
            keys: Vec::new(),
            #[cfg(feature = "x509")]
            authorities: Vec::new(),
            #[cfg(feature = "x509")]
            timestamps: TimestampAuthorities::new(),
            #[cfg(feature = "sigstore")]
            keyless: Vec::new(),
            #[cfg(feature = "sigstore")]
            witnesses: Vec::new(),
            signers: NonZeroUsize::MIN,
        }
    }

    /// Trusts these authorities to vouch for these identities, and for nobody else.
    ///
    /// # Errors
    /// `E-USAGE` when no identity is given: an authority alone would let every holder of any of its certificates sign.
    #[cfg(feature = "x509")]
    pub fn authority(
        anchors: Anchors,
        crls: Option<Crls>,
        identities: Vec<CertificateIdentity>,
    ) -> Result<Self, VerifyError> {
        Self::nobody().and_authority(anchors, crls, identities)
    }

    /// The same, beside whom is trusted already.
    ///
    /// # Errors
    /// `E-USAGE` when no identity is given.
    #[cfg(feature = "x509")]
    pub fn and_authority(
        mut self,
        anchors: Anchors,
        crls: Option<Crls>,
        identities: Vec<CertificateIdentity>,
    ) -> Result<Self, VerifyError> {
        if identities.is_empty() {
            return Err(VerifyError::NoTrust);
        }
        self.authorities.push(Authority { anchors, crls, identities });
        Ok(self)
    }

    /// Trusts these authorities to tell when something was signed, beside those that are trusted to already.
    #[cfg(feature = "x509")]
    pub fn and_timestamps(mut self, authorities: TimestampAuthorities) -> Self {
        self.timestamps = self.timestamps.and(authorities);
        self
    }

    /// Trusts a Sigstore to name these identities, and nobody else.
    ///
    /// # Errors
    /// `E-USAGE` when no identity is given.
    #[cfg(feature = "sigstore")]
    pub fn keyless(root: TrustedRoot, identities: Vec<KeylessIdentity>) -> Result<Self, VerifyError> {
        Self::nobody().and_keyless(root, identities)
    }

    /// The same, beside whom is trusted already.
    ///
    /// # Errors
    /// `E-USAGE` when no identity is given.
    #[cfg(feature = "sigstore")]
    pub fn and_keyless(
        mut self,
        root: TrustedRoot,
        identities: Vec<KeylessIdentity>,
    ) -> Result<Self, VerifyError> {
        if identities.is_empty() {
            return Err(VerifyError::NoTrust);
        }
        // One root is asked once, so that it can tell which of all identities is the nearest.
        match self.keyless.iter_mut().find(|known| known.root.is(&root)) {
            Some(known) => known.identities.extend(identities),
            None => self.keyless.push(Keyless { root, identities }),
        }
        Ok(self)
    }

    /// Believes the logs and timestamp authorities of a Sigstore about what keys signed: that it stands in the log, and
    /// when it was there. It vouches for no key.
    ///
    /// With this, the log entries and timestamps of such a bundle must hold, all of them. Without it, log entries
    /// are reported as not checked.
    #[cfg(feature = "sigstore")]
    pub fn and_witnesses(mut self, root: TrustedRoot) -> Self {
        if !self.witnesses.iter().any(|known| known.is(&root)) {
            self.witnesses.push(root);
        }
        self
    }

    /// Trusts these keys as well.
    ///
    /// # Errors
    /// `E-USAGE` when one of them is trusted on other terms already.
    pub fn and_keys<K: Into<TrustedKey>>(
        self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Self, VerifyError> {
        let mut keys = keys.into_iter().map(Into::into).peekable();
        if keys.peek().is_none() {
            return Ok(self);
        }
        let keys = Self::keys(self.keys.iter().cloned().chain(keys))?.keys;
        Ok(Self { keys, ..self })
    }

    /// Demands the signatures of so many distinct signers.
    pub fn signers(mut self, number: NonZeroUsize) -> Self {
        self.signers = number;
        self
    }

    /// How many distinct signers are demanded.
    pub fn wanted_signers(&self) -> NonZeroUsize {
        self.signers
    }

    /// How many distinct signers there can be, at most: an authority vouches for any number.
    pub(crate) fn most_signers(&self) -> usize {
        #[cfg(feature = "x509")]
        if !self.authorities.is_empty() {
            return usize::MAX;
        }
        #[cfg(feature = "sigstore")]
        if !self.keyless.is_empty() {
            return usize::MAX;
        }
        self.keys.len()
    }

    #[cfg(feature = "x509")]
    pub(crate) fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    #[cfg(feature = "x509")]
    pub(crate) fn timestamp_authorities(&self) -> &TimestampAuthorities {
        &self.timestamps
    }

    #[cfg(feature = "sigstore")]
    pub(crate) fn keyless_signers(&self) -> &[Keyless] {
        &self.keyless
    }

    #[cfg(feature = "sigstore")]
    pub(crate) fn witnesses(&self) -> &[TrustedRoot] {
        &self.witnesses
    }

    pub(crate) fn trusted_keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// Whether nothing could ever be accepted.
    pub(crate) fn is_nobody(&self) -> bool {
        #[cfg(feature = "x509")]
        if !self.authorities.is_empty() {
            return false;
        }
        #[cfg(feature = "sigstore")]
        if !self.keyless.is_empty() {
            return false;
        }
        self.keys.is_empty()
    }

    /// Refuses a key of which nothing counts, by whatever way it comes: a certificate for a revoked key does not help it.
    pub(crate) fn refuse_revoked(&self, key: &PublicKey) -> Result<(), VerifyError> {
        let revoked = |trusted: &&TrustedKey| trusted.key() == key && trusted.is_revoked();
        match self.keys.iter().find(revoked) {
            Some(trusted) => Err(VerifyError::KeyRevoked { key: trusted.key().hint() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_has_one_set_of_terms() {
        let key = lacre_testkit::Sealed::sample().public_key().clone();
        assert!(Trust::keys([key.clone(), key.clone()]).is_ok());
        let revoked = TrustedKey::new(key.clone()).status(KeyStatus::Revoked);
        assert_eq!(Trust::keys([TrustedKey::new(key), revoked]).unwrap_err().code(), "E-USAGE");
        assert_eq!(Trust::keys(Vec::<PublicKey>::new()).unwrap_err().code(), "E-USAGE");
    }
}
