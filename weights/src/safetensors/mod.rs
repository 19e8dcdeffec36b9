//! The safetensors format: a length (`u64`, little endian), that many bytes of JSON, the bytes of the tensors.
//!
//! Format: <https://github.com/huggingface/safetensors#format>, and the schema beside it. What that text forbids is
//! refused here, also where the reference reader (the crate `safetensors` 0.8) takes it:
//!
//! | header | reference reader | here |
//! |---|---|---|
//! | a key twice, also through escapes; in `__metadata__` | the last one counts | [`Json`](HeaderProblem::Json) |
//! | it does not begin with `{` | taken, if white space | [`Start`](HeaderProblem::Start) |
//! | it is padded with other white space than `0x20` | taken | [`Padding`](HeaderProblem::Padding) |
//! | a tensor has a field more than its three | taken | [`UnknownField`](HeaderProblem::UnknownField) |
//! | a tensor is written as a list, a type as an object | taken | [`Json`](HeaderProblem::Json) |
//! | `__metadata__` is `null` | taken | [`Json`](HeaderProblem::Json) |
//! | an empty tensor whose other dimensions overflow | taken | [`Overflow`](HeaderProblem::Overflow) |
//! | more than the limits below | taken | [`TooMany`](HeaderProblem::TooMany) |
//!
//! What it refuses is refused here as well; property tests and a fuzz target compare the two.
//!
//! Taken by both: a header without tensors (`{}`: there is nothing in it that could be read in two ways); empty tensors
//! and scalars; tensors in any order of the keys; a data section that is not aligned (the format's text demands no
//! alignment; writers pad the header to a multiple of eight bytes, and old files are without).

mod dtype;
mod header;
mod index;
mod problem;
mod sharded;
mod wire;

pub use dtype::Dtype;
pub use header::{Header, HeaderPlace, Tensor};
pub use index::Index;
pub use problem::{HeaderProblem, IndexProblem};
pub use sharded::Sharded;

/// Longest header in bytes, as in the reference implementation.
pub const MAX_HEADER: u64 = 100_000_000;
/// Most tensors of one file. The largest models that are known have less than this in all their files together.
pub const MAX_TENSORS: usize = 1 << 18;
/// Most dimensions of a tensor: as many as the common frameworks can handle.
pub const MAX_RANK: usize = 64;
/// Longest name of a tensor, in bytes.
pub const MAX_NAME: usize = 4096;
/// Most entries of `__metadata__`.
pub const MAX_METADATA: usize = 1 << 16;
/// Largest index in bytes: a hundred for each tensor that it may name.
pub const MAX_INDEX: u64 = 100 << 20;
/// Most files of one index.
pub const MAX_SHARDS: usize = 10_000;
