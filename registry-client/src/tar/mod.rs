//! Tar archives as layers: written so that the same files always give the same bytes, read with distrust.
//!
//! ```text
//! Pack (names, sizes, modes) ─► one stream of bytes, the files opened one after the other
//! a layer ─► gunzip? ─► headers ─► Packed: path, size, place ─► its bytes, exactly so many
//! ```
//!
//! Written is POSIX.1-2001 (ustar, with pax records where ustar's fields are too small): no times, no owners, modes from
//! what is signed, names in code-point order. Read are regular files and folders, and of the extensions those that say a
//! long name or a large size. Everything else that a tar archive can hold (links, devices, holes) is refused, and so is
//! whatever two programs could understand in two ways.
//!
//! The crate's own, because a reader is wanted that has no lenient paths to be led to, and a writer that is read from
//! instead of written to. GNU tar and Python's `tarfile` are asked for their opinion in the tests.

mod fault;
mod header;
mod pack;
mod pax;
mod read;

pub use self::fault::ArchiveFault;
pub use self::pack::{Pack, PackContent, Packable, Resized};
pub use self::read::{ArchiveReader, Compression, Packed, Skip};

/// Headers and contents are counted in blocks of so many bytes.
const BLOCK: u64 = 512;

/// Bytes from the end of a content of `size` bytes to the end of its last block.
fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}
