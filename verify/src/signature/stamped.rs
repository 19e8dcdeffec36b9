//! The times that the timestamps of a bundle prove.

use lacre_attest::Bundle;
use serde::Deserialize;

use super::certificate::{TimestampProblem, TrustedTime};
use super::timestamp::{TimestampAuthorities, verify_token};
use crate::VerifyError;

/// The longest timestamp, in bytes of JSON.
const LIMIT: usize = 128 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireTimestamp<'a> {
    #[serde(borrow)]
    signed_timestamp: std::borrow::Cow<'a, str>,
}

/// The times that trusted authorities prove for the signature of `bundle`; none where nobody is trusted to tell the time, or
/// nobody told it.
///
/// # Errors
/// `E-TIMESTAMP` when somebody is trusted to tell the time, and a timestamp is not one of this signature, or none is by
/// somebody who is trusted: the first refusal. One by somebody else beside one that proves a time changes nothing.
/// `E-BUNDLE` when one stands twice.
pub(super) fn times(
    bundle: &Bundle,
    authorities: &TimestampAuthorities,
) -> Result<Vec<TrustedTime>, VerifyError> {
    if authorities.is_empty() {
        return Ok(Vec::new());
    }
    let mut proven = Vec::new();
    let mut refusal = None;
    for (place, text) in bundle.timestamps_json().enumerate() {
        if bundle.timestamps_json().take(place).any(|before| before == text) {
            return Err(malformed("stands twice"));
        }
        match token(text).and_then(|token| verify_token(&token, bundle.envelope().signature(), authorities)) {
            Ok(time) => proven.push(time),
            Err(error) if is_a_strangers(&error) => refusal = refusal.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match refusal {
        Some(error) if proven.is_empty() => Err(error),
        _ => Ok(proven),
    }
}

/// Whether nothing is wrong with a timestamp but that its authority is not trusted here.
fn is_a_strangers(error: &VerifyError) -> bool {
    let VerifyError::Timestamp { problem } = error else { return false };
    match problem {
        TimestampProblem::Unknown { .. } => true,
        TimestampProblem::Chain(error) => matches!(**error, VerifyError::CertificateUntrusted { .. }),
        _ => false,
    }
}

fn malformed(detail: impl std::fmt::Display) -> VerifyError {
    VerifyError::Claim(lacre_attest::AttestError::Bundle { detail: format!("a timestamp: {detail}") })
}

fn token(text: &str) -> Result<Vec<u8>, VerifyError> {
    use base64::Engine as _;
    let wire: WireTimestamp<'_> =
        lacre_json::from_slice(text.as_bytes(), lacre_json::Limits::new(LIMIT, 4)).map_err(malformed)?;
    base64::engine::general_purpose::STANDARD.decode(wire.signed_timestamp.as_bytes()).map_err(malformed)
}
