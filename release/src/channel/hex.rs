//! Digests as text, quickly: every document that is read is written once, to see whether its bytes are canonical, and
//! digests are most of it.

use lacre_hash::{Blake3Digest, Sha256Digest};
use serde::Serializer;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// 32 bytes that are shown as 64 lower-case hexadecimal digits.
pub(super) trait Digest {
    /// The bytes.
    fn bytes(&self) -> &[u8; 32];
}

impl Digest for Sha256Digest {
    fn bytes(&self) -> &[u8; 32] {
        self.as_bytes()
    }
}

impl Digest for Blake3Digest {
    fn bytes(&self) -> &[u8; 32] {
        self.as_bytes()
    }
}

/// For `serialize_with`: the text that the digest's own `Serialize` gives.
pub(super) fn serialize<D: Digest, S: Serializer>(digest: &D, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest.bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
}
