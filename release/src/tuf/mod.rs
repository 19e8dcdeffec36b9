//! The Update Framework: who may say what is current, until when, and never less than before.
//!
//! [`Refresh`] is the client's workflow. Everything that is read passes [`precheck`] before the library sees it, and
//! [`adapter`] is the one place that asks the library.

mod adapter;
mod canonical;
mod kept;
mod key;
mod name;
mod precheck;
mod refresh;
mod refusal;
mod status;
mod target;
mod walk;
mod wanted;

pub use canonical::canonical_json;
pub use kept::Kept;
pub use refresh::Refresh;
pub use status::RoleStatus;
pub use target::{ProvenTarget, TufTarget};
pub use wanted::{WantedFile, WantedKind};
