//! Bytes for some eyes only: [age](https://age-encryption.org/v1) files for X25519 recipients.
//!
//! ```text
//! content ─► Recipients::seal ─► Sealer ─► head (who can open it, the nonce) ‖ chunks of 64 KiB, each authenticated
//! head ─► Identities::open ─► Opener ─► content, from any chunk on
//! ```
//!
//! The format and its cryptography are those of the crate `age`; what is added here are the bounds. A head is measured
//! before it is parsed, because the crate reads one of any length. Only X25519 keys are taken: a passphrase would be
//! guessed at leisure by whoever has the file, and a plugin is a program that a text chooses.
//!
//! A file says nothing about who encrypted it. Everybody who knows a recipient can make one, so what is opened here is
//! secret and intact, and not yet anybody's word: whoever opens a file must know from elsewhere that it is the one that
//! was meant.
//!
//! ```
//! use std::io::{Read as _, Write as _};
//! use lacre_encrypt::{Head, Identities, Recipients};
//!
//! let identities = Identities::generate();
//! let recipients = Recipients::parse(&identities.recipients())?;
//! let mut sealer = recipients.seal(Vec::new())?;
//! sealer.write_all(b"weights")?;
//! let file = sealer.finish()?;
//!
//! let head = Head::parse(&file)?;
//! let mut content = Vec::new();
//! identities.open(&head, 0, &file[head.len()..])?.read_to_end(&mut content)?;
//! assert_eq!(content, b"weights");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod head;
mod identities;
mod open;
mod recipients;
mod seal;

pub use error::{CODES, EncryptError, Refusal};
pub use head::{CHUNK, Head, LONGEST_HEAD, file_size};
pub use identities::{Identities, LONGEST_IDENTITY_FILE};
pub use open::{Opener, is_forged};
pub use recipients::{MOST_RECIPIENTS, Recipients};
pub use seal::Sealer;
