//! Signature and signer: a room for each kind of signer.

pub(crate) mod certificate;
#[cfg(feature = "x509")]
mod chained;
mod evidence;
mod key;
#[cfg(feature = "sigstore")]
mod keyless;
mod legacy;
#[cfg(feature = "sigstore")]
pub(crate) mod sigstore;
#[cfg(feature = "x509")]
mod stamped;
#[cfg(feature = "x509")]
pub(crate) mod timestamp;

use std::time::SystemTime;

#[cfg(feature = "sigstore")]
use lacre_attest::CertificateForm;
use lacre_attest::{Bundle, CertificateMaterial, KeyAlgorithm, Limits, Material, PublicKey};
use serde::{Serialize, Serializer};

pub(crate) use legacy::Legacy;

use crate::report::{Report, Step};
use crate::{Failure, Trust, VerifyError};

/// Who signed, proven.
#[derive(Debug, Clone, Serialize)]
pub struct Signer {
    kind: SignerKind,
    #[serde(serialize_with = "algorithm_name")]
    algorithm: KeyAlgorithm,
    key: String,
    named_by: NamedBy,
    identity: Option<String>,
    issuer: Option<String>,
    /// The same key, however the bundle came by it.
    #[serde(skip)]
    public: PublicKey,
    /// Every name that the certificate has.
    #[serde(skip)]
    names: Vec<String>,
}

/// By what a signer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SignerKind {
    /// A key that is trusted by itself.
    Key,
    /// A certificate that a trusted authority vouches for.
    Certificate,
    /// A certificate of minutes, for somebody whom an identity provider knows.
    Keyless,
}

/// How the bundle named the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum NamedBy {
    #[cfg_attr(
        not(any(feature = "x509", feature = "sigstore")),
        expect(dead_code, reason = "there are none without")
    )]
    Certificate,
    Hint,
    Nothing,
}

impl Signer {
    fn of(key: &PublicKey, named_by: NamedBy) -> Self {
        Self {
            kind: SignerKind::Key,
            algorithm: key.algorithm(),
            key: key.hint(),
            named_by,
            identity: None,
            issuer: None,
            public: key.clone(),
            names: Vec::new(),
        }
    }

    /// Whether both are one signer: the same key in whatever form and under whatever name, or one name with whatever key
    /// and by whoever vouches for it. In doubt two signers are one: too few is refused, too many would be believed.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.public == other.public || self.names.iter().any(|name| other.names.contains(name))
    }

    /// By what the signer is known.
    pub fn kind(&self) -> SignerKind {
        self.kind
    }

    /// Whom the certificate names: a subject alternative name, or else the subject. Not yet safe for a terminal.
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// The URL of the identity provider that knows a keyless signer. Not yet safe for a terminal.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The key: hex SHA-256 of the PEM text of its public half (the hint of OMS v1.0); of a keyless signer, whose key is
    /// used once, of its DER.
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
    limits: &Limits,
    now: SystemTime,
    legacy: Legacy,
    report: Report,
) -> Result<(Signer, Report), Box<Failure>> {
    let (signer, report) = match bundle.material() {
        Material::PublicKey(hint) => key::verify(bundle, hint, trust, limits, now, legacy, report),
        Material::Certificates(held) => certified(bundle, held, trust, limits, (now, legacy), &report),
        _ => Err(report.fail(Step::Signer, VerifyError::Unsupported { what: "unknown material" })),
    }?;
    match trust.refuse_revoked(&signer.public) {
        Ok(()) => Ok((signer, report)),
        Err(error) => Err(report.fail(Step::Signer, error)),
    }
}

/// A certificate alone is for Sigstore, where that is trusted; any is for the trusted authorities. What one of them accepts
/// counts; of several refusals the one that came furthest is told.
fn certified(
    bundle: &Bundle,
    held: &CertificateMaterial,
    trust: &Trust,
    limits: &Limits,
    (now, legacy): (SystemTime, Legacy),
    report: &Report,
) -> Result<(Signer, Report), Box<Failure>> {
    #[cfg_attr(
        not(any(feature = "x509", feature = "sigstore")),
        expect(unused_mut, reason = "nobody else is asked")
    )]
    let mut refusal = report.clone().fail(Step::Signer, VerifyError::NoAuthority);
    #[cfg(feature = "sigstore")]
    if held.form() == CertificateForm::Leaf {
        for keyless in trust.keyless_signers() {
            match keyless::verify(bundle, keyless, limits, now, report.clone()) {
                Ok(signed) => return Ok(signed),
                Err(failure) => refusal = refusal.or_further(failure),
            }
        }
    }
    #[cfg(feature = "x509")]
    if !trust.authorities().is_empty() {
        match chained::verify(bundle, held, trust, (now, legacy), report.clone()) {
            Ok(signed) => return Ok(signed),
            Err(failure) => refusal = refusal.or_further(failure),
        }
    }
    let _ = (bundle, held, trust, limits, now, legacy);
    Err(refusal)
}
