//! What is in which layer: the part of an encrypted artifact that only recipients read.
//!
//! It names each blob by the digest and size of its content, and the head of its age file by digest and size. So a layer is
//! bound to its place twice: by the public manifest, and by the key that only that head leads to.

use std::collections::HashSet;

use lacre_encrypt::LONGEST_HEAD;
use lacre_hash::Sha256Digest;
use lacre_json::Limits;
use serde::{Deserialize, Serialize};

use crate::descriptor::{AnyDigest, MAX_MANIFEST, check_size, parse_digest};
use crate::{ArtifactFault, RegistryError};

/// The longest index, in bytes. A manifest of 4 MiB lists about 25 000 layers, each with 230 bytes here.
pub(super) const LONGEST_INDEX: usize = 8 * 1024 * 1024;

const LIMITS: Limits = Limits::new(LONGEST_INDEX, 8);
const VERSION: u32 = 1;
/// As many bundles and chunk lists as are looked at elsewhere.
const MOST_REFERRERS: usize = 1000;

/// What is in which layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// The blobs, in the order of the layers that follow the index.
    pub(super) blobs: Vec<Blob>,
    /// Which blob is the manifest of the model.
    pub(super) model: Sha256Digest,
    /// Which blobs are manifests that refer to it.
    pub(super) referrers: Vec<Sha256Digest>,
}

/// A blob: its content, and the head of the age file that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) digest: Sha256Digest,
    pub(super) size: u64,
    pub(super) head_digest: Sha256Digest,
    pub(super) head_size: u64,
}

impl Index {
    /// Reads an index. At most [`LONGEST_INDEX`] bytes; no blob twice; the model and what refers to it are blobs, and as long
    /// as manifests may be.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let document = || "the index of an encrypted artifact".to_owned();
        let wire: WireIndex = lacre_json::from_slice(bytes, LIMITS)
            .map_err(|source| RegistryError::Json { document: document(), source })?;
        if wire.version != VERSION {
            let found = wire.version.to_string();
            return Err(RegistryError::Unsupported { what: "an encrypted artifact of version", found });
        }
        let blobs = wire.blobs.iter().map(blob).collect::<Result<Vec<_>, _>>()?;
        let mut manifests = HashSet::new();
        let mut distinct = HashSet::new();
        for blob in &blobs {
            if !distinct.insert(blob.digest) {
                return Err(fault(format!("the blob sha256:{} stands twice in its index", blob.digest)));
            }
            if blob.size <= MAX_MANIFEST {
                manifests.insert(blob.digest);
            }
        }
        if wire.referrers.len() > MOST_REFERRERS {
            let limit = MOST_REFERRERS as u64;
            return Err(RegistryError::TooMany { what: "referrers in an encrypted artifact", limit });
        }
        let model = digest(&wire.model)?;
        let referrers = wire.referrers.iter().map(|text| digest(text)).collect::<Result<Vec<_>, _>>()?;
        // Each is taken out: what is named twice is not there the second time.
        for named in std::iter::once(&model).chain(&referrers) {
            if !manifests.remove(named) {
                return Err(fault(format!("its index calls sha256:{named} a manifest")));
            }
        }
        Ok(Self { blobs, model, referrers })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let text = |digest: &Sha256Digest| format!("sha256:{digest}");
        let blob = |blob: &Blob| WireBlob {
            digest: text(&blob.digest),
            head: WireHead { digest: text(&blob.head_digest), size: blob.head_size },
            size: blob.size,
        };
        lacre_json::to_vec(&WireIndex {
            blobs: self.blobs.iter().map(blob).collect(),
            model: text(&self.model),
            referrers: self.referrers.iter().map(text).collect(),
            version: VERSION,
        })
    }
}

fn fault(detail: String) -> RegistryError {
    ArtifactFault::EncryptedIndex { detail }.into()
}

fn digest(text: &str) -> Result<Sha256Digest, RegistryError> {
    match parse_digest(text).map_err(fault)? {
        AnyDigest::Sha256(digest) => Ok(digest),
        AnyDigest::Other => Err(fault(format!("the digest {text:?} is not sha256"))),
    }
}

