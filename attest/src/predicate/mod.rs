//! Predicates: what a statement claims about its subjects.

mod annotations;
mod form;
pub(crate) mod legacy;
mod listing;
pub(crate) mod manifests;
pub(crate) mod model;
mod pieces;
