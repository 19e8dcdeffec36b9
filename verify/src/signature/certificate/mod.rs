//! Certificates: a small path validator that says exactly what signatures of models need (RFC 5280, and stricter).
//!
//! Bytes and times in, verdict out: no file, no socket, no clock. What the general validators cannot say is said here:
//!
//! - Only explicit anchors count. An anchor may be a root or an intermediate; its own dates and extensions are checked.
//! - The leaf names codeSigning (`anyExtendedKeyUsage` is not enough). Its keyUsage, if there is one, has
//!   digitalSignature, and not keyCertSign. `CA:TRUE` is accepted only with a keyUsage of digitalSignature alone, and
//!   reported: the public vectors of OMS have it.
//! - Authorities have version 3, `CA:TRUE`, keyCertSign if they have a keyUsage, and an extendedKeyUsage that includes
//!   codeSigning (or any) if they have one. Path lengths and name constraints are honoured; a constraint of a kind that
//!   is not understood refuses, as does every critical extension that is not.
//! - A leaf that verifies under its own key is refused, unless that very certificate is an anchor. Nobody then vouches
//!   for the names in it, so it is matched by its key alone (see `VerifiedLeaf::matches`).
//! - The whole chain, anchor included, is valid at *every* trusted time.
//! - Names of issuers are compared byte for byte; what is not in the one form that DER allows is refused.
//! - With revocation lists, each certificate below the anchor needs a current list of its issuer. Revoked is refused,
//!   unless every trusted time is a proven one (timestamp, log) before the revocation and the reason is neither
//!   keyCompromise nor cACompromise. A missing reason is `unspecified`, which is neither.
//! - The search for a path is bounded in certificates, depth and signature checks (RUSTSEC-2023-0053).

mod problem;

#[cfg(feature = "x509")]
mod algorithm;
#[cfg(feature = "x509")]
mod anchors;
#[cfg(feature = "x509")]
mod chain;
#[cfg(feature = "x509")]
mod constraints;
#[cfg(feature = "x509")]
mod leaf;
#[cfg(feature = "x509")]
mod names;
#[cfg(feature = "x509")]
mod path;
#[cfg(feature = "x509")]
mod pem;
#[cfg(feature = "x509")]
mod revocation;
#[cfg(feature = "x509")]
mod rules;
#[cfg(feature = "x509")]
mod times;
#[cfg(feature = "x509")]
mod x509;

pub use problem::{CertificateProblem, TimestampProblem};

#[cfg(feature = "x509")]
pub use anchors::Anchors;
#[cfg(feature = "x509")]
pub use chain::{ChainInput, verify_chain};
#[cfg(feature = "x509")]
pub use leaf::VerifiedLeaf;
#[cfg(all(feature = "sigstore", feature = "x509"))]
pub(crate) use leaf::claimed;
#[cfg(feature = "x509")]
pub use names::{San, SanKind};
#[cfg(feature = "x509")]
pub use revocation::Crls;
#[cfg(feature = "x509")]
pub use times::{TimeSource, TrustedTime};

#[cfg(feature = "x509")]
pub(super) use {
    algorithm::{Hash, IssuerKey, SignatureAlgorithm},
    chain::verify_authority,
    pem::certificates as pem_certificates,
    x509::Certificate,
    x509::raw,
};
