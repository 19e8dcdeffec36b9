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
    /// The quickest signed one: BLAKE3 where it is signed, else what is (SHA-256, unless another tool signed).
    #[default]
    Quickest,
    /// SHA-256 of whole files, which Lacre always signs.
    Sha256,
}

impl Prove {
    /// The digests that prove one entry.
    ///
    /// # Errors
    /// `E-DIGEST-NOT-SIGNED` when a digest is demanded and not signed.
    pub(crate) fn digests(self, entry: &Entry) -> Result<DigestSet, VerifyError> {
        let not_signed = |digest| Err(VerifyError::DigestNotSigned { digest, path: entry.path.clone() });
        match self {
            Self::Both => Ok(entry.digests.all()),
            Self::Blake3 if entry.blake3().is_none() => not_signed("BLAKE3"),
            Self::Sha256 if entry.sha256().is_none() => not_signed("SHA-256"),
            Self::Sha256 => Ok(DigestSet::Sha256),
            Self::Quickest if entry.blake3().is_none() => Ok(entry.digests.all()),
            Self::Blake3 | Self::Quickest => Ok(DigestSet::Blake3),
        }
    }
}
