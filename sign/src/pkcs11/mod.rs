//! A key in a token: a smart card, a hardware security module, or software that behaves like one (PKCS#11 3.0).

#[cfg(feature = "pkcs11")]
mod find;
#[cfg(feature = "pkcs11")]
mod module;
#[cfg(feature = "pkcs11")]
mod point;
#[cfg(feature = "pkcs11")]
mod signer;
mod uri;

#[cfg(feature = "pkcs11")]
pub use signer::Pkcs11Signer;
pub use uri::Pkcs11Uri;
