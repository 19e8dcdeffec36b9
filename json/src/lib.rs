//! Text that means one thing: JSON read strictly and written deterministically.
//!
//! A signed text is read by more than one program. Where two parsers may disagree (a key that stands twice, bytes
//! behind the value, a nesting that one of them cuts off) an attacker can make one signature mean two things. So
//! every JSON text that Lacre takes from outside passes [`from_slice`], which refuses what is ambiguous before any
//! type is filled, and every JSON text that Lacre writes comes from [`to_vec`], which has one form for one value.
//!
//! Grammar: RFC 8259, with the I-JSON restriction of unique names (RFC 7493, section 2.3).
//!
//! ```
//! use lacre_json::{Limits, from_slice};
//!
//! let limits = Limits::new(1024, 8);
//! let good: Vec<u32> = from_slice(b"[1, 2]", limits)?;
//! assert_eq!(good, [1, 2]);
//! let twice = from_slice::<std::collections::BTreeMap<String, u32>>(br#"{"a":1,"\u0061":2}"#, limits);
//! assert_eq!(twice.unwrap_err().code(), "E-DUPLICATE-KEY");
//! # Ok::<(), lacre_json::JsonError>(())
//! ```

mod error;
mod read;
mod write;

pub use error::{CODES, JsonError};
pub use read::{Limits, check, from_slice};
pub use write::to_vec;
