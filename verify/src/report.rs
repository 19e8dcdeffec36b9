//! What was checked, for people and for machines.

use std::collections::BTreeSet;
use std::fmt;

use lacre_attest::{Inspection, ModelClaim};
use lacre_hash::{DigestSet, ShardAlgorithm};
use lacre_manifest::{EntryPath, Excluded, ExcludedReason, FollowedLink, Manifest};
use serde::Serialize;

use crate::VerifyError;
use crate::requirements::Strictness;
use crate::shape::ShapeMismatch;
use crate::signature::Signer;

/// What was checked, with what outcome.
///
/// In the report of a success everything stands proven by the checks that passed. In the report of a failure only
/// the members that a passed check covers do: `signer` is there once the signature holds, `model` once the claim is read.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What was signed.
    pub model: Option<ReportedModel>,
    /// Who signed it; of several, the first one.
    pub signer: Option<Signer>,
    /// Everybody who was counted, once there were enough.
    pub signers: Vec<Signer>,
    /// When it was signed, as far as that can be known.
    pub signed_at: SignedAt,
    /// The transparency logs that have the signature of that signer, each once.
    pub logs: BTreeSet<String>,
    /// The timestamp authorities that saw it, each once.
    pub timestamp_authorities: BTreeSet<String>,
    /// The same about the signers after that one, in their order.
    #[serde(skip)]
    pub(crate) further: Vec<Witnessed>,
    /// What was proven of the model, where only a part of it was wanted.
    pub part: Option<ReportedPart>,
    /// Which digests proved the files, once they did.
    pub proven_by: Option<ProvenBy>,
    /// What lies in the folder and is not covered by the signature.
    pub excluded: Vec<Excluded>,
    /// Links that were followed.
    pub links: Vec<FollowedLink>,
    /// Folders without files that the signature does not list.
    pub empty_folders: Vec<EntryPath>,
    /// How executable bits and empty folders differ from what is signed of them, if anything is.
    pub deviations: ShapeMismatch,
    /// What a careful reader should know although nothing failed.
    pub warnings: Vec<String>,
    /// Every step, in order.
    pub checks: Vec<Check>,
}

/// What is proven of when and before whom somebody signed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witnessed {
    pub(crate) signed_at: SignedAt,
    pub(crate) logs: BTreeSet<String>,
    pub(crate) timestamp_authorities: BTreeSet<String>,
}

/// What a claim says about a model.
#[derive(Debug, Clone, Serialize)]
pub struct ReportedModel {
    /// The signed name.
    pub name: String,
    /// The signed version.
    pub version: Option<String>,
    /// The identity that binds names, sizes and digests (hex); known once every size is.
    pub identity: Option<String>,
    /// The OMS root digest (hex), which does not bind names.
    pub root: String,
    /// Number of files.
    pub files: usize,
    /// Sum of their sizes in bytes; known once every size is.
    pub bytes: Option<u64>,
    /// Whether the signer had looked at the content, as far as the claim says.
    pub inspected: bool,
    /// What the signature leaves out, whether it is there or not.
    pub ignore_paths: Vec<EntryPath>,
    /// Whether executable bits and empty folders are signed.
    pub modes_signed: bool,
}

/// A part of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReportedPart {
    /// Number of files in it; [`ReportedModel::files`] are signed.
    pub files: usize,
    /// Sum of their sizes in bytes.
    pub bytes: u64,
}

impl ReportedModel {
    /// What `claim` says.
    pub fn of(claim: &ModelClaim) -> Self {
        let manifest = claim.manifest();
        Self {
            name: claim.name().to_owned(),
            version: claim.version().map(str::to_owned),
            identity: manifest.identity().map(|identity| identity.to_string()),
            root: claim.root().to_string(),
            files: manifest.len(),
            bytes: manifest.total_size(),
            inspected: claim.inspection() == Inspection::Inspected,
            ignore_paths: claim.ignore_paths().to_vec(),
            modes_signed: claim.shape().is_some(),
        }
    }

    /// Adds what is only known once the content was seen.
    fn complete(&mut self, seen: &Manifest) {
        self.identity = seen.identity().map(|identity| identity.to_string());
        self.bytes = seen.total_size();
    }
}

/// The digests that proved every file. A claim signs the same kinds of digest for all of its files, or is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProvenBy {
    /// BLAKE2b-512, in signatures of other tools.
    Blake2b,
    /// BLAKE2b-512 of pieces, in signatures of other tools.
    Blake2bShards,
    /// BLAKE3.
    Blake3,
    /// SHA-256 and BLAKE3.
    Both,
    /// SHA-256.
    Sha256,
    /// SHA-256 of pieces, in signatures of other tools.
    Sha256Shards,
}

