//! The public conformance protocols, spoken by Lacre. Nothing here is for use: the protocols accept what the product
//! refuses (signatures over bare messages, certificates of whoever has one, old versions of the bundle).

mod arguments;
mod bundle;
mod files;
pub mod oms;
mod program;
mod refusal;
pub mod sigstore;
pub mod tuf;

pub use program::answer;
pub use refusal::Refusal;
