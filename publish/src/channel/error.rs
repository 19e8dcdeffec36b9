//! Why a channel was not edited.

use jiff::Timestamp;
use lacre_attest::KeyAlgorithm;
use lacre_hash::Sha256Digest;
use lacre_release::{Status, Version};

use super::{KeyId, Pending, Role};

/// Why a channel was not edited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelProblem {
    /// A file is none of a channel's.
    #[error("{name:?} is no file of this channel")]
    File {
        /// Its name, cut to 128 characters.
        name: String,
    },
    /// The files of the channel are not what its roles signed.
    #[error("{file}: {reason}")]
    Metadata {
        /// Which file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What lies there is older than what was published with these keys.
    #[error(
        "the channel stands at {found}, and {known} was published from here: someone serves an old state"
    )]
    Replay {
        /// Root, epoch and sequence that were found.
        found: String,
        /// Root, epoch and sequence that are known.
        known: String,
    },
    /// Two documents have one position.
    #[error("epoch {epoch}, sequence {sequence}: that is not the document that was published from here")]
    Equivocation {
        /// Their epoch.
        epoch: u64,
        /// Their sequence.
        sequence: u64,
    },
    /// A number has no successor.
    #[error("the {what} has no successor: only a new epoch leads on")]
    Spent {
        /// Which number.
        what: &'static str,
    },
    /// A draft was made on something that is not there any more, or waited for too long.
    #[error("the draft cannot be published any more: {reason}")]
    Stale {
        /// What happened meanwhile.
        reason: &'static str,
    },
    /// A draft is none, or says what no edit could have said.
    #[error("this is no draft for this channel: {reason}")]
    Draft {
        /// What is wrong with it.
        reason: String,
    },
    /// Signatures are missing.
    #[error("signatures are missing: {0}")]
    Pending(Pending),
    /// The key has no role in the channel.
    #[error("the key {key} has no role in this channel")]
    Stranger {
        /// The key.
        key: KeyId,
    },
    /// Keys of this algorithm cannot have a role.
    #[error("{algorithm} keys cannot have a role in a channel: TUF knows no scheme for them")]
    Algorithm {
        /// The algorithm.
        algorithm: KeyAlgorithm,
    },
    /// A role and its keys do not fit.
    #[error("the role {role}: {reason}")]
    Quorum {
        /// The role.
        role: Role,
        /// What does not fit.
        reason: String,
    },
    /// A text gives no thresholds.
    #[error("{text:?} gives no thresholds like root=2/3,targets=2/3")]
    Thresholds {
        /// The text, cut to 64 characters.
        text: String,
    },
    /// A lifetime that nobody can want.
    #[error("{seconds} s is no lifetime of the role {role}: from a minute to ten years")]
    Lifetime {
        /// The role.
        role: Role,
        /// The lifetime.
        seconds: u64,
    },
    /// A new epoch keeps a key that the old one had.
    #[error("a new epoch needs new keys in the role {role}, and {key} had it before")]
    EpochKeys {
        /// The role.
        role: Role,
        /// The key.
        key: KeyId,
    },
    /// The version is there already.
    #[error("{version} is listed already")]
    Listed {
        /// The version.
        version: Version,
    },
    /// The version is not there.
    #[error("{version} is not listed in this channel")]
    Unlisted {
        /// The version.
        version: Version,
    },
    /// The release has a status that does not allow it.
    #[error("{version} is {status}")]
    Status {
        /// The version.
        version: Version,
        /// Its status.
        status: Status,
    },
    /// The version is at the wrong side of the current one.
    #[error(
        "{version} has a lower counter than the current release: going back is a rollback, with a date and a reason"
    )]
    Order {
        /// The version.
        version: Version,
    },
    /// A counter and the floor do not fit.
    #[error("counter {counter} and floor {floor}: {reason}")]
    Floor {
        /// The counter.
        counter: u64,
        /// The floor.
        floor: u64,
        /// Why they do not fit.
        reason: &'static str,
    },
    /// An argument that has no meaning.
    #[error("{what} {value}: {reason}")]
    Value {
        /// Which argument.
        what: &'static str,
        /// Its value.
        value: String,
        /// Why it has none.
        reason: &'static str,
    },
    /// Beside the artifact lies no signature of a model that is made of its layers.
    #[error("beside sha256:{manifest} lies no model signature that fits: {reason}")]
    Unsigned {
        /// The manifest.
        manifest: Sha256Digest,
        /// What lies there instead.
        reason: String,
    },
    /// Signatures beside the artifact claim different things.
    #[error("the signatures beside sha256:{manifest} claim different contents, names or versions")]
    Ambiguous {
        /// The manifest.
        manifest: Sha256Digest,
    },
    /// The model is signed under another name or version than it is published under.
    #[error("the model is signed as {what} {signed:?}, and would be published as {wanted}")]
    Called {
        /// `name` or `version`.
        what: &'static str,
        /// The signed one.
        signed: String,
        /// That of the channel or of the release.
        wanted: String,
    },
    /// Nothing would change.
    #[error("nothing would change: {reason}")]
    Nothing {
        /// Why.
        reason: &'static str,
    },
}

