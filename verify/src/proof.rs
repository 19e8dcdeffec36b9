//! The types that say what has been proven.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lacre_attest::{Bundle, ModelClaim};
use lacre_hash::{Blake3Digest, ChunkList, Sha256Digest};
use lacre_manifest::{EntryPath, Manifest, Root};

use crate::Failure;
use crate::load::ProvenBytes;
use crate::prove::Prove;
use crate::report::Report;
use crate::requirements::Strictness;
use crate::signature::Signer;

/// Something from outside that nobody has vouched for yet. Only [`verify`](Unverified::verify) leads on.
///
/// ```compile_fail
/// // What is not verified has no bytes to give.
/// fn load(model: lacre_verify::Unverified<lacre_verify::Model>) {
///     model.read("model.safetensors");
/// }
/// ```
#[derive(Debug)]
pub struct Unverified<T: Subject> {
    pub(crate) input: T::Input,
}

/// Something that was verified. It cannot be made but by verification, and not be changed afterwards.
///
/// ```compile_fail
/// // No value out of thin air.
/// let claim: lacre_verify::Verified<lacre_verify::Claim> = Default::default();
/// ```
/// ```compile_fail
/// // No value out of a text.
/// fn needs_deserialize<'de, T: serde::Deserialize<'de>>() {}
/// needs_deserialize::<lacre_verify::Verified<lacre_verify::Model>>();
/// ```
/// ```compile_fail
/// // No value built by hand.
/// fn forge(model: lacre_verify::Model) -> lacre_verify::Verified<lacre_verify::Model> {
///     lacre_verify::Verified { proven: model, standing: todo!() }
/// }
/// ```
/// ```compile_fail
/// // A verified claim is no verified model: its bytes were not seen.
/// fn load(claim: lacre_verify::Verified<lacre_verify::Claim>) {
///     claim.read("model.safetensors");
/// }
/// ```
/// ```compile_fail
/// // Verification consumes what it verifies.
/// # use lacre_verify::*;
/// fn twice(claim: Unverified<Claim>, requirements: &Requirements) {
///     let _ = claim.verify(requirements);
///     let _ = claim.verify(requirements);
/// }
/// ```
/// ```compile_fail
/// // A part of a model is no model.
/// fn whole(part: lacre_verify::Verified<lacre_verify::Part>) -> lacre_verify::Verified<lacre_verify::Model> {
///     part
/// }
/// ```
/// ```compile_fail
/// // What was let through in spite of a failure is not what met every rule.
/// # use lacre_verify::*;
/// fn serve(model: Verified<Model, Strict>) {}
/// fn anyway(model: Verified<Model, Waived>) {
///     serve(model)
/// }
/// ```
#[derive(Debug)]
pub struct Verified<T, S: Standing = Strict> {
    pub(crate) proven: T,
    pub(crate) standing: S,
}

/// How what was verified stands to the rules it was held against.
pub trait Standing: sealed::Standing + std::fmt::Debug {}

/// Every rule was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strict(());

impl Standing for Strict {}

/// Some rules were not met, and whoever wrote them lets it pass all the same: a rule that only warns, or one that is
/// suspended. The signature and the content are proven as ever: of them nothing is ever waived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waived {
    pub(crate) failed: Vec<WaivedRule>,
}

impl Waived {
    /// What was not met, and why it was let pass; at least one.
    pub fn failed(&self) -> &[WaivedRule] {
        &self.failed
    }
}

/// A rule that was not met.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WaivedRule {
    /// The code of the failure.
    pub code: &'static str,
    /// What failed, safe for a terminal.
    pub detail: String,
}

impl Standing for Waived {}

/// What can be verified.
pub trait Subject: sealed::Sealed {
    /// What it is verified from.
    #[doc(hidden)]
    type Input: std::fmt::Debug;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Attestation {}
    impl Sealed for crate::decision::Checkpoint {}
    impl Sealed for super::Endorsement {}
    impl Sealed for super::Claim {}
    impl Sealed for super::ManifestSignature {}
    impl Sealed for super::Model {}

    pub trait Standing {}
    impl Standing for super::Strict {}
    impl Standing for super::Waived {}

    /// What all proofs about content have in common.
    pub trait Extent {
        /// Whether it is every signed file.
        const IS_WHOLE: bool;
        fn of(model: super::Model) -> Self;
        fn model(&self) -> &super::Model;
    }
}

/// How much of a model was proven: all of it ([`Model`]), or a [`Part`].
pub trait Extent: sealed::Extent {}

impl Extent for Model {}

impl sealed::Extent for Model {
    const IS_WHOLE: bool = true;

    fn of(model: Model) -> Self {
        model
    }

    fn model(&self) -> &Model {
        self
    }
}

impl Extent for Part {}

impl sealed::Extent for Part {
    const IS_WHOLE: bool = false;

    fn of(model: Model) -> Self {
        Self(model)
    }

    fn model(&self) -> &Model {
        &self.0
    }
}

