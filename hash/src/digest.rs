//! Digest types, and the hasher that makes both in one pass.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

use crate::{ChunkList, HashError};

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; Self::LEN]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = 32;

            /// Takes the 32 bytes of a digest.
            pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
                &self.0
            }

            /// Reads exactly 64 lower-case hexadecimal digits: one digest has one spelling.
            pub fn from_hex(text: &str) -> Result<Self, HashError> {
                parse_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "("))?;
                write_hex(&self.0, formatter)?;
                formatter.write_str(")")
            }
        }

        impl std::str::FromStr for $name {
            type Err = HashError;

            fn from_str(text: &str) -> Result<Self, HashError> {
                Self::from_hex(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::from_hex(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

digest_type! {
    /// A SHA-256 digest (FIPS 180-4), 32 bytes. Shown and read as 64 lower-case hexadecimal digits.
    Sha256Digest
}

digest_type! {
    /// A BLAKE3 digest in hash mode, 32 bytes: what `b3sum` prints. Shown and read as 64 lower-case hexadecimal
    /// digits.
    Blake3Digest
}

impl Sha256Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl Blake3Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of the concatenated `parts` in BLAKE3's key-derivation mode, under `context`: a digest that no
    /// file can have by accident, because files are hashed in another mode (BLAKE3 paper, section 2.3).
    pub fn derive<'a>(context: &str, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], HashError> {
    let refuse = || HashError::Hex { found: text.chars().take(80).collect(), want: 2 * N };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(refuse());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else { return Err(refuse()) };
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn write_hex(bytes: &[u8], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

/// Which digests are made of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestSet {
    /// BLAKE3 only: enough to verify an entry that signs one, and the quickest.
    Blake3,
    /// SHA-256 and BLAKE3.
    Both,
    /// SHA-256 only.
    Sha256,
}

/// What one pass over a file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigests {
    /// Bytes that were read.
    pub size: u64,
    /// SHA-256, when it was wanted.
    pub sha256: Option<Sha256Digest>,
    /// BLAKE3, when it was wanted.
    pub blake3: Option<Blake3Digest>,
    /// The tree behind the BLAKE3 digest, when [`Engine`](crate::Engine) made it.
    pub chunks: Option<ChunkList>,
}

/// Makes the wanted digests of bytes that come in pieces.
#[derive(Debug, Clone)]
pub struct StreamHasher {
    size: u64,
    sha256: Option<sha2::Sha256>,
    blake3: Option<Box<blake3::Hasher>>,
}

impl StreamHasher {
    /// A hasher that has seen no bytes yet.
    pub fn new(wanted: DigestSet) -> Self {
        Self {
            size: 0,
            sha256: (wanted != DigestSet::Blake3).then(sha2::Sha256::new),
            blake3: (wanted != DigestSet::Sha256).then(|| Box::new(blake3::Hasher::new())),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        // Small steps keep the bytes in the first caches between the two digests.
        const STEP: usize = 64 * 1024;
        self.size += bytes.len() as u64;
        match (&mut self.sha256, &mut self.blake3) {
            (Some(sha256), Some(blake3)) => {
                for step in bytes.chunks(STEP) {
                    blake3.update(step);
                    sha256.update(step);
                }
            }
            (Some(sha256), None) => sha256.update(bytes),
            (None, Some(blake3)) => {
                blake3.update(bytes);
            }
            (None, None) => {}
        }
    }

    /// The digests of all bytes taken.
    pub fn finish(self) -> FileDigests {
        FileDigests {
            size: self.size,
            sha256: self.sha256.map(|hasher| Sha256Digest(hasher.finalize().into())),
            blake3: self.blake3.map(|hasher| Blake3Digest(*hasher.finalize().as_bytes())),
            chunks: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // NIST CAVP SHA256ShortMsg/"abc" of FIPS 180-4; the BLAKE3 value is the first 32 bytes of the official
    // test vector for the one-byte input 0x00 (BLAKE3 test_vectors.json, input_len 1).
    #[test]
    fn known_answers() {
        assert_eq!(
            Sha256Digest::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            Blake3Digest::of(&[0]).to_string(),
            "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"
        );
    }

    #[test]
    fn hex_has_one_spelling() {
        let digest = Sha256Digest::of(b"");
        let text = digest.to_string();
        assert_eq!(Sha256Digest::from_hex(&text).unwrap(), digest);
        let wrong =
            [text.to_uppercase(), text[1..].to_owned(), format!("{text}0"), format!(" {}", &text[1..])];
        for wrong in wrong.into_iter().chain([text.replace('e', "g"), "é".repeat(32)]) {
            assert_eq!(Sha256Digest::from_hex(&wrong).unwrap_err().code(), "E-HEX", "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn pieces_do_not_matter(bytes: Vec<u8>, cut: proptest::sample::Index) {
            let cut = cut.index(bytes.len() + 1);
            for wanted in [DigestSet::Both, DigestSet::Sha256, DigestSet::Blake3] {
                let mut hasher = StreamHasher::new(wanted);
                hasher.update(&bytes[..cut]);
                hasher.update(&bytes[cut..]);
                let found = hasher.finish();
                proptest::prop_assert_eq!(found.size, bytes.len() as u64);
                proptest::prop_assert_eq!(found.sha256, (wanted != DigestSet::Blake3).then(|| Sha256Digest::of(&bytes)));
                proptest::prop_assert_eq!(found.blake3, (wanted != DigestSet::Sha256).then(|| Blake3Digest::of(&bytes)));
            }
        }
    }
}
