//! Pushing a signed model encrypted.

use std::path::PathBuf;

use lacre_attest::COSIGN_SIGN_PREDICATE_TYPE;
use lacre_encrypt::Recipients;
use lacre_hash::{Progress, Sha256Digest};
use lacre_registry_client::{Descriptor, Sealing, Store, Tag};

use crate::PublishError;
use crate::attach::attach;
use crate::push::{Prepared, Pushed};

/// For whom a model is encrypted, and by whom the result is signed.
pub struct Encryption<'a, E> {
    /// Who can read it.
    pub recipients: &'a Recipients,
    /// Where encrypted bytes wait until their digest is known: as much as the four largest files.
    pub spool: PathBuf,
    /// Signs the manifest of this digest, as `cosign sign` does; gives the bundle.
    pub sign: &'a dyn Fn(&Sha256Digest) -> Result<Vec<u8>, E>,
}

/// What a push of an encrypted model came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// What was pushed, as it is inside.
    pub inside: Pushed,
    /// The manifest of the encrypted artifact, which alone is public.
    pub manifest: Descriptor,
    /// The manifest that carries the signature over that.
    pub signature: Descriptor,
}

impl Prepared<'_> {
    /// Puts the model, its signatures and its chunk lists into `store`, encrypted; signs the manifest of all that, and moves
    /// `tag` to it.
    ///
    /// A second time gives other bytes: nothing that was pushed before is found again.
    ///
    /// # Errors
    /// Those of [`push`](Self::push) and of the signer. Nothing has the tag then.
    pub fn push_encrypted<E: From<PublishError>>(
        &self,
        store: &dyn Store,
        tag: Option<&Tag>,
        encryption: Encryption<'_, E>,
        progress: &dyn Progress,
    ) -> Result<Encrypted, E> {
        let sealing = Sealing::new(store, encryption.recipients, encryption.spool);
        let inside = self.push(&sealing, None, progress)?;
        let manifest = sealing.finish().map_err(PublishError::from)?;
        let bundle = (encryption.sign)(&manifest.digest)?;
        let signature = attach(store, &manifest, &bundle, COSIGN_SIGN_PREDICATE_TYPE)?.signature;
        if let Some(tag) = tag {
            store.tag(&manifest, tag).map_err(PublishError::from)?;
        }
        Ok(Encrypted { inside, manifest, signature })
    }
}
