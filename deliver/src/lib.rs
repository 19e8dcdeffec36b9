//! Getting a proven release here.
//!
//! The walk of the data:
//!
//! ```text
//! reference ─► manifest ─► referrers ─► bundle ─► signature, signer, expectations
//!                                                    │ Verified<Claim>
//!                              layers = signed files, one to one?
//!                                                    │ only now the first byte of content
//!     rename ◄─ model.sig ◄─ Verified<Model> ◄─ blobs, proven while they are written into a hidden folder
//! ```
//!
//! Nothing is visible under the wanted name before all of it is proven; when anything fails, or the work is
//! interrupted, the hidden folder is removed.

mod error;
mod pull;
mod staging;

pub use error::{CODES, DeliverError};
pub use pull::{Offer, Pulled, examine};
pub use staging::{Overwrite, may_write};
