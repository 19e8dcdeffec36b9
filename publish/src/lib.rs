//! Putting a release out.
//!
//! The walk of the data:
//!
//! ```text
//! folder + bundle ─► claim ─► survey (both digests of every file) ─► as signed?
//!                                                                      │ yes
//!     tag ◄─ signature (referrer) ◄─ manifest ◄─ configuration ◄─ blobs, proven again while they are written
//! ```
//!
//! Nothing is written before every file was found to be as signed, under both digests: one signature must not come
//! to mean two contents. What this machine has compared before, and was not touched since, is not read for that again
//! ([`Remembered`]). The tag moves last: whoever finds the model by its tag finds its signature too.
//!
//! The same can be pushed encrypted ([`Prepared::push_encrypted`]): all of it goes into an envelope, whose manifest is then
//! signed.
//!
//! What is in a store already can be signed from its manifest alone ([`Listed`]); the statement then says that nobody
//! looked at the content. Claims about the manifest itself (what `cosign sign` signs, and attestations of any type) are put
//! beside it the same way:
//!
//! ```text
//! reference ─► pin ─► sha256 ─► lacre_attest::ManifestClaim ─► said before? (find) ─ no ─► signer ─► attach
//! ```
//!
//! Which of the releases may run is said by a [`channel`], which people approve together.
//!
//! This crate holds the side that makes claims. It does not decide whom to trust: a push carries a signature, it does
//! not judge it.

mod as_signed;
mod attach;
pub mod channel;
mod encrypted;
mod error;
mod packs;
mod push;
mod remote_sign;

pub use as_signed::Remembered;
pub use attach::{Attached, Evidence, Wanted, attach, find, pin};
pub use encrypted::{Encrypted, Encryption};
pub use error::{CODES, PublishError};
pub use push::{Prepared, Pushed, Signed, prepare, prepare_as};
pub use remote_sign::Listed;
