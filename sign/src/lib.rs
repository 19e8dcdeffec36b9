//! Who claims it: the keys that sign, and the step from a claim to a signed bundle.
//!
//! A [`Signer`] holds a private key; [`FileKey`] is the one whose key lives in a file, and a [`KeyUri`] names any of
//! them: keys in tokens (`Pkcs11Signer`, feature `pkcs11`), in agents ([`AgentSigner`]), in AWS KMS (`KmsSigner`,
//! feature `kms`), and behind programs ([`ExternalSigner`]). [`seal()`] turns a
//! [`ModelClaim`](lacre_attest::ModelClaim) into a Sigstore [`Bundle`](lacre_attest::Bundle), and [`seal_manifests`] a
//! [`ManifestClaim`](lacre_attest::ManifestClaim), [`seal_declaration`] a checkpoint or a summary. This crate makes claims; it never decides whom to believe.
//!
//! ```
//! use lacre_attest::KeyAlgorithm;
//! use lacre_sign::{FileKey, Signer};
//!
//! let key = FileKey::generate(KeyAlgorithm::EcdsaP256)?;
//! let signature = key.sign(b"a message")?;
//! assert!(key.public_key().verify(b"a message", &signature).is_ok());
//! # Ok::<(), lacre_sign::SignError>(())
//! ```
//!
//! # More than a key
//!
//! [`CertificateSigner`] lets any signer sign with an X.509 certificate. With the feature `timestamp`, `TimestampService`
//! adds an RFC 3161 timestamp to a finished bundle. With the feature `keyless`, `seal_keyless` exchanges an identity
//! token for a certificate that lives for minutes (Sigstore), after it has shown what becomes public.
//!
//! # Key files
//!
//! [`read_private_key`] reads what `openssl`, `ssh-keygen` and `cosign` write (see [`KeyFormat`]), plain or encrypted;
//! [`KeyFile`] does the same in two steps, so that a file can be looked at before its passphrase is asked for.
//! [`write_key_pair`] writes what OpenSSL reads, [`write_cosign_key_pair`] what cosign reads. Secrets are wiped from memory
//! when they are dropped, and no `Debug` output shows one.

mod attendant;
mod certificate;
mod encoding;
mod error;
mod external;
mod file_key;
mod key_file;
mod key_uri;
#[cfg(feature = "keyless")]
mod keyless;
mod kms;
mod pkcs11;
mod problem;
mod seal;
#[cfg(feature = "http")]
#[cfg_attr(
    not(all(feature = "keyless", feature = "kms")),
    allow(dead_code, reason = "each feature uses its part of one client")
)]
mod service;
mod signer;
mod ssh_agent;

mod timestamp;
#[cfg(feature = "timestamp")]
mod timestamp_service;

pub use attendant::{Attendant, Unattended};
pub use certificate::{CertificateChain, CertificateSigner};
pub use error::{CODES, SignError};
pub use external::{ExternalProgram, ExternalSigner};
pub use file_key::FileKey;
pub use key_file::{
    KeyFile, KeyFormat, OpenedKey, Passphrase, Protection, read_private_key, write_cosign_key_pair,
    write_key_pair,
};
pub use key_uri::KeyUri;
#[cfg(feature = "keyless")]
pub use keyless::{
    Decision, Identity, Login, Party, PartyKind, SigstoreTrust, StatedBy, Token, TrustConfig,
    TrustRepository, seal_declaration_keyless, seal_keyless, seal_manifests_keyless,
};
#[cfg(feature = "kms")]
pub use kms::KmsSigner;
pub use kms::KmsUri;
#[cfg(feature = "pkcs11")]
pub use pkcs11::Pkcs11Signer;
pub use pkcs11::Pkcs11Uri;
pub use problem::SignerProblem;
pub use seal::{seal, seal_declaration, seal_manifests};
pub use signer::Signer;
pub use ssh_agent::{AgentIdentity, AgentSigner, AgentUri};
pub use timestamp::{Timestamp, TimestampQuery};
#[cfg(feature = "timestamp")]
pub use timestamp_service::TimestampService;

/// Keyless signatures over anything, which say nothing about a model. For the conformance suite and for tests.
#[cfg(feature = "keyless")]
#[doc(hidden)]
pub mod sigstore_layer_that_signs_no_model {
    pub use crate::keyless::layer::{Content, sign};
}
