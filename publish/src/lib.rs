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
//! What is in a store already can be signed from its manifest alone ([`Listed`]); the statement then says that nobody
//! looked at the content.
//!
//! This crate holds the side that makes claims. It does not decide whom to trust: a push carries a signature, it does
//! not judge it.

mod as_signed;
mod error;
mod push;
mod remote_sign;

pub use as_signed::Remembered;
pub use error::{CODES, PublishError};
pub use push::{Prepared, Pushed, Signed, prepare};
pub use remote_sign::{Attached, Listed};
