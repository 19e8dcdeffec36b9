//! Bundles signed with a key that is trusted by itself.

use std::time::SystemTime;

use lacre_attest::{Envelope, KeyHint};

use super::{NamedBy, Signer};
use crate::report::{Report, Step};
use crate::trust::TrustedKey;
use crate::{Failure, Trust, VerifyError};

/// Checks the signature with the trusted key that the hint names, or with each trusted key when there is no hint.
/// The hint is not signed: it can only choose among trusted keys, and a wrong one can only make things fail.
pub(super) fn verify(
    envelope: &Envelope,
    hint: &KeyHint,
    trust: &Trust,
    now: SystemTime,
    mut report: Report,
) -> Result<(Signer, Report), Box<Failure>> {
    let candidates: Vec<&TrustedKey> =
        trust.trusted_keys().iter().filter(|trusted| hint.names(trusted.key()) != Some(false)).collect();
    if candidates.is_empty() {
        let hint = hint.text().unwrap_or_default();
        return Err(report.fail(Step::Signer, VerifyError::SignerUntrusted { hint }));
    }
    let named_by = if *hint == KeyHint::Missing { NamedBy::Nothing } else { NamedBy::Hint };
    match named_by {
        NamedBy::Hint => report.pass(Step::Signer, "the bundle names a trusted key"),
        NamedBy::Nothing => {
            report.pass(
                Step::Signer,
                format!("the bundle names no key; {} trusted keys tried", candidates.len()),
            );
            report
                .warnings
                .push("the bundle does not say which key signed it; every trusted key was tried".to_owned());
        }
    }
    let Some(trusted) = candidates.iter().find(|trusted| envelope.verify(trusted.key()).is_ok()) else {
        let tried = match candidates.as_slice() {
            [trusted] => format!("the trusted key {}", trusted.key().hint()),
            several => format!("any of {} trusted keys", several.len()),
        };
        return Err(report.fail(Step::Signature, VerifyError::Signature { tried }));
    };
    let key = trusted.key();
    let signer = Signer::of(key, named_by);
    report.pass(Step::Signature, format!("{} by the key {}", key.algorithm(), key.hint()));
    // Said of the signature, not before: a key that somebody only names is not looked at for its terms.
    if let Err(error) = trusted.counts(None, now) {
        return Err(report.fail(Step::Signer, error));
    }
    report.signer = Some(signer.clone());
    Ok((signer, report))
}
