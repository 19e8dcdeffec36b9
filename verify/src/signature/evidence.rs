//! What logs and timestamp authorities say about a signature by a key that is trusted by itself.
//!
//! It can only take away: a key counts for itself, and evidence says when it signed. What is there and does not hold is
//! refused wherever somebody is trusted who could say so; where nobody is, it is told that it was not checked.

use std::collections::BTreeSet;
use std::time::SystemTime;

use lacre_attest::{Bundle, Limits, PublicKey};

#[cfg(feature = "x509")]
use super::certificate::{TimeSource, TrustedTime};
use crate::{Trust, VerifyError};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Witnessed {
    /// Proven times: the signature existed at each of them.
    pub(super) times: Vec<SystemTime>,
    /// The distinct logs that have the signature.
    pub(super) logs: BTreeSet<String>,
    /// The distinct authorities that saw the signature.
    pub(super) authorities: BTreeSet<String>,
    /// What nobody is trusted to confirm, in words.
    pub(super) unchecked: Vec<String>,
}

/// What is told about evidence that nobody is trusted to confirm.
pub(super) fn unchecked(what: &str, number: usize) -> String {
    format!("{number} {what} of the bundle count for nothing: not checked by anybody who is trusted")
}

/// Checks all evidence of a bundle whose signature by `key` was found good.
///
/// Timestamps are for the timestamp authorities that are trusted. What they do not confirm, and all log entries, are for
/// the Sigstore that is trusted as a witness, all of it: one broken entry beside a good one refuses.
///
/// # Errors
/// `E-LOG`, `E-TIMESTAMP`, `E-BUNDLE`, `E-LIMIT`, `E-UNSUPPORTED`: of several witnesses, that of the one which came
/// furthest.
pub(super) fn check(
    bundle: &Bundle,
    key: &PublicKey,
    trust: &Trust,
    limits: &Limits,
    now: SystemTime,
) -> Result<Witnessed, VerifyError> {
    let mut found = Witnessed::default();
    let rest = stamped(bundle, trust, &mut found)?;
    let entries = bundle.log_entries();
    if entries == 0 && rest.timestamps.is_empty() {
        return Ok(found);
    }
    if let Some(vouched) = witnessed(bundle, &rest.timestamps, key, trust, limits, now)? {
        found.times.extend(vouched.times);
        found.logs.extend(vouched.logs);
        found.authorities.extend(vouched.authorities);
        return Ok(found);
    }
    if let Some(error) = rest.refusal.filter(|_| found.times.is_empty()) {
        return Err(error);
    }
    for (what, number) in [("log entries", entries), ("timestamps", rest.timestamps.len())] {
        if number > 0 {
            found.unchecked.push(unchecked(what, number));
        }
    }
    Ok(found)
}

/// The timestamps that no trusted timestamp authority confirmed, and the first reason, if there is an authority.
struct Rest<'a> {
    timestamps: Vec<&'a str>,
    refusal: Option<VerifyError>,
}

#[cfg(feature = "x509")]
fn stamped<'a>(bundle: &'a Bundle, trust: &Trust, found: &mut Witnessed) -> Result<Rest<'a>, VerifyError> {
    let super::stamped::Sorted { proven, strangers } =
        super::stamped::sorted(bundle, trust.timestamp_authorities())?;
    found.times.extend(proven.iter().map(TrustedTime::time));
    found.authorities = authorities(&proven);
    let (timestamps, reasons): (Vec<_>, Vec<_>) = strangers.into_iter().unzip();
    Ok(Rest { timestamps, refusal: reasons.into_iter().flatten().next() })
}

/// The distinct authorities that prove these times: timestamps of one anchor are one witness.
#[cfg(feature = "x509")]
pub(super) fn authorities(proven: &[TrustedTime]) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let named = proven.iter().filter_map(|time| match time.source() {
        TimeSource::Timestamp { authority, anchor } => anchors.insert(*anchor).then(|| authority.clone()),
        _ => None,
    });
    named.collect()
}

#[cfg(not(feature = "x509"))]
#[expect(clippy::unnecessary_wraps, reason = "with certificates it can fail")]
fn stamped<'a>(bundle: &'a Bundle, _: &Trust, _: &mut Witnessed) -> Result<Rest<'a>, VerifyError> {
    Ok(Rest { timestamps: bundle.timestamps_json().collect(), refusal: None })
}

#[cfg(feature = "sigstore")]
fn witnessed(
    bundle: &Bundle,
    timestamps: &[&str],
    key: &PublicKey,
    trust: &Trust,
    limits: &Limits,
    now: SystemTime,
) -> Result<Option<Witnessed>, VerifyError> {
    let mut refusal: Option<VerifyError> = None;
    for root in trust.witnesses() {
        match super::sigstore::verify_evidence(bundle, timestamps, key, root, limits, now) {
            Ok(vouched) => {
                return Ok(Some(Witnessed {
                    times: vouched.signed_at.iter().map(|signed| signed.time).collect(),
                    logs: vouched.logs,
                    authorities: vouched.authorities,
                    unchecked: Vec::new(),
                }));
            }
            Err(error) => {
                if refusal.as_ref().map(VerifyError::nearness) < Some(error.nearness()) {
                    refusal = Some(error);
                }
            }
        }
    }
    refusal.map_or(Ok(None), Err)
}

#[cfg(not(feature = "sigstore"))]
#[expect(clippy::unnecessary_wraps, reason = "with a Sigstore it can fail")]
fn witnessed(
    _: &Bundle,
    _: &[&str],
    _: &PublicKey,
    _: &Trust,
    _: &Limits,
    _: SystemTime,
) -> Result<Option<Witnessed>, VerifyError> {
    Ok(None)
}
