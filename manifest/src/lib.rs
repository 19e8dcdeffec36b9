//! What is in the box: the files of a model, under names that mean one thing.
//!
//! The walk of the data:
//!
//! ```text
//! path ─► Root (held descriptor) ─► walk ─► Tree (names, sizes, what is foreign or left out)
//!                                              │ hash::Engine, every file opened beneath the Root
//!                                              ▼
//!                                          Manifest (entries in code-point order) ─► root, identity, diff
//! ```
//!
//! [`resurvey`] does the same with what an earlier signature says: files whose [`Stamps`] show that they were not touched
//! keep their digests, and are not read.
//!
//! A [`Root`] is opened once and everything is resolved beneath its descriptor, without symbolic links: what an
//! attacker does to the path afterwards leads nowhere. A [`Manifest`] cannot hold two names that some file system
//! would take for one.

mod beside;
mod compare;
mod digests;
mod entry;
mod error;
mod path;
mod root;
mod shape;
mod stamps;
mod survey;
mod walk;

pub use beside::Beside;
pub use compare::{Diff, Renamed, diff};
pub use digests::{Digests, ShardDigests, Shards};
pub use entry::{Entry, Manifest, ModelIdentity, component_order};
pub use error::{CODES, ManifestError};
pub use path::{EntryPath, PathError, escape, escape_json, escape_os};
pub use root::{Links, Root};
pub use shape::Shape;
pub use stamps::{Known, MachineId, StampStore, Stamps, StampsError};
pub use survey::{FileSource, Reused, Survey, resurvey, survey};
pub use walk::{
    DEFAULT_IGNORES, Excluded, ExcludedReason, Exclusions, FollowedLink, Foreign, ForeignKind, Tree,
    TreeFile, walk,
};
