//! Which of several refusals says most.

use std::cmp::Ordering;

use crate::report::{Outcome, Step};
use crate::{Failure, VerifyError};

/// How far verification came before it was refused. Of several refusals the greatest says most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HowFar {
    /// The furthest step that was looked at, and how many were passed by then.
    step: Option<Step>,
    passed: usize,
    nearness: Nearness,
}

/// How near a signer came to being believed, by what was wrong in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nearness {
    /// Nobody is trusted who knows this signer.
    Stranger,
    /// What the signer came with is not acceptable in itself.
    Unacceptable,
    /// No acceptable witness: a log, a timestamp.
    Unwitnessed,
    /// Vouched for, at another time.
    Untimely,
    /// Vouched for, but somebody else than expected.
    SomebodyElse,
    /// Known, and refused by name.
    Refused,
}

impl VerifyError {
    pub(crate) fn nearness(&self) -> Nearness {
        match self {
            Self::NoAuthority
            | Self::NoTrust
            | Self::SignerUntrusted { .. }
            | Self::CertificateUntrusted { .. }
            | Self::KeylessUntrusted { .. } => Nearness::Stranger,
            Self::Log { .. } | Self::Timestamp { .. } | Self::KeylessTimestamp { .. } => {
                Nearness::Unwitnessed
            }
            Self::CertificateExpired { .. }
            | Self::KeylessExpired { .. }
            | Self::RevocationUnknown { .. }
            | Self::KeyExpired { .. }
            | Self::KeyRetired { .. } => Nearness::Untimely,
            Self::Identity { .. } | Self::IdentityMismatch { .. } => Nearness::SomebodyElse,
            Self::CertificateRevoked { .. } | Self::KeyRevoked { .. } => Nearness::Refused,
            _ => Nearness::Unacceptable,
        }
    }
}

impl Failure {
    /// How far verification came.
    pub fn how_far(&self) -> HowFar {
        let checks = &self.report.checks;
        HowFar {
            step: checks.iter().map(|check| check.step).max(),
            passed: checks.iter().filter(|check| check.outcome == Outcome::Passed).count(),
            nearness: self.error.nearness(),
        }
    }

    /// The one of both that came further; of equals, this one.
    pub(crate) fn or_further(self: Box<Self>, other: Box<Self>) -> Box<Self> {
        match other.how_far().cmp(&self.how_far()) {
            Ordering::Greater => other,
            Ordering::Equal | Ordering::Less => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;

    fn failure(passed: &[Step], failed: Step, error: VerifyError) -> Box<Failure> {
        let mut report = Report::default();
        for step in passed {
            report.pass(*step, "");
        }
        report.fail(failed, error)
    }

    #[test]
    fn the_one_that_came_further_is_told() {
        let key = || "k".to_owned();
        // From the one that says least to the one that says most.
        let refusals = [
            failure(&[], Step::Bundle, VerifyError::NoTime),
            failure(&[Step::Bundle], Step::Signer, VerifyError::NoAuthority),
            failure(&[Step::Bundle], Step::Signer, VerifyError::Unsupported { what: "x" }),
            failure(&[Step::Bundle], Step::Signer, VerifyError::Log { detail: key() }),
            failure(&[Step::Bundle], Step::Signer, VerifyError::KeylessExpired { detail: key() }),
            failure(&[Step::Bundle], Step::Signer, VerifyError::Identity { found: key(), expected: key() }),
            failure(&[Step::Bundle], Step::Signer, VerifyError::KeyRevoked { key: key() }),
            failure(&[Step::Bundle, Step::Signer], Step::Signature, VerifyError::Signature { tried: key() }),
            // A good signature of a key whose time is over: said of the signer, after the signature.
            failure(
                &[Step::Bundle, Step::Signer, Step::Signature],
                Step::Signer,
                VerifyError::KeyRetired { key: key() },
            ),
            failure(
                &[Step::Bundle, Step::Signer, Step::Signature, Step::Claim],
                Step::Expectations,
                VerifyError::Name { signed: key(), expected: key() },
            ),
        ];
        assert!(refusals.is_sorted_by(|one, next| one.how_far() < next.how_far()));
        let codes: Vec<_> = refusals.iter().map(|failure| failure.code()).collect();
        let told = refusals.into_iter().reduce(Failure::or_further).unwrap();
        assert_eq!(told.code(), *codes.last().unwrap());
    }

    #[test]
    fn of_equals_the_first_is_told() {
        let first = failure(&[], Step::Signer, VerifyError::Log { detail: "first".to_owned() });
        let second = failure(&[], Step::Signer, VerifyError::Log { detail: "second".to_owned() });
        assert!(first.or_further(second).to_string().contains("first"));
    }
}
