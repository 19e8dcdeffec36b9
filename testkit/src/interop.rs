//! What was found out about other implementations, kept for the table that `cargo xtask` makes of it (`docs/INTEROP.md`).
//!
//! A test says here what it has just seen to be so. Without `LACRE_INTEROP_RESULTS` nothing is kept.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::json;

/// Which side does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lacre signs, the other one verifies.
    FromLacre,
    /// The other one signs, Lacre verifies.
    ToLacre,
}

impl Direction {
    /// Both, in the order of the table.
    pub const BOTH: [Self; 2] = [Self::FromLacre, Self::ToLacre];

    fn name(self) -> &'static str {
        match self {
            Self::FromLacre => "from-lacre",
            Self::ToLacre => "to-lacre",
        }
    }
}

/// It was accepted, and after a change of the content both refused it. `way` is how it was signed.
pub fn holds(peer: &str, way: &str, direction: Direction) {
    keep(peer, way, direction, "yes", None);
}

/// The same, under a condition that the reader must know.
pub fn holds_if(peer: &str, way: &str, direction: Direction, note: &str) {
    keep(peer, way, direction, "yes", Some(note));
}

/// It was refused, and that is how it must be, or how the other one is.
pub fn refused(peer: &str, way: &str, direction: Direction, note: &str) {
    keep(peer, way, direction, "no", Some(note));
}

fn keep(peer: &str, way: &str, direction: Direction, result: &str, note: Option<&str>) {
    let Some(path) = env::var_os("LACRE_INTEROP_RESULTS") else { return };
    let line = json!({
        "peer": peer, "way": way, "direction": direction.name(), "result": result, "note": note,
    });
    // One write of a short line to the end: tests run side by side.
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}
