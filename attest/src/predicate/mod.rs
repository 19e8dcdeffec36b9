//! Predicates: what a statement claims about its subjects.

mod listing;
pub(crate) mod model;
