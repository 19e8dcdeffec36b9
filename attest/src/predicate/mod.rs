//! Predicates: what a statement claims about its subjects.

mod annotations;
pub(crate) mod checkpoint;
pub(crate) mod declaration;
mod form;
pub(crate) mod legacy;
mod listing;
pub(crate) mod manifests;
pub(crate) mod model;
mod pieces;
pub(crate) mod summary;
