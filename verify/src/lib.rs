//! Whom to believe, and bytes that can be believed.
//!
//! The walk of the data:
//!
//! ```text
//! bundle ─► Unverified<Endorsement> ─ signature, signer, name ─► Verified<Endorsement>  (what one signer says)
//!           enough distinct signers say the same ─ unite ──────► Verified<Claim>   (no byte of content yet)
//! folder ─► Unverified<Model> ─ the same, then content ──► Verified<Model> ─► read, tensors; copy, sealed, lazy, snapshot
//!           the same, then names and sizes ──────────────► Verified<Lazy>  ─► ranges, proven as they are read
//!           Verified<Claim> ── receive (bytes from afar) ─► Verified<Model>, or Verified<Part>
//! bundle ─► Unverified<ManifestSignature> ─ signature, signer ─► Verified<ManifestSignature>  (a manifest, and no model)
//! ```
//!
//! Verification consumes an [`Unverified`] value and returns a [`Verified`] one, which cannot be made in any other way.
//! There is no answer of the form "this path is good": between that sentence and the next `open` the file can be
//! another one. [`Verified::read`] hands out private copies whose own bytes were hashed.
//!
//! The order is part of the promise: signature, then signer, then what the claim says about itself, and only then
//! the content. Gigabytes are never hashed for a signer who is not trusted.
//!
//! A service that runs for long watches its model with [`Watch`], and proves it again.
//!
//! ```no_run
//! use lacre_verify::{Hold, Links, NoProgress, PublicKey, Requirements, Trust, Unverified};
//!
//! let key = PublicKey::from_pem(&std::fs::read_to_string("release.pub")?)?;
//! let requirements = Requirements::new(Trust::keys([key])?).expect_name("org/mini-lm");
//! let model = Unverified::open("mini-lm".as_ref(), None, Links::Refuse, &requirements)?
//!     .verify(&requirements, &Hold::Nothing, &NoProgress)?;
//! let tensors = model.safetensors("model.safetensors")?;
//! println!("{:?}", tensors.tensor("embeddings.word_embeddings.weight")?.shape());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attestation;
#[cfg(all(feature = "sigstore", feature = "x509"))]
mod claimed;
mod content;
pub mod decision;
mod endorse;
mod error;
mod identity;
mod load;
mod manifest;
mod mismatch;
mod model;
mod nearest;
mod policy;
mod proof;
mod prove;
mod receive;
mod report;
mod requirements;
mod shape;
mod signature;
mod trust;
mod trust_file;
mod watch;

#[cfg(all(feature = "sigstore", feature = "x509"))]
pub use claimed::{Claimant, ClaimedCertificate, ClaimedIdentity};
pub use content::Hold;
pub use error::{CODES, Failure, VerifyError};
pub use identity::CertificateIdentity;
#[cfg(feature = "sigstore")]
pub use identity::{CI_CLAIMS, KeylessIdentity, SubjectMatch, SubjectPattern};
pub use load::{
    Lazy, LazyFile, ListFrom, LoadOptions, MemoryLimit, ProvenBytes, ProvenFile, ProvenTensor, ProvenTensors,
    SealedFile, SealedFiles, SliceProblem, Snapshot, Tensors,
};
pub use mismatch::{ContentMismatch, WrongSize};
pub use model::Claimed;
pub use nearest::HowFar;
#[cfg(feature = "release")]
pub use policy::ReleaseRule;
pub use policy::{
    Admitted, Age, BreakGlass, Candidate, Demand, Facts, Finding, Judged, Judgement, Mode, POLICY_SCHEMA,
    Passed, Pattern, Policy, PolicyFault, Preset, Refused, Rule, Spot, Violation,
};
pub use proof::{
    Attestation, Claim, Endorsement, Extent, ManifestSignature, Model, Part, Standing, Strict, Unverified,
    Verified, Waived, WaivedRule,
};
pub use prove::Prove;
pub use receive::{Arrival, Incoming, Leftovers, Receiving, Sharing};
pub use report::{Check, Outcome, ProvenBy, Report, ReportedModel, ReportedPart, SignedAt, Step};
pub use requirements::Requirements;
pub use shape::ShapeMismatch;
#[cfg(feature = "x509")]
pub use signature::certificate::{
    Anchors, ChainInput, Crls, San, SanKind, TimeSource, TrustedTime, VerifiedLeaf, verify_chain,
};
pub use signature::certificate::{CertificateProblem, TimestampProblem};
#[cfg(feature = "sigstore")]
pub use signature::sigstore::TrustedRoot;
#[cfg(feature = "x509")]
pub use signature::timestamp::{TimestampAuthorities, verify_token};
pub use signature::{Signer, SignerKind};
pub use trust::{KeyStatus, Trust, TrustedKey};
pub use watch::{Watch, Woken};

pub use lacre_attest::{Limits, ModelClaim, PublicKey};
pub use lacre_hash::{ChunkStore, Engine, NoProgress, Paced, Progress};
pub use lacre_manifest::{EntryPath, Links};
pub use lacre_weights::WeightsError;
pub use lacre_weights::safetensors::{Dtype, HeaderProblem, Index, IndexProblem, Tensor};
pub use safetensors::SafeTensorError;
pub use safetensors::tensor::TensorView;

/// The layer of Sigstore bundles alone: it says who signed *something*, and proves nothing about a model. For the
/// conformance suite and for tests.
#[cfg(feature = "sigstore")]
#[doc(hidden)]
pub mod sigstore_layer_that_proves_no_model {
    pub use crate::signature::sigstore::{
        Content, IdentityKind, KeylessInput, KeylessSigner, MessageHash, Pieces, SignedTime, SigningMaterial,
        TimeSource, TrustedRoot, Version, Vouched, verify, verify_managed, verify_managed_pieces,
        verify_pieces,
    };
}

/// The README's program is one that compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
