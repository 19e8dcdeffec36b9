//! A key in the AWS Key Management Service.

#[cfg(feature = "kms")]
mod credentials;
#[cfg(feature = "kms")]
mod service;
#[cfg(feature = "kms")]
mod signer;
#[cfg(feature = "kms")]
mod sigv4;
mod uri;

#[cfg(feature = "kms")]
pub use signer::KmsSigner;
pub use uri::KmsUri;
