//! What is rehearsed.

mod files;
mod keys;
mod releases;
mod state;
mod time;

use super::Act;
use super::scratch::Scratch;

/// All acts, in the order in which they are shown. They share nothing but the copy, which none of them changes.
pub(super) fn all(scratch: &Scratch) -> Vec<Act> {
    [
        files::acts(scratch),
        time::acts(),
        files::of_stolen_keys(),
        keys::acts(scratch),
        releases::acts(),
        state::acts(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
