//! Descriptors: what names a blob (image specification 1.1, `descriptor.md`).

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use lacre_json::Limits;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::RegistryError;
use crate::referrers::PREDICATE_TYPE;

/// Largest manifest, index or configuration that is read or written, in bytes. Registries take no larger manifest
/// either (distribution specification 1.1).
pub const MAX_MANIFEST: u64 = 4 * 1024 * 1024;

/// Media type of an image manifest.
pub const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Media type of an image index.
pub const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Media type of the empty configuration, whose blob is `{}`.
pub const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

#[expect(clippy::cast_possible_truncation, reason = "4 MiB fits every usize")]
pub(crate) const JSON_LIMITS: Limits = Limits::new(MAX_MANIFEST as usize, 32);

/// Names one blob: its type, digest and size. Only `sha256` digests.
///
/// Its JSON form is OCI's. Reading refuses what would let the content come from elsewhere than the blob of that
/// digest: `urls` and `data`. Members that the specification does not know are ignored, as it demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type of the blob.
    pub media_type: String,
    /// Digest of the blob's bytes.
    pub digest: Sha256Digest,
    /// Size of the blob in bytes.
    pub size: u64,
    /// What kind of artifact it is, when the blob is an artifact's manifest.
    pub artifact_type: Option<String>,
    /// Annotations. Nothing proves those of an index; those of a signed manifest are as proven as it is.
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Describes `bytes`.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Sha256Digest::of(bytes), bytes.len() as u64)
    }

    /// Describes a blob whose digest and size are known.
    pub fn new(media_type: &str, digest: Sha256Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The same blob, without artifact type and annotations: the form that `subject` takes.
    pub fn plain(&self) -> Self {
        Self::new(&self.media_type, self.digest, self.size)
    }

    /// The predicate type that the manifest of a bundle announces, where the descriptor has the manifest's annotations
    /// ([`Store::referrers`](crate::Store::referrers)). Nothing proves it.
    pub fn announced_predicate(&self) -> Option<&str> {
        self.annotations.get(PREDICATE_TYPE).map(String::as_str)
    }

    /// Refuses `bytes` that are not of this size and digest.
    pub(crate) fn prove(&self, bytes: &[u8]) -> Result<(), RegistryError> {
        let actual = bytes.len() as u64;
        if actual != self.size {
            return Err(RegistryError::BlobSize { digest: self.digest, expected: self.size, actual });
        }
        let actual = Sha256Digest::of(bytes);
        if actual != self.digest {
            return Err(RegistryError::BlobDigest { expected: self.digest, actual });
        }
        Ok(())
    }
}

impl Serialize for Descriptor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WireDescriptor::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = WireDescriptor::deserialize(deserializer)?;
        if wire.urls.is_some() {
            return Err(serde::de::Error::custom("a descriptor with `urls`"));
        }
        if wire.data.is_some() {
            return Err(serde::de::Error::custom("a descriptor with `data`"));
        }
        wire.into_descriptor().map_err(serde::de::Error::custom)
    }
}

/// A descriptor as it stands in a document, of any digest algorithm and with the members that some places refuse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireDescriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) urls: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<String>,
}

impl WireDescriptor {
    /// What is understood of it, or what is wrong with it.
    pub(crate) fn into_descriptor(self) -> Result<Descriptor, String> {
        let digest = match parse_digest(&self.digest)? {
            AnyDigest::Sha256(digest) => digest,
            AnyDigest::Other => return Err(format!("the digest {:?} is not sha256", self.digest)),
        };
        check_size(self.size)?;
        Ok(Descriptor {
            media_type: self.media_type,
            digest,
            size: self.size,
            artifact_type: self.artifact_type.filter(|text| !text.is_empty()),
            annotations: self.annotations.unwrap_or_default(),
        })
    }
}

impl From<&Descriptor> for WireDescriptor {
    fn from(descriptor: &Descriptor) -> Self {
        Self {
            media_type: descriptor.media_type.clone(),
            digest: format!("sha256:{}", descriptor.digest),
            size: descriptor.size,
            artifact_type: descriptor.artifact_type.clone(),
            annotations: (!descriptor.annotations.is_empty()).then(|| descriptor.annotations.clone()),
            urls: None,
            data: None,
        }
    }
}