impl ChannelProblem {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "E-CHANNEL-FILE",
            Self::Metadata { .. } => "E-CHANNEL-METADATA",
            Self::Replay { .. } => "E-REPLAY",
            Self::Equivocation { .. } => "E-EQUIVOCATION",
            Self::Spent { .. } => "E-CHANNEL-SPENT",
            Self::Stale { .. } => "E-DRAFT-STALE",
            Self::Draft { .. } => "E-DRAFT",
            Self::Pending(_) => "E-DRAFT-PENDING",
            Self::Stranger { .. } => "E-ROLE-KEY",
            Self::Algorithm { .. } => "E-ROLE-ALGORITHM",
            Self::Quorum { .. } | Self::Thresholds { .. } => "E-ROLE-THRESHOLD",
            Self::Lifetime { .. } => "E-LIFETIME",
            Self::EpochKeys { .. } => "E-EPOCH-KEYS",
            Self::Listed { .. } => "E-EDIT-LISTED",
            Self::Unlisted { .. } => "E-EDIT-UNLISTED",
            Self::Status { .. } => "E-EDIT-STATUS",
            Self::Order { .. } => "E-EDIT-ORDER",
            Self::Floor { .. } => "E-EDIT-FLOOR",
            Self::Value { .. } => "E-EDIT-VALUE",
            Self::Nothing { .. } => "E-EDIT-NOTHING",
            Self::Unsigned { .. } => "E-NO-SIGNATURE",
            Self::Ambiguous { .. } => "E-CLAIMS-DIFFER",
            Self::Called { what: "name", .. } => "E-NAME-MISMATCH",
            Self::Called { .. } => "E-VERSION-MISMATCH",
        }
    }
}

/// What an edit does that its maker may not have meant; nothing forbids it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Releases are listed, and none of them is current: clients that ask for no version get none.
    NothingCurrent,
    /// The release that was current may not run any more, and no other one took its place.
    CurrentWithdrawn {
        /// It.
        version: Version,
    },
    /// Active releases that the floor shuts out from now on.
    ShutOut {
        /// They.
        versions: Vec<Version>,
    },
    /// An older release may not run any more, before the date that was promised.
    AllowanceEnded {
        /// It.
        version: Version,
        /// The date.
        until: Timestamp,
    },
    /// A canary ended without becoming current.
    CanaryEnded {
        /// It.
        version: Version,
    },
    /// The floor is lower than in the epoch before.
    FloorLowered {
        /// The floor of the epoch before.
        from: u64,
        /// The floor now.
        to: u64,
    },
    /// A file that this draft does not renew has expired: clients refuse everything until it is renewed.
    Expired {
        /// Its role.
        role: Role,
        /// When.
        at: Timestamp,
    },
    /// A file that this draft does not renew expires within 30 days.
    ExpiresSoon {
        /// Its role.
        role: Role,
        /// When.
        at: Timestamp,
    },
}
