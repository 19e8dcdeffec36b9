//! Signature and signer: a room for each kind of signer.

pub(crate) mod certificate;
mod key;
#[cfg(feature = "sigstore")]
pub(crate) mod sigstore;
#[cfg(feature = "x509")]
pub(crate) mod timestamp;

use std::time::SystemTime;

use lacre_attest::{Bundle, KeyAlgorithm, Material, PublicKey};
use serde::{Serialize, Serializer};

use crate::report::{Report, Step};
use crate::{Failure, Trust, VerifyError};

/// Who signed, proven.
#[derive(Debug, Clone, Serialize)]
pub struct Signer {
    #[serde(serialize_with = "algorithm_name")]
    algorithm: KeyAlgorithm,
    key: String,
    named_by: NamedBy,
}

/// How the bundle named the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum NamedBy {
    Hint,
    Nothing,
}

impl Signer {
    fn of(key: &PublicKey, named_by: NamedBy) -> Self {
        Self { algorithm: key.algorithm(), key: key.hint(), named_by }
    }

    /// Whether both are one signer: the same key under whatever name.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The key: hex SHA-256 of the PEM text of its public half (the hint of OMS v1.0).
    pub fn key(&self) -> &str {
        &self.key
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn algorithm_name<S: Serializer>(algorithm: &KeyAlgorithm, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(algorithm.as_str())
}

/// Finds who signed `bundle`, among those whom `trust` covers.
pub(crate) fn verify(
    bundle: &Bundle,
    trust: &Trust,
    now: SystemTime,
    report: Report,
) -> Result<(Signer, Report), Box<Failure>> {
    match bundle.material() {
        Material::PublicKey(hint) => key::verify(bundle.envelope(), hint, trust, now, report),
        Material::Certificates(_) => {
            Err(report.fail(Step::Signer, VerifyError::Unsupported { what: "a certificate" }))
        }
        _ => Err(report.fail(Step::Signer, VerifyError::Unsupported { what: "unknown material" })),
    }
}
