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
/// As [`sorted`], and `E-TIMESTAMP` when somebody is trusted to tell the time, and all timestamps are by others. One by
/// somebody else beside one that proves a time changes nothing.
pub(super) fn times(
    bundle: &Bundle,
    authorities: &TimestampAuthorities,
) -> Result<Vec<TrustedTime>, VerifyError> {
    let Sorted { proven, strangers } = sorted(bundle, authorities)?;
    match strangers.into_iter().next() {
        Some((_, Some(error))) if proven.is_empty() => Err(error),
        _ => Ok(proven),
    }
}

/// The timestamps of a bundle, by whether their authority is trusted here.
pub(super) struct Sorted<'a> {
    /// What trusted authorities prove.
    pub(super) proven: Vec<TrustedTime>,
    /// Those of others, with the reason if there was anybody to ask.
    pub(super) strangers: Vec<(&'a str, Option<VerifyError>)>,
}

/// Asks the trusted authorities about each timestamp.
///
/// # Errors
/// `E-TIMESTAMP` when somebody is trusted to tell the time, and a timestamp is not one of this signature: what is wrong with
/// it is not that somebody else made it. `E-BUNDLE` when one stands twice.
pub(super) fn sorted<'a>(
    bundle: &'a Bundle,
    authorities: &TimestampAuthorities,
) -> Result<Sorted<'a>, VerifyError> {
    let mut sorted = Sorted { proven: Vec::new(), strangers: Vec::new() };
    if authorities.is_empty() {
        sorted.strangers.extend(bundle.timestamps_json().map(|text| (text, None)));
        return Ok(sorted);
    }
    for (place, text) in bundle.timestamps_json().enumerate() {
        if bundle.timestamps_json().take(place).any(|before| before == text) {
            return Err(malformed("stands twice"));
        }
        match token(text).and_then(|token| verify_token(&token, bundle.envelope().signature(), authorities)) {
            Ok(time) => sorted.proven.push(time),
            Err(error) if is_a_strangers(&error) => sorted.strangers.push((text, Some(error))),
            Err(error) => return Err(error),
        }
    }
    Ok(sorted)
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
