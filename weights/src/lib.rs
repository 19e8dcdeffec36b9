//! What is inside a file of weights.
//!
//! This crate is given bytes and answers what they say: it opens no file, and it neither hashes, nor trusts, nor
//! executes. Its readers are strict, because a signature is over bytes and a loader runs on what it reads in them: where two
//! readers may disagree about one file, one signature has two meanings. Such a file is refused, whoever signed it.
//!
//! One room so far, [`safetensors`]. The walk of its data:
//!
//! ```text
//! file ─ its first 8 bytes ─► HeaderPlace ─ the bytes it names ─► Header: tensors by place and by name
//! index ─► Index: which tensor lies in which file ─┐
//!          a Header for each file that it names ───┴► Sharded: every tensor once, and where the index says
//! ```
//!
//! Nobody needs to have the whole file: a [`HeaderPlace`](safetensors::HeaderPlace) says which bytes are asked for next.
//!
//! ```
//! use lacre_weights::safetensors::{Dtype, Header};
//!
//! let header = br#"{"bias":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
//! let file = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
//! let header = Header::from_slice(&file)?;
//! let bias = header.tensor("bias").unwrap();
//! assert_eq!((bias.dtype(), bias.shape()), (Dtype::F16, &[2][..]));
//! assert_eq!(bias.place(), header.data_start()..header.data_start() + 4);
//! # Ok::<(), lacre_weights::WeightsError>(())
//! ```

mod error;
pub mod safetensors;

pub use error::{CODES, WeightsError};