/// A well-formed digest.
pub(crate) enum AnyDigest {
    Sha256(Sha256Digest),
    /// Of an algorithm that is not ours to judge.
    Other,
}

/// Reads `algorithm:encoded` (image specification 1.1, `descriptor.md`, "Digests").
pub(crate) fn parse_digest(text: &str) -> Result<AnyDigest, String> {
    let malformed = || format!("{:?} is not a digest", text.chars().take(160).collect::<String>());
    let (algorithm, encoded) = text.split_once(':').ok_or_else(malformed)?;
    if algorithm == "sha256" {
        return Sha256Digest::from_hex(encoded).map(AnyDigest::Sha256).map_err(|_| malformed());
    }
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let algorithm_fits = algorithm.split(['+', '.', '_', '-']).all(part);
    let encoded_fits = !encoded.is_empty()
        && encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-'));
    if algorithm_fits && encoded_fits { Ok(AnyDigest::Other) } else { Err(malformed()) }
}

/// OCI's sizes are signed 64-bit numbers.
pub(crate) fn check_size(size: u64) -> Result<(), String> {
    if i64::try_from(size).is_err() {
        return Err(format!("the size {size} is above 2^63 - 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(text: &str) -> Result<Descriptor, lacre_json::JsonError> {
        lacre_json::from_slice(text.as_bytes(), JSON_LIMITS)
    }

    #[test]
    fn reads_and_writes_the_oci_form() {
        let text = format!(
            r#"{{"annotations":{{"a":"b"}},"artifactType":"t/x","digest":"{EMPTY}","mediaType":"m/x","size":0}}"#
        );
        let descriptor = read(&text).unwrap();
        assert_eq!(descriptor.artifact_type.as_deref(), Some("t/x"));
        assert_eq!(descriptor.digest, Sha256Digest::of(b""));
        assert_eq!(String::from_utf8(lacre_json::to_vec(&descriptor)).unwrap(), text);
        let plain = format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":0}}"#);
        assert_eq!(String::from_utf8(lacre_json::to_vec(&descriptor.plain())).unwrap(), plain);
        let foreign =
            format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":0,"platform":{{"os":"linux"}}}}"#);
        assert_eq!(read(&foreign).unwrap(), descriptor.plain());
    }

    #[test]
    fn refuses_what_is_not_one_sha256_blob() {
        let wrong = [
            format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":-1}}"#),
            format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":1.0}}"#),
            format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":"1"}}"#),
            format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":9223372036854775808}}"#),
            format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x"}}"#),
            format!(r#"{{"digest":"{EMPTY}","size":0}}"#),
            format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":0,"urls":["http://x.test/"]}}"#),
            format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":0,"data":""}}"#),
            format!(r#"{{"digest":"{}","mediaType":"m/x","size":0}}"#, EMPTY.to_uppercase()),
            format!(r#"{{"digest":"{}","mediaType":"m/x","size":0}}"#, &EMPTY[7..]),
            r#"{"digest":"sha256:../../../etc/passwd","mediaType":"m/x","size":0}"#.to_owned(),
            r#"{"digest":"sha512:abc","mediaType":"m/x","size":0}"#.to_owned(),
        ];
        for text in wrong {
            assert_eq!(read(&text).unwrap_err().code(), "E-JSON", "{text}");
        }
        let twice = format!(r#"{{"digest":"{EMPTY}","mediaType":"m/x","size":0,"size":1}}"#);
        assert_eq!(read(&twice).unwrap_err().code(), "E-DUPLICATE-KEY");
    }

    #[test]
    fn tells_foreign_digests_from_malformed_ones() {
        for text in ["sha512:ab12", "multihash+base58:QmR=_-x", "a.b_c-d:X"] {
            assert!(matches!(parse_digest(text), Ok(AnyDigest::Other)), "{text}");
        }
        for text in
            ["", ":", "sha256", "sha256:", "sha512:../x", "SHA512:ab", "a..b:x", "sha512:a/b", "sha512:a:b"]
        {
            assert!(parse_digest(text).is_err(), "{text}");
        }
    }
}
