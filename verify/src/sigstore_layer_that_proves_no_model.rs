//! The layer of Sigstore bundles alone: it says who signed *something*, and proves nothing about a model. For the conformance
//! suite and for tests.

pub use crate::signature::sigstore::{
    Content, IdentityKind, KeylessInput, KeylessSigner, MessageHash, Pieces, SignedTime, SigningMaterial,
    TimeSource, TrustedRoot, Version, Vouched, verify, verify_managed, verify_managed_pieces, verify_pieces,
};
