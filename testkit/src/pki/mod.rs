//! Authorities, certificates, revocation lists and timestamps, with any flaw. Everything but RSA-PSS is the same bytes in
//! every run. Written by hand in DER: no reader of the product, nor of a library that it uses, has a part in it.

mod certificate;
mod crl;
pub mod der;
mod key;
mod timestamp;

pub use certificate::{Draft, Ext, general, purpose, usage};
pub use crl::{RevocationDraft, Revoked};
pub use key::{Scheme, TestKey, pss};
pub use timestamp::TimestampDraft;
