//! Who is expected to have signed: a room for each kind of name.

mod certificate;
#[cfg(feature = "sigstore")]
mod keyless;

pub use certificate::CertificateIdentity;
#[cfg(feature = "sigstore")]
pub(crate) use keyless::Miss;
#[cfg(feature = "sigstore")]
pub use keyless::{CI_CLAIMS, KeylessIdentity, SubjectMatch, SubjectPattern};
