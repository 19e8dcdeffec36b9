//! What the tests of several crates share: models, keys, signatures, and the tools to break them.
//!
//! | to get | use |
//! |---|---|
//! | a model folder | [`ModelDir`]: [`ModelDir::sample`], [`ModelDir::new`] + [`ModelDir::file`], [`ModelDir::many`] |
//! | bytes that are the same everywhere | [`noise()`] |
//! | weights | [`SafetensorsFile`] |
//! | a signed model | [`Sealed::sample`], or [`Seal::of`] with the wanted name, version, key |
//! | another statement under the same key | [`Sealed::restated`], [`Sealed::resigned`], [`resign`] |
//! | an envelope or bundle of any shape | [`Forge`], [`edit_bundle`] |
//! | certificates, revocation lists, timestamps | [`pki`] |
//! | a model that was interfered with | [`tamper`] |
//! | a tar archive of any shape | [`Archive`] |
//! | a model as another tool packs it | [`Foreign`] |
//! | certificates as `openssl` makes them | [`openssl_pki::Pki`] |
//! | a whole Sigstore | [`Stack`]; tokens of any kind, and logins: [`Issuer`] |
//! | a TUF repository on a server | [`TufRepository`]; in memory, for attacks: [`TufSimulator`] |
//! | entries of a transparency log, without a server | [`TestLog`] |
//! | a service that answers badly | [`HttpServer`] |
//! | a registry, as it should be or as it should not | [`registry::Registry`] |
//! | a registry of somebody else | [`PeerRegistry`] |
//! | a TPM | [`SoftwareTpm`] |
//! | a line in the table of what works with whom | [`interop`] |
//! | the committed vectors, the peers | [`places::vectors`], [`places::Peer`] |
//!
//! Everything here panics when it cannot do its work: a test that was not set up must not pass. What is written here
//! is written without the product's writers (envelopes, roots, identities, safetensors headers), so that a fault on
//! both sides does not cancel out; only [`Sealed`] is made by the product's own `seal`.
//!
//! Only ever a dev-dependency.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "test code: a panic is the failure of the test that called"
)]

mod archive;
mod foreign;
mod forge;
mod http;
pub mod interop;
mod issuer;
mod model;
mod noise;
pub mod openssl_pki;
mod peer_registry;
pub mod pki;
pub mod places;
pub mod registry;
mod safetensors;
mod sealed;
mod server;
mod stack;
pub mod tamper;
mod tpm;
mod transparency;
mod tuf;
mod tuf_simulator;

pub use archive::{Archive, gzip, record};
pub use foreign::Foreign;
pub use forge::{Forge, edit_bundle, resign, restate, statement_of};
pub use http::{HttpAnswer, HttpRequest, HttpServer, http_get, http_post};
pub use issuer::{Issuer, LoginFaults, PERSON, browse};
pub use model::ModelDir;
pub use noise::noise;
pub use peer_registry::PeerRegistry;
pub use safetensors::SafetensorsFile;
pub use sealed::{Seal, Sealed};
pub use stack::Stack;
pub use tpm::SoftwareTpm;
pub use transparency::TestLog;
pub use tuf::{FAR, TufDraft, TufRepository};
pub use tuf_simulator::{Pins, TUF_EXPIRES, TufKey, TufSimulator};
