//! Signatures on a file of metadata: over the same bytes, in any order.

use std::fmt;

use lacre_sign::{SignError, Signer};

use super::super::ChannelProblem;
use super::super::canonical::canonical;
use super::super::key::{KeyId, TufKey, hex, unhex};
use super::super::metadata::{Body, Envelope, Signature, metadata};
use super::super::roles::{Role, RoleKeys};
use crate::PublishError;

/// Which roles have not signed as often as they must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// What is missing, in the order in which it can be given. A root that changes the keys of root needs the threshold of
    /// the keys before and of those after.
    pub lacks: Vec<Lack>,
}

/// Signatures that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Whose.
    pub role: Role,
    /// How many.
    pub needed: u32,
    /// The keys that can make them.
    pub of: Vec<KeyId>,
}

impl fmt::Display for Pending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, lack) in self.lacks.iter().enumerate() {
            let between = if place == 0 { "" } else { "; " };
            write!(formatter, "{between}{} of {} for {}", lack.needed, lack.of.len(), lack.role)?;
        }
        Ok(())
    }
}

impl<T: Body> Envelope<T> {
    /// What is missing before all of `authorities` have signed. Counts signatures that were verified when they came in.
    pub(super) fn lacks(&self, role: Role, authorities: &[&RoleKeys]) -> Vec<Lack> {
        authorities.iter().filter_map(|keys| self.lack(role, keys)).collect()
    }

    fn lack(&self, role: Role, keys: &RoleKeys) -> Option<Lack> {
        let (there, of): (Vec<KeyId>, Vec<KeyId>) = keys.key_ids().partition(|id| self.has(*id));
        let there = u32::try_from(there.len()).unwrap_or(u32::MAX);
        let needed = keys.threshold().saturating_sub(there);
        (needed > 0).then_some(Lack { role, needed, of })
    }

    fn has(&self, id: KeyId) -> bool {
        self.signatures.iter().any(|signature| signature.keyid == id)
    }

    /// Adds a signature if it brings one of `authorities` nearer to its threshold, and says whether it did. Beyond the
    /// thresholds nothing is added: other files may have the hash of this one already.
    pub(super) fn sign(
        &mut self,
        authorities: &[&RoleKeys],
        id: KeyId,
        signer: &dyn Signer,
    ) -> Result<bool, PublishError> {
        if !self.lacks(Role::Root, authorities).iter().any(|lack| lack.of.contains(&id)) {
            return Ok(false);
        }
        let message = canonical(&self.signed)?;
        let signature = signer.sign(&message)?;
        let checked = signer.public_key().verify(&message, &signature);
        checked.map_err(|_| SignError::SelfCheck)?;
        let place = self.signatures.partition_point(|other| other.keyid < id);
        self.signatures.insert(place, Signature { keyid: id, sig: hex(&signature) });
        Ok(true)
    }

    /// Verifies every signature with the key that it names among `authorities`; one of any other key is refused.
    pub(super) fn check_signatures(&self, file: &str, authorities: &[&RoleKeys]) -> Result<(), PublishError> {
        let message = canonical(&self.signed)?;
        for signature in &self.signatures {
            let id = signature.keyid;
            let key = authorities.iter().find_map(|keys| keys.keys.get(&id)).and_then(TufKey::public);
            let Some(key) = key else { return Err(ChannelProblem::Stranger { key: id }.into()) };
            let good = unhex(&signature.sig).is_some_and(|bytes| key.verify(&message, &bytes).is_ok());
            if !good {
                return Err(metadata(file, format!("the signature of {id} is none")));
            }
        }
        Ok(())
    }
}
