//! Getting a proven release here.
//!
//! The walk of the data:
//!
//! ```text
//! reference ─► manifest ─► referrers ─► bundle ─► signature, signer, expectations
//!                                                    │ Verified<Claim>
//!                              layers = signed files, one to one?
//!                                                    │ only now the first byte of content
//!     hidden folder ◄─ groups of 1 MiB, each proven before it is written ◄─ an earlier attempt, an older version,
//!            │                                                               and the rest from the store
//!     rename ◄─ model.sig ◄─ Verified<Model>
//! ```
//!
//! An encrypted artifact is an artifact in an envelope: [`reveal`] proves who stands for the envelope, and only then opens
//! it; what it gives is a store like any other.
//!
//! ```text
//! reference ─► manifest ─► referrers ─► signature over the manifest ─► signer ─► index, decrypted ─► as above
//! ```
//!
//! Nothing is visible under the wanted name before all of it is proven. What is refused is removed. What was only broken
//! off (the network, an interruption) stays in the hidden folder, and the next pull of the same files of the same manifest
//! goes on there: it proves again what the journal says is written, and fetches the rest. A full disk is emptied.
//!
//! Of a part ([`Offer::part`]) the signature, the signers and the files of the whole are examined all the same; what comes
//! of it is a `Verified<Part>`, which is no model.

mod accept;
mod arriving;
mod bundles;
mod cache;
mod channel;
mod encrypted;
mod error;
mod governed;
mod journal;
mod lists;
mod pull;
mod reuse;
mod selection;
mod staging;
mod transfer;
mod tree;
mod work;
mod written;

pub use arriving::{Arriving, Moved, Pulled};
pub use cache::{Cache, CachedVersion, Pruned};
pub use channel::{
    Aside, CarriedState, Memory, accepted, check_release, contents, first, follow, kept, location, set_aside,
};
pub use encrypted::{Envelope, reveal};
pub use error::{CODES, DeliverError};
pub use governed::{Governed, examine_under};
pub use pull::{Offer, examine};
pub use selection::{FilePattern, Selection};
pub use staging::{Overwrite, may_write};
pub use tree::{Branch, Edge, Node, NodeKind, Reason, Said, SignedBy, Standing, Tree, tree};
