//! The public conformance protocols, spoken by Lacre. Nothing here is for use: the protocols accept what the product
//! refuses (signatures over bare messages, old versions of the bundle), and say nothing about models.

mod arguments;
mod bundle;
pub mod sigstore;
