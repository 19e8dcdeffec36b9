//! Digest types.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

use crate::HashError;

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident, $length:literal, $digits:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; Self::LEN]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $length;

            /// Takes the bytes of a digest.
            pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
                &self.0
            }

            #[doc = concat!("Reads exactly ", $digits, " lower-case hexadecimal digits: one digest has one spelling.")]
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
    Sha256Digest, 32, "64"
}

digest_type! {
    /// A BLAKE3 digest in hash mode, 32 bytes: what `b3sum` prints. Shown and read as 64 lower-case hexadecimal
    /// digits.
    Blake3Digest, 32, "64"
}

digest_type! {
    /// A BLAKE2b-512 digest (RFC 7693, no key), 64 bytes: what `b2sum` prints. Shown and read as 128 lower-case hexadecimal
    /// digits. Only signatures of other tools carry it.
    Blake2bDigest, 64, "128"
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

impl Blake2bDigest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake2b_simd::blake2b(bytes).as_array())
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

    // RFC 7693, appendix A; and what `hashlib.blake2b` of Python 3 prints for no bytes.
    #[test]
    fn known_answers_of_blake2b() {
        assert_eq!(
            Blake2bDigest::of(b"abc").to_string(),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
             7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
        );
        assert_eq!(
            Blake2bDigest::of(b"").to_string(),
            "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419\
             d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce"
        );
    }

    #[test]
    fn hex_of_64_bytes_has_one_spelling() {
        let digest = Blake2bDigest::of(b"abc");
        let text = digest.to_string();
        assert_eq!(text.parse::<Blake2bDigest>().unwrap(), digest);
        for wrong in [text.to_uppercase(), text[..64].to_owned(), format!("{text}0"), "g".repeat(128)] {
            assert_eq!(Blake2bDigest::from_hex(&wrong).unwrap_err().code(), "E-HEX", "{wrong}");
        }
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
}
