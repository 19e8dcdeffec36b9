//! Decisions as records: what was decided, about what, on whose word; kept in a log that nobody changes unseen, and told to
//! those who watch.
//!
//! ```text
//! Report, Failure, Permit, policy ─► Decision ─► DecisionLog::append ─► a line that holds the digest of the one before it
//!                                       │                                   │
//!                                       ├► ocsf, syslog, otlp (texts)       └► check_log ◄─ Verified<LogCheckpoint>
//!                                       └► Decision::summary ─► SLSA Verification Summary
//! ```
//!
//! A decision is made, too, when something is refused, and when nothing could be decided: the verdict is `deny` then. Nothing
//! here opens a socket; what is sent somewhere is only put into words.

mod append;
mod check;
mod checkpoint;
mod event;
mod line;
mod moment;
mod ocsf;
mod otlp;
mod parts;
mod problem;
mod record;
mod repair;
mod summary;
mod syslog;

pub use append::{Appended, DecisionLog, Rotation};
pub use check::{LogAccount, Reach, check_log, check_log_text};
pub use checkpoint::Checkpoint;
pub use event::{Event, EventForm};
pub use line::{Entry, EntryKind, LINE_LIMIT};
pub use parts::{
    BreakGlass, ChannelState, DecidedPolicy, DecidedRelease, DecidedSigner, DecidedSubject, PolicyMode,
    Proven, Reason, StateChange,
};
pub use problem::LogProblem;
pub use record::{Action, Decision, Verdict};
pub use repair::{Repaired, repair_log};
pub use summary::SummaryNames;
pub use syslog::SyslogSender;
