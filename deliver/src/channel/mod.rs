//! Channels, beside the artifacts that they are about: what may run here now.
//!
//! The walk of the data:
//!
//! ```text
//! carrier (FileSet) ─► follow ◄─► Memory (StateStore, or a demand)
//!                        │ Channel
//!                        ▼
//!                   decide ─► Permit ─► allowed: the manifest of the release ─► examine, pull ─► accepted
//!                        │
//!                        └─► what is here and may not run: set_aside, restore
//! ```
//!
//! The carrier proves nothing and is not trusted: what [`follow()`] gives is what the keys of the channel signed, not older
//! than what was seen here, and not expired. What it learns is stored before it is used.

mod allowed;
mod aside;
mod carried;
mod follow;

pub use allowed::{check_release, contents, location};
pub use aside::{Aside, set_aside};
pub use carried::CarriedState;
pub use follow::{Memory, accepted, first, follow, kept};
