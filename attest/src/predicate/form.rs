//! How a predicate says that its digests are made: of whole files or of pieces, and by which algorithm.

use std::borrow::Cow;
use std::num::NonZeroU64;

use lacre_hash::{Blake2bDigest, Blake3Digest, HashError, Sha256Digest};
use lacre_manifest::EntryPath;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::model::malformed;
use crate::AttestError;
use crate::error::quoted;

/// How digests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) algorithm: Algorithm,
    /// Bytes of a piece, if files are cut into pieces.
    pub(super) shard_size: Option<NonZeroU64>,
}

/// An algorithm of OMS v1.0 (section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Blake2b,
    Blake3,
    Sha256,
}

/// A digest of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Digest {
    Blake2b(Box<Blake2bDigest>),
    Blake3(Blake3Digest),
    Sha256(Sha256Digest),
}

impl Digest {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Blake2b(digest) => digest.as_bytes(),
            Self::Blake3(digest) => digest.as_bytes(),
            Self::Sha256(digest) => digest.as_bytes(),
        }
    }
}

impl Algorithm {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
        }
    }

    fn parse(name: &str) -> Result<Self, AttestError> {
        [Self::Blake2b, Self::Blake3, Self::Sha256]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| AttestError::Unsupported { what: "the hash type", found: quoted(name) })
    }

    pub(super) fn digest(self, hex: &str) -> Result<Digest, HashError> {
        Ok(match self {
            Self::Blake2b => Digest::Blake2b(Box::new(Blake2bDigest::from_hex(hex)?)),
            Self::Blake3 => Digest::Blake3(Blake3Digest::from_hex(hex)?),
            Self::Sha256 => Digest::Sha256(Sha256Digest::from_hex(hex)?),
        })
    }
}

impl Form {
    /// Checks the algorithm that a resource gives for its own digest. The Python implementation writes that of pieces with
    /// their size (`sha256-sharded-1000`), which the specification does not know.
    pub(super) fn check_algorithm(self, name: &str) -> Result<(), AttestError> {
        let plain = self.algorithm.name();
        let sharded = || {
            self.shard_size.is_some_and(|size| name.strip_prefix(plain) == Some(&format!("-sharded-{size}")))
        };
        if name == plain || sharded() {
            return Ok(());
        }
        if Algorithm::parse(name.split('-').next().unwrap_or_default()).is_err() {
            return Err(AttestError::Unsupported { what: "the digest algorithm", found: quoted(name) });
        }
        Err(malformed(format!("a resource has the algorithm {}, the signature {plain}", quoted(name))))
    }
}

/// `serialization` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSerialization<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    hash_type: Cow<'a, str>,
    // Typed, but not obeyed: a signer cannot make a verifier follow links.
    #[serde(rename = "allow_symlinks")]
    _allow_symlinks: bool,
    #[serde(borrow, default)]
    shard_size: Option<&'a RawValue>,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

impl WireSerialization<'_> {
    /// The form of the digests, and the paths that a verifier shall not look at.
    pub(super) fn check(self) -> Result<(Form, Vec<EntryPath>), AttestError> {
        let algorithm = Algorithm::parse(&self.hash_type)?;
        let shard_size = match (&*self.method, self.shard_size) {
            ("files", None) => None,
            ("files", Some(_)) => return Err(malformed("a shard size beside the method \"files\"")),
            ("shards", None) => return Err(malformed("the method \"shards\" without a shard size")),
            ("shards", Some(text)) => Some(shard_size(text.get())?),
            (other, _) => {
                let what = "the serialization method";
                return Err(AttestError::Unsupported { what, found: quoted(other) });
            }
        };
        if shard_size.is_some() && algorithm == Algorithm::Blake3 {
            // The Python implementation writes whole files where it is asked for this.
            return Err(AttestError::Unsupported {
                what: "the hash type of shards",
                found: quoted("blake3"),
            });
        }
        let parse = |text: String| {
            EntryPath::parse(&text).map_err(|error| AttestError::Ignore {
                path: quoted(&text),
                detail: error.reason().to_owned(),
            })
        };
        let ignored = self.ignore_paths.into_iter().map(parse).collect::<Result<_, _>>()?;
        Ok((Form { algorithm, shard_size }, ignored))
    }
}

/// An integer above 0; the Python implementation writes it as `1000.0`.
fn shard_size(text: &str) -> Result<NonZeroU64, AttestError> {
    // Above this, a double no longer holds every integer.
    const MOST: u64 = 1 << 53;
    text.strip_suffix(".0")
        .unwrap_or(text)
        .parse()
        .ok()
        .filter(|size: &NonZeroU64| size.get() <= MOST && !text.starts_with('+'))
        .ok_or_else(|| {
            malformed(format!("the shard size is {}, not a number of bytes above 0", quoted(text)))
        })
}
