//! Why something was not published.

use lacre_attest::AttestError;
use lacre_manifest::{Diff, EntryPath, ManifestError};
use lacre_registry_client::RegistryError;
use lacre_release::ReleaseError;
use lacre_sign::SignError;

use crate::channel::ChannelProblem;

/// Every code that [`PublishError::code`] can return of its own; those of [`AttestError`], [`ManifestError`],
/// [`RegistryError`], [`ReleaseError`] and [`SignError`] pass through.
pub const CODES: &[&str] = &[
    "E-CHANNEL-FILE",
    "E-CHANNEL-METADATA",
    "E-CHANNEL-SPENT",
    "E-CLAIMS-DIFFER",
    "E-DRAFT",
    "E-DRAFT-PENDING",
    "E-DRAFT-STALE",
    "E-EDIT-FLOOR",
    "E-EDIT-LISTED",
    "E-EDIT-NOTHING",
    "E-EDIT-ORDER",
    "E-EDIT-STATUS",
    "E-EDIT-UNLISTED",
    "E-EDIT-VALUE",
    "E-EPOCH-KEYS",
    "E-EQUIVOCATION",
    "E-FILE-CHANGED",
    "E-FILE-EXTRA",
    "E-FILE-MISSING",
    "E-FILE-RENAMED",
    "E-FILE-SIZE",
    "E-LIFETIME",
    "E-NAME-MISMATCH",
    "E-NO-SIGNATURE",
    "E-REPLAY",
    "E-ROLE-ALGORITHM",
    "E-ROLE-KEY",
    "E-ROLE-THRESHOLD",
    "E-USAGE",
    "E-VERSION-MISMATCH",
];

/// Why something was not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// A channel was not edited.
    #[error(transparent)]
    Channel(#[from] ChannelProblem),
    /// A file changed between the moment it was found as signed and the moment it was sent.
    #[error("{path} changed while it was pushed")]
    Changed {
        /// The file.
        path: EntryPath,
    },
    /// The bundle or the claim in it is not acceptable.
    #[error(transparent)]
    Claim(#[from] AttestError),
    /// A file is not of the signed size.
    #[error("{path} has {found} bytes, {signed} were signed")]
    Size {
        /// The file.
        path: EntryPath,
        /// Its signed size in bytes.
        signed: u64,
        /// Its size on disk in bytes.
        found: u64,
    },
    /// The files are not those that were signed.
    #[error("the files are not those that were signed: {}", summary(.0))]
    Differs(Box<Diff>),
    /// The folder or a file could not be read.
    #[error(transparent)]
    Disk(#[from] ManifestError),
    /// One of the files of an archive changed between the moment they were found as signed and the moment they were sent.
    #[error("one of {} files changed while they were pushed: {}", .files.len(), named(.files))]
    OneChanged {
        /// The files.
        files: Vec<EntryPath>,
    },
    /// What is to be signed where it lies is not named by its digest.
    #[error("not a reference by digest: a tag leads wherever the store leads it")]
    NotPinned,
    /// Two bundles are not about the same.
    #[error("a bundle beside the model is not about the same name, version and files as the first one")]
    OtherClaim,
    /// The place to publish to could not be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A channel document or a name is not what it should be.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The signature could not be made.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The claim's two digests of one file belong to two contents.
    #[error("{path}: the signed BLAKE3 digest is not that of the file with the signed SHA-256 digest")]
    TwoContents {
        /// The file.
        path: EntryPath,
    },
}

impl PublishError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Channel(problem) => problem.code(),
            Self::Claim(error) => error.code(),
            Self::Differs(diff) if !diff.renamed.is_empty() => "E-FILE-RENAMED",
            Self::Differs(diff) if !diff.removed.is_empty() => "E-FILE-MISSING",
            Self::Differs(diff) if !diff.added.is_empty() => "E-FILE-EXTRA",
            Self::Changed { .. } | Self::Differs(_) | Self::OneChanged { .. } | Self::TwoContents { .. } => {
                "E-FILE-CHANGED"
            }
            Self::Disk(error) => error.code(),
            Self::NotPinned => "E-USAGE",
            Self::OtherClaim => "E-CLAIMS-DIFFER",
            Self::Registry(error) => error.code(),
            Self::Release(error) => error.code(),
            Self::Sign(error) => error.code(),
            Self::Size { .. } => "E-FILE-SIZE",
        }
    }
}

fn summary(diff: &Diff) -> String {
    let mut differences: Vec<String> = Vec::new();
    differences.extend(diff.renamed.iter().map(|one| format!("{} is now {}", one.from, one.to)));
    differences.extend(diff.removed.iter().map(|path| format!("{path} is missing")));
    differences.extend(diff.added.iter().map(|path| format!("{path} is not signed")));
    differences.extend(diff.changed.iter().map(|path| format!("{path} has other bytes")));
    let more = differences.len().saturating_sub(SHOWN);
    differences.truncate(SHOWN);
    let shown = differences.join("; ");
    if more > 0 { format!("{shown}; and {more} more") } else { shown }
}

fn named(files: &[EntryPath]) -> String {
    let shown: Vec<String> = files.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if files.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// How many differences a message names.
const SHOWN: usize = 8;