fn blob(wire: &WireBlob) -> Result<Blob, RegistryError> {
    check_size(wire.size).map_err(fault)?;
    if wire.head.size > LONGEST_HEAD as u64 {
        return Err(fault(format!("a head of {} bytes", wire.head.size)));
    }
    let (digest, head_digest) = (digest(&wire.digest)?, digest(&wire.head.digest)?);
    Ok(Blob { digest, size: wire.size, head_digest, head_size: wire.head.size })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireIndex {
    blobs: Vec<WireBlob>,
    model: String,
    referrers: Vec<String>,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBlob {
    digest: String,
    head: WireHead,
    size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireHead {
    digest: String,
    size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let blob = |name: &[u8], size| Blob {
            digest: Sha256Digest::of(name),
            size,
            head_digest: Sha256Digest::of(b"head"),
            head_size: 200,
        };
        let blobs = vec![blob(b"weights", 1 << 40), blob(b"manifest", 900), blob(b"referrer", MAX_MANIFEST)];
        Index { model: Sha256Digest::of(b"manifest"), referrers: vec![Sha256Digest::of(b"referrer")], blobs }
    }

    fn code(text: &str) -> &'static str {
        Index::parse(text.as_bytes()).map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn reads_what_it_writes() {
        let index = index();
        let bytes = index.to_bytes();
        assert_eq!(Index::parse(&bytes).unwrap(), index);
        let digest = Sha256Digest::of(b"manifest");
        let text = format!(r#""model":"sha256:{digest}","referrers":["#);
        assert!(String::from_utf8(bytes).unwrap().contains(&text));
    }

    #[test]
    fn refuses_what_is_malformed() {
        let good = String::from_utf8(index().to_bytes()).unwrap();
        let (manifest, weights) = (Sha256Digest::of(b"manifest"), Sha256Digest::of(b"weights"));
        let referrer = Sha256Digest::of(b"referrer").to_string();
        let stranger = Sha256Digest::of(b"stranger").to_string();
        let model = format!(r#""model":"sha256:{manifest}""#);
        let cases = [
            (r#""version":1"#.to_owned(), r#""version":2"#.to_owned(), "E-UNSUPPORTED"),
            (r#""version":1"#.to_owned(), r#""version":1,"x":0"#.to_owned(), "E-JSON"),
            (r#""version":1"#.to_owned(), r#""version":1,"version":1"#.to_owned(), "E-DUPLICATE-KEY"),
            (r#","version":1"#.to_owned(), String::new(), "E-JSON"),
            (format!(r#"sha256:{weights}","head""#), format!(r#"sha256:{manifest}","head""#), "E-ARTIFACT"),
            (format!(r#"sha256:{weights}","head""#), format!(r#"sha512:{manifest}","head""#), "E-ARTIFACT"),
            (model.clone(), format!(r#""model":"sha256:{weights}""#), "E-ARTIFACT"),
            (model.clone(), format!(r#""model":"sha256:{stranger}""#), "E-ARTIFACT"),
            (model, format!(r#""model":"sha256:{referrer}""#), "E-ARTIFACT"),
            (format!(r#"["sha256:{referrer}"]"#), format!(r#"["sha256:{stranger}"]"#), "E-ARTIFACT"),
            (
                format!(r#"["sha256:{referrer}"]"#),
                format!(r#"["sha256:{referrer}","sha256:{referrer}"]"#),
                "E-ARTIFACT",
            ),
            (r#""size":4194304"#.to_owned(), r#""size":4194305"#.to_owned(), "E-ARTIFACT"),
            (r#""size":4194304"#.to_owned(), r#""size":9223372036854775808"#.to_owned(), "E-ARTIFACT"),
            (r#""size":4194304"#.to_owned(), r#""size":-1"#.to_owned(), "E-JSON"),
            (r#"},"size":900"#.to_owned(), r#"},"path":"a","size":900"#.to_owned(), "E-JSON"),
        ];
        assert_eq!(code(&good), "ok");
        for (from, to, wanted) in cases {
            assert!(good.contains(&from), "{from}");
            assert_eq!(code(&good.replace(&from, &to)), wanted, "{from} -> {to}");
        }
        assert_eq!(code(&good.replacen(r#""size":200"#, r#""size":16385"#, 1)), "E-ARTIFACT");
        assert_eq!(code(&good.replacen(r#""size":200"#, r#""size":16384"#, 1)), "ok");
        for length in 0..good.len() {
            assert_eq!(code(&good[..length]), "E-JSON", "{length}");
        }
        assert_eq!(code(&format!("{good}{}", " ".repeat(LONGEST_INDEX))), "E-LIMIT");
    }

    #[test]
    fn so_many_referrers_and_no_more() {
        let mut index = index();
        let names: Vec<Vec<u8>> = (0..=MOST_REFERRERS).map(|name| name.to_string().into_bytes()).collect();
        index.referrers = names.iter().map(|name| Sha256Digest::of(name)).collect();
        index.blobs.extend(index.referrers.clone().into_iter().map(|digest| Blob {
            digest,
            size: 1,
            head_digest: digest,
            head_size: 1,
        }));
        assert_eq!(Index::parse(&index.to_bytes()).unwrap_err().code(), "E-LIMIT");
        index.referrers.pop();
        assert!(Index::parse(&index.to_bytes()).is_ok());
    }
}
