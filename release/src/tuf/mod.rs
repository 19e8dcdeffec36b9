//! The Update Framework: who may say what is current, until when, and never less than before.

mod canonical;

pub use canonical::canonical_json;
