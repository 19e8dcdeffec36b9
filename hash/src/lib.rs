//! Digests at the speed of the hardware.
//!
//! The walk of the data: a [`Source`] is opened once, read once, and every piece goes
//! through the wanted digests ([`DigestSet`]) while it is still in the cache of the core. Who wants to keep the bytes
//! (to load them, to copy them into a registry) implements [`Source::keep`], which is handed exactly the private copy
//! that was hashed: what is kept and what is proven cannot differ.
//!
//! [`Engine`] spreads many sources over all cores with memory that depends on the number of cores only. It uses
//! plain reads, never a memory map: a file that is cut short under the reader is then an error, not a signal.
//!
//! ```
//! use lacre_hash::{Sha256Digest, StreamHasher, DigestSet};
//!
//! let mut hasher = StreamHasher::new(DigestSet::Both);
//! hasher.update(b"abc");
//! let digests = hasher.finish();
//! assert_eq!(digests.size, 3);
//! // FIPS 180-4, example of SHA-256
//! assert_eq!(
//!     digests.sha256.map(|digest| digest.to_string()).as_deref(),
//!     Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
//! );
//! ```

mod blake3_tree;
mod chunk_store;
mod digest;
mod engine;
mod error;
mod gather;
mod message_hash;
mod opened;
mod progress;
mod sha256_lanes;
mod source;
mod stream_hasher;
mod wanted;

pub use blake3_tree::{ChunkList, GROUP, GroupValue};
pub use chunk_store::ChunkStore;
pub use digest::{Blake2bDigest, Blake3Digest, Sha256Digest};
pub use engine::Engine;
pub use error::{CODES, HashError};
pub use gather::{Gatherer, Judged};
pub use progress::{NoProgress, Paced, Progress};
pub use sha256_lanes::{Sha256, digest_many, finalize_each, kernel_for, messages_wanted, update_each};
pub use source::Source;
pub use stream_hasher::StreamHasher;
pub use wanted::{DigestSet, FileDigests, ForeignDigests, ShardAlgorithm, Sharding};
