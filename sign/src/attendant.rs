//! Whoever waits while a signer outside of this process works.

use std::time::{Duration, Instant};

use crate::SignerProblem;

/// How often a wait looks whether it was given up.
const LOOK_UP: Duration = Duration::from_millis(50);

/// Whoever waits for a signer outside of this process: hears what it says meanwhile, and can give up.
pub trait Attendant: Send + Sync {
    /// A program wrote this line to its standard error. It is harmless to show: one line, escaped, of bounded length.
    fn said(&self, line: &str);

    /// Whether to give up. It is asked several times a second.
    fn gave_up(&self) -> bool;
}

/// Nobody: what a program says is dropped, and waiting ends with the time limit only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unattended;

impl Attendant for Unattended {
    fn said(&self, _line: &str) {}

    fn gave_up(&self) -> bool {
        false
    }
}

/// When a wait ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { start: Instant::now(), limit }
    }

    /// How long to wait before this is asked again; never zero.
    pub(crate) fn patience(&self, attendant: &dyn Attendant) -> Result<Duration, SignerProblem> {
        if attendant.gave_up() {
            return Err(SignerProblem::Interrupted);
        }
        let left = self.limit.saturating_sub(self.start.elapsed());
        if left.is_zero() {
            Err(SignerProblem::TimedOut { limit: self.limit })
        } else {
            Ok(left.min(LOOK_UP))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl Attendant for Gone {
        fn said(&self, _line: &str) {}

        fn gave_up(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_wait_ends_with_its_time_or_with_its_attendant() {
        let over = Deadline::after(Duration::ZERO);
        assert_eq!(over.patience(&Unattended).unwrap_err().code(), "E-SIGNER");
        assert_eq!(over.patience(&Gone).unwrap_err().code(), "E-INTERRUPTED");
        let long = Deadline::after(Duration::from_hours(1));
        assert_eq!(long.patience(&Unattended).unwrap(), LOOK_UP);
    }
}
