//! Bundles signed with a key that is trusted by itself.

use std::time::SystemTime;

use lacre_attest::{AttestError, Bundle, KeyHint, LegacyHash, Limits};

use super::{Legacy, NamedBy, Signer, evidence};
use crate::report::{Report, SignedAt, Step};
use crate::trust::TrustedKey;
use crate::{Failure, Trust, VerifyError};

/// Checks the signature with the trusted key that the hint names, or with each trusted key when there is no hint.
/// The hint is not signed: it can only choose among trusted keys, and a wrong one can only make things fail.
pub(super) fn verify(
    bundle: &Bundle,
    hint: &KeyHint,
    trust: &Trust,
    limits: &Limits,
    now: SystemTime,
    legacy: Legacy,
    mut report: Report,
) -> Result<(Signer, Report), Box<Failure>> {
    let envelope = bundle.envelope();
    let candidates: Vec<&TrustedKey> =
        trust.trusted_keys().iter().filter(|trusted| hint.names(trusted.key()) != Some(false)).collect();
    if candidates.is_empty() {
        let hint = hint.text().unwrap_or_default();
        return Err(report.fail(Step::Signer, VerifyError::SignerUntrusted { hint }));
    }
    let named_by = if *hint == KeyHint::Missing { NamedBy::Nothing } else { NamedBy::Hint };
    if named_by == NamedBy::Hint {
        report.pass(Step::Signer, "the bundle names a trusted key");
    } else {
        let tried = candidates.len();
        report.pass(Step::Signer, format!("the bundle names no key; {tried} trusted keys tried"));
        report
            .warnings
            .push("the bundle does not say which key signed it; every trusted key was tried".to_owned());
    }
    let mut found = None;
    let mut refusal = None;
    for trusted in &candidates {
        match legacy.check(envelope, trusted.key(), LegacyHash::OfCurve) {
            Ok(encoding) => {
                found = Some((trusted, encoding));
                break;
            }
            Err(error @ AttestError::Legacy { .. }) => refusal = Some(error),
            Err(_) => {}
        }
    }
    if let (None, Some(error)) = (found, refusal) {
        return Err(report.fail(Step::Signature, error.into()));
    }
    let Some((trusted, encoding)) = found else {
        let tried = match candidates.as_slice() {
            [trusted] => format!("the trusted key {}", trusted.key().hint()),
            several => format!("any of {} trusted keys", several.len()),
        };
        return Err(report.fail(Step::Signature, VerifyError::Signature { tried }));
    };
    let key = trusted.key();
    let signer = Signer::of(key, named_by);
    encoding.tell(&mut report);
    report.pass(Step::Signature, format!("{} by the key {}", key.algorithm(), key.hint()));
    // Said of the signature, not before: a key that somebody only names is not looked at for its terms.
    let found = match evidence::check(bundle, key, trust, limits, now) {
        Ok(found) => found,
        Err(error) => return Err(report.fail(Step::Signer, error)),
    };
    // The earliest: at each of them the signature existed already.
    if let Err(error) = trusted.counts(found.times.iter().min().copied(), now) {
        return Err(report.fail(Step::Signer, error));
    }
    report.signed_at = SignedAt::proven(found.times);
    report.warnings.extend(found.unchecked);
    report.logs = found.logs;
    report.timestamp_authorities = found.authorities;
    report.signer = Some(signer.clone());
    Ok((signer, report))
}
