//! Publishing a channel: which releases there are, and which of them may run, signed by roles.
//!
//! The walk of the data:
//!
//! ```text
//! files of the live channel ─► Repository ─┬─► VerifiedRepository ─► edit, rotate, refresh ─► Draft ◄─ init
//!                the operator's own root ──┤                                                   │
//!                what was published last ──┘      signers, one after the other, anywhere ─► sign
//!                                                                                              │ all thresholds
//!                 files, the timestamp last ◄─ Repository ◄─ VerifiedRepository ◄─ finish ◄────┘
//! ```
//!
//! Nothing is edited that was not verified, nothing comes out that was not verified again, and no state is built on that is
//! older than what was published before ([`Last`]): else whoever stores the files could choose what an operator signs on.
//! Only the [`Carrier`] reads and writes files or speaks to a registry; the clock is an argument.
//!
//! # Where it lies
//!
//! A [`Carrier`] takes the files from an OCI store or a folder, and puts back the next ones only where they take the place of
//! exactly those that were read. A draft that waits for signatures lies beside the channel: under the tag `TAG-pending`, or as
//! `pending.json`.
//!
//! # Metadata
//!
//! TUF 1.0 with consistent snapshots, one repository for one channel:
//!
//! | file | says | signed by |
//! | --- | --- | --- |
//! | `N.root.json` | the keys of the four top-level roles, `x-lacre-epoch`, `x-lacre-lifetimes` | root, before and after |
//! | `N.targets.json` | that `channels/org/name/stable.json` belongs to the role `org~name~stable`, and to no other | targets |
//! | `N.org~name~stable.json` | SHA-256 and length of the document; epoch, sequence, floor and current release | channel |
//! | `channels/org/name/SHA256.stable.json` | the document | (by its hash) |
//! | `N.snapshot.json` | versions, lengths and hashes of the two files of targets | snapshot |
//! | `timestamp.json` | version, length and hash of the snapshot | timestamp |
//!
//! Keys are Ed25519 (32 bytes as hexadecimal digits) or ECDSA on P-256 and P-384 (PEM), and have the names that
//! securesystemslib gives them. Signatures cover the canonical JSON of `signed`. A file is compact JSON with sorted members
//! and its signatures in the order of their keys. The document and the role that vouches for it expire together.
//!
//! # Who signs what
//!
//! An edit takes the channel's role (the approvers), then snapshot and timestamp (online). Root and targets stay offline;
//! they sign when keys change. Root alone can begin a new epoch: clients compare epoch before sequence, so a thief who used
//! up every sequence or raised the floor above every release is left behind ([`Restart`]).

mod candidate;
mod canonical;
mod carrier;
mod ceremony;
mod change;
mod draft;
mod edit;
mod error;
mod key;
mod metadata;
mod repository;
mod roles;
mod verified;
mod warn;

pub use candidate::Candidate;
pub use carrier::{Carrier, Found, Waiting};
pub use ceremony::{Restart, Rotation, edit, init, refresh, rotate};
pub use change::Change;
pub use draft::{Draft, Lack, Pending};
pub use edit::{Edit, Launch, Publication, Withdrawal};
pub use error::{ChannelProblem, Warning};
pub use key::KeyId;
pub use repository::{FileName, Repository};
pub use roles::{Lifetimes, PerRole, Plan, Quorum, Role, RoleKeys};
pub use verified::{Last, VerifiedRepository};
