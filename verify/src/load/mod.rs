//! Bytes that cannot change any more.
//!
//! What is handed out is a private copy, and the copy is what was hashed. A file that is overwritten in place, cut
//! short, replaced or re-linked afterwards changes nothing in it; what is not held yet is read again, proven again, and
//! refused when it is no longer what was signed.

mod copy;
mod tensors;

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;

use crate::VerifyError;

pub use copy::ProvenBytes;
pub use tensors::{ProvenTensor, ProvenTensors, SliceProblem, Tensors};

/// A signed file whose bytes are proven wherever they are read from.
pub trait ProvenFile: Debug + Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// The bytes of `range`, counted from the beginning of the file. They do not change any more.
    ///
    /// # Errors
    /// `E-RANGE` when the range ends behind the file; where bytes are proven only when they are read,
    /// `E-FILE-CHANGED` and codes of the disk.
    fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, VerifyError>;
}
