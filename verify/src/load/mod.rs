//! Bytes that cannot change any more.
//!
//! What is handed out is a private copy, and the copy is what was hashed. A file that is overwritten in place, cut
//! short, replaced or re-linked afterwards changes nothing in it; what is not held yet is read again, proven again, and
//! refused when it is no longer what was signed.

mod copy;
mod safetensors;

pub use copy::ProvenBytes;
pub use safetensors::ProvenTensors;
