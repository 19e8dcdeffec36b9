//! What becomes of a decision: a line in a log, a signed summary, events.
//!
//! ```text
//! DecisionArgs ─ open, before the work ─► Recorder ─ conclude(outcome, Facts) ─► log, summary, events ─► the outcome
//! ```
//!
//! A decision that is to be recorded and cannot be is none: what was allowed is then a failure.

mod args;
mod facts;
mod recorder;
mod summary;

pub(crate) use args::DecisionArgs;
pub(crate) use facts::Facts;
pub(crate) use recorder::{Recorder, Stdout};