impl From<DigestSet> for ProvenBy {
    fn from(digests: DigestSet) -> Self {
        match digests {
            DigestSet::Blake2b => Self::Blake2b,
            DigestSet::Blake3 => Self::Blake3,
            DigestSet::Both => Self::Both,
            DigestSet::Sha256 => Self::Sha256,
            DigestSet::Shards(sharding) => match sharding.algorithm {
                ShardAlgorithm::Blake2b => Self::Blake2bShards,
                ShardAlgorithm::Sha256 => Self::Sha256Shards,
            },
        }
    }
}

impl fmt::Display for ProvenBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Blake2b => "BLAKE2b",
            Self::Blake2bShards => "BLAKE2b of pieces",
            Self::Blake3 => "BLAKE3",
            Self::Both => "SHA-256 and BLAKE3",
            Self::Sha256 => "SHA-256",
            Self::Sha256Shards => "SHA-256 of pieces",
        })
    }
}

/// When something was signed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SignedAt {
    /// Nothing proves a time.
    #[default]
    Unproven,
    /// Trusted timestamps or logs prove that it was signed at the latest then (RFC 3339).
    Proven(String),
}

impl SignedAt {
    /// What these proven times say: the earliest of them.
    pub(crate) fn proven(times: impl IntoIterator<Item = std::time::SystemTime>) -> Self {
        let earliest = times.into_iter().min().and_then(|time| jiff::Timestamp::try_from(time).ok());
        earliest.map_or(Self::Unproven, |time| Self::Proven(time.to_string()))
    }
}

/// One step of verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which step.
    pub step: Step,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
}

/// The steps, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// The bundle is well-formed.
    Bundle,
    /// The bundle names a trusted signer, or none.
    Signer,
    /// The signature verifies.
    Signature,
    /// The signed claim is well-formed.
    Claim,
    /// The claim is for what is wanted.
    Expectations,
    /// The policy lets such a claim pass.
    Policy,
    /// The files are exactly the signed ones.
    Content,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It failed; nothing after it was looked at.
    Failed,
    /// It holds.
    Passed,
}

impl Report {
    /// Every file of `manifest` was found as signed, by these digests.
    pub(crate) fn prove(&mut self, manifest: &Manifest, digests: Option<DigestSet>, how: &str) {
        self.proven_by = digests.map(ProvenBy::from);
        if let Some(model) = &mut self.model {
            model.complete(manifest);
        }
        let by = self.proven_by.map(|by| format!(", by {by}")).unwrap_or_default();
        self.pass(Step::Content, format!("{} files as signed{how}{by}", manifest.len()));
    }

    /// Every file of `manifest` was met with its signed size. None was read.
    pub(crate) fn meet(&mut self, manifest: &Manifest) {
        let files = manifest.len();
        self.pass(
            Step::Content,
            format!("{files} files with the signed sizes; their bytes are proven when they are read"),
        );
    }

    /// Every file of `part` was found as signed, by these digests; `signed` are.
    pub(crate) fn prove_part(
        &mut self,
        part: &Manifest,
        signed: usize,
        digests: Option<DigestSet>,
        how: &str,
    ) {
        self.proven_by = digests.map(ProvenBy::from);
        let files = part.len();
        self.part = Some(ReportedPart { files, bytes: part.total_size().unwrap_or_default() });
        let by = self.proven_by.map(|by| format!(", by {by}")).unwrap_or_default();
        self.pass(Step::Content, format!("a part, {files} of {signed} files, as signed{how}{by}"));
    }

    /// Executable bits and empty folders differ in this, or in nothing.
    pub(crate) fn tell_shape(
        &mut self,
        differs: ShapeMismatch,
        strictness: Strictness,
    ) -> Result<(), VerifyError> {
        if differs.is_empty() {
            return Ok(());
        }
        self.deviations = differs.clone();
        if strictness == Strictness::Refuse {
            return Err(VerifyError::Shape(Box::new(differs)));
        }
        self.warnings.push(format!("not as signed, though no byte differs: {differs}"));
        Ok(())
    }

    /// Nothing but the signature itself may lie there unsigned, where the caller is strict.
    pub(crate) fn refuse_excluded(&self, strictness: Strictness) -> Result<(), VerifyError> {
        let others = self.excluded.iter().filter(|one| one.reason != ExcludedReason::Signature);
        let paths: Vec<String> = others.map(|one| one.path.clone()).collect();
        if strictness == Strictness::Tell || paths.is_empty() {
            Ok(())
        } else {
            Err(VerifyError::Excluded { paths })
        }
    }

    pub(crate) fn pass(&mut self, step: Step, detail: impl Into<String>) {
        self.checks.push(Check { step, outcome: Outcome::Passed, detail: detail.into() });
    }

    /// The checks until now, closed with a refusal of whoever decides about what was verified.
    pub fn refuse(self, step: Step, error: VerifyError) -> Box<crate::Failure> {
        self.fail(step, error)
    }

    pub(crate) fn fail(mut self, step: Step, error: VerifyError) -> Box<crate::Failure> {
        self.checks.push(Check { step, outcome: Outcome::Failed, detail: error.to_string() });
        Box::new(crate::Failure { error, report: self })
    }
}
