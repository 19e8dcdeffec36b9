//! Times that count, and where they are from.

use std::fmt;
use std::time::SystemTime;

use lacre_hash::Sha256Digest;
use x509_cert::der::DateTime;

use super::problem::CertificateProblem;
use super::x509::Certificate;

/// A moment at which the signature is known to have existed, or the present. One that somebody else than this machine's
/// clock proves comes from [`verify_token`](crate::verify_token) and from nowhere else.
///
/// ```compile_fail
/// // No proven time out of thin air.
/// # use lacre_verify::{TimeSource, TrustedTime};
/// fn forge(time: std::time::SystemTime) -> TrustedTime {
///     TrustedTime { time, source: TimeSource::Now }
/// }
/// ```
/// ```compile_fail
/// // Nor another moment than the proven one.
/// fn backdate(time: &mut lacre_verify::TrustedTime) {
///     time.time = std::time::SystemTime::UNIX_EPOCH;
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedTime {
    time: SystemTime,
    source: TimeSource,
}

/// Where a time is from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeSource {
    /// The clock of this machine.
    Now,
    /// A timestamp of a trusted authority (RFC 3161).
    Timestamp {
        /// The subject of the certificate that signed it, safe for a terminal.
        authority: String,
        /// SHA-256 of the anchor of that authority: timestamps of one anchor are one witness.
        anchor: Sha256Digest,
    },
    /// Nobody: the time was assumed.
    AssumedDanger,
}

impl TrustedTime {
    /// The present, as the caller's clock has it.
    pub fn now(now: SystemTime) -> Self {
        Self { time: now, source: TimeSource::Now }
    }

    /// Assumes that the signature was made in the first moment of the leaf's validity, as the reference implementation
    /// of OMS does. An expired or stolen certificate is accepted forever. Only for suites that demand it.
    ///
    /// # Errors
    /// `E-CERTIFICATE` when `leaf` is no certificate in DER.
    pub fn assume_not_before_danger(leaf: &[u8]) -> Result<Self, crate::VerifyError> {
        let leaf = Certificate::parse(leaf).map_err(|problem: CertificateProblem| {
            crate::VerifyError::Certificate { certificate: "of the signer".to_owned(), problem }
        })?;
        Ok(Self { time: leaf.not_before, source: TimeSource::AssumedDanger })
    }

    /// The moment that a token proves, whose signature and authority were found good.
    pub(in crate::signature) fn stamped(time: SystemTime, authority: String, anchor: Sha256Digest) -> Self {
        Self { time, source: TimeSource::Timestamp { authority, anchor } }
    }

    /// The moment.
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// Where it is from.
    pub fn source(&self) -> &TimeSource {
        &self.source
    }

    /// Whether somebody else than this machine's clock proves it.
    pub(super) fn is_proven(&self) -> bool {
        matches!(self.source, TimeSource::Timestamp { .. })
    }
}

impl fmt::Display for TimeSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => formatter.write_str("now"),
            Self::Timestamp { authority, .. } => write!(formatter, "timestamp of {authority}"),
            Self::AssumedDanger => formatter.write_str("assumed, not proven"),
        }
    }
}

/// RFC 3339, whole seconds, UTC. Years that X.509 cannot write become a word.
pub(super) fn rfc3339(time: SystemTime) -> String {
    DateTime::from_system_time(time).map_or_else(|_| "a time before 1970".to_owned(), |time| time.to_string())
}
