//! Which of the signed digests prove the content.

use lacre_hash::DigestSet;
use lacre_manifest::Entry;

use crate::VerifyError;

/// Which of the signed digests prove the content.
///
/// A signature over two digests of two contents means one thing to who looks at the one and another to who looks at the
/// other. Where that matters (an artifact pinned by a SHA-256 alone, an act that adds authority), ask for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prove {
    /// BLAKE3, which must be signed.
    Blake3,
    /// Every signed digest.
    Both,
    /// The quickest signed one: BLAKE3 where it is signed, else SHA-256.
    #[default]
    Quickest,
    /// SHA-256, which is always signed.
    Sha256,
}

impl Prove {
    /// The digests that prove one entry.
    ///
    /// # Errors
    /// `E-DIGEST-NOT-SIGNED` when BLAKE3 is demanded and not signed.
    pub(crate) fn digests(self, entry: &Entry) -> Result<DigestSet, VerifyError> {
        match (self, entry.blake3) {
            (Self::Blake3, None) => Err(VerifyError::DigestNotSigned { path: entry.path.clone() }),
            (Self::Sha256, _) | (Self::Both | Self::Quickest, None) => Ok(DigestSet::Sha256),
            (Self::Blake3 | Self::Quickest, Some(_)) => Ok(DigestSet::Blake3),
            (Self::Both, Some(_)) => Ok(DigestSet::Both),
        }
    }
}
