//! Predicates: what a statement claims about its subjects.

mod form;
mod listing;
pub(crate) mod model;
mod pieces;