/// What one trusted signer states about a manifest, of whatever kind.
#[derive(Debug)]
pub struct Attestation {
    pub(crate) predicate_type: String,
    pub(crate) signer: Signer,
    pub(crate) report: Report,
}

/// What one trusted signer claims. Whether one is enough has not been asked: see [`Verified::unite`].
#[derive(Debug)]
pub struct Endorsement {
    pub(crate) signed: ModelClaim,
    pub(crate) signer: Signer,
    pub(crate) report: Report,
}

/// What as many signers claim as are demanded: which files, under which name. It says nothing about any bytes at hand.
#[derive(Debug)]
pub struct Claim {
    pub(crate) signed: ModelClaim,
    /// At least one; distinct.
    pub(crate) signers: Vec<Signer>,
    pub(crate) report: Report,
    /// What was demanded of the content.
    pub(crate) strictness: Strictness,
}

/// What one trusted signer says of manifests in a store: that they are theirs, and nothing about the files of a model.
///
/// ```compile_fail
/// // Whoever signed a manifest has not claimed a model.
/// fn claim(signature: lacre_verify::Verified<lacre_verify::ManifestSignature>) {
///     signature.claim();
/// }
/// ```
#[derive(Debug)]
pub struct ManifestSignature {
    pub(crate) manifests: Vec<Sha256Digest>,
    pub(crate) signer: Signer,
}

/// A model whose every signed file was found to be as signed.
#[derive(Debug)]
pub struct Model {
    pub(crate) signed: ModelClaim,
    pub(crate) signers: Vec<Signer>,
    pub(crate) report: Report,
    pub(crate) root: Root,
    /// The signed entries, with the sizes that were seen.
    pub(crate) manifest: Manifest,
    pub(crate) prove: Prove,
    pub(crate) held: BTreeMap<EntryPath, ProvenBytes>,
    /// The BLAKE3 trees that were made on the way.
    pub(crate) chunks: Vec<(Blake3Digest, ChunkList)>,
}

/// Some files of a model, each of which was found to be as signed. Of the others nothing is known but what was signed: a
/// part never passes for the model.
#[derive(Debug)]
pub struct Part(Model);

/// A model on disk and the bundle that came with it.
#[derive(Debug)]
#[doc(hidden)]
pub struct ModelInput {
    /// The bundle in its usual place, or the named one.
    pub(crate) first: Option<Result<Unverified<Endorsement>, Box<Failure>>>,
    /// Where others are.
    pub(crate) others: Vec<PathBuf>,
    pub(crate) root: Root,
    pub(crate) signature: Option<EntryPath>,
}

impl Subject for Attestation {
    type Input = Bundle;
}

impl Subject for Endorsement {
    type Input = Bundle;
}

impl Subject for Claim {
    type Input = Bundle;
}

impl Subject for ManifestSignature {
    type Input = Bundle;
}

impl Subject for Model {
    type Input = ModelInput;
}

impl Verified<Endorsement> {
    /// What is claimed.
    pub fn claim(&self) -> &ModelClaim {
        &self.proven.signed
    }

    /// Who claims it.
    pub fn signer(&self) -> &Signer {
        &self.proven.signer
    }

    /// What was checked.
    pub fn report(&self) -> &Report {
        &self.proven.report
    }
}

impl Verified<Claim> {
    /// What is claimed.
    pub fn claim(&self) -> &ModelClaim {
        &self.proven.signed
    }

    /// Who claims it: as many distinct signers as were demanded, or more.
    pub fn signers(&self) -> &[Signer] {
        &self.proven.signers
    }

    /// What was checked.
    pub fn report(&self) -> &Report {
        &self.proven.report
    }
}

impl<T> Verified<T> {
    /// Every rule was met: only verification may say so.
    pub(crate) fn strict(proven: T) -> Self {
        Self { proven, standing: Strict(()) }
    }
}

impl<T, S: Standing> Verified<T, S> {
    /// How it stands to the rules: met them all, or was let through by a waiver that says what failed.
    pub fn standing(&self) -> &S {
        &self.standing
    }
}

impl<T: Extent, S: Standing> Verified<T, S> {
    /// What was claimed about the model; of a [`Part`], about the files that are not in it, too.
    pub fn claim(&self) -> &ModelClaim {
        &self.model().signed
    }

    /// Who signed it: as many distinct signers as were demanded, or more.
    pub fn signers(&self) -> &[Signer] {
        &self.model().signers
    }

    /// The files that were proven, with their sizes: every signed one, or those of the part.
    pub fn manifest(&self) -> &Manifest {
        &self.model().manifest
    }

    /// The BLAKE3 trees of the files that BLAKE3 proved and that have more than one group, by their roots: to be kept (see
    /// [`ChunkStore`](lacre_hash::ChunkStore)) for proving a part of a file later.
    pub fn chunk_lists(&self) -> impl Iterator<Item = (&Blake3Digest, &ChunkList)> {
        self.model().chunks.iter().map(|(root, list)| (root, list))
    }

    /// What was checked.
    pub fn report(&self) -> &Report {
        &self.model().report
    }

    pub(crate) fn model(&self) -> &Model {
        self.proven.model()
    }
}
