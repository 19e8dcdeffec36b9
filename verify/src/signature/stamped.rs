//! The times that the timestamps of a bundle prove.

use lacre_attest::Bundle;
use serde::Deserialize;

use super::certificate::TrustedTime;
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
/// `E-TIMESTAMP` when there are timestamps, somebody is trusted to tell the time, and none of them verifies: the first
/// refusal. One that does not verify beside one that does changes nothing.
pub(super) fn times(
    bundle: &Bundle,
    authorities: &TimestampAuthorities,
) -> Result<Vec<TrustedTime>, VerifyError> {
    if authorities.is_empty() {
        return Ok(Vec::new());
    }
    let mut proven = Vec::new();
    let mut refusal = None;
    for text in bundle.timestamps_json() {
        match time(text, bundle, authorities) {
            Ok(time) => proven.push(time),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    match refusal {
        Some(error) if proven.is_empty() => Err(error),
        _ => Ok(proven),
    }
}

/// The time that one timestamp of `bundle` proves.
pub(super) fn time(
    text: &str,
    bundle: &Bundle,
    authorities: &TimestampAuthorities,
) -> Result<TrustedTime, VerifyError> {
    verify_token(&token(text)?, bundle.envelope().signature(), authorities)
}

fn token(text: &str) -> Result<Vec<u8>, VerifyError> {
    use base64::Engine as _;
    let malformed = |detail: String| {
        VerifyError::Claim(lacre_attest::AttestError::Bundle { detail: format!("a timestamp: {detail}") })
    };
    let wire: WireTimestamp<'_> = lacre_json::from_slice(text.as_bytes(), lacre_json::Limits::new(LIMIT, 4))
        .map_err(|error| malformed(error.to_string()))?;
    base64::engine::general_purpose::STANDARD
        .decode(wire.signed_timestamp.as_bytes())
        .map_err(|error| malformed(error.to_string()))
}
