//! Bundles signed with a certificate of minutes, as Sigstore issues them.

use std::time::SystemTime;

use lacre_attest::{Bundle, Limits, PublicKey};
use lacre_manifest::escape;

use super::sigstore::{self, KeylessInput, KeylessSigner};
use super::{NamedBy, Signer, SignerKind};
use crate::report::{Report, SignedAt, Step};
use crate::trust::Keyless;
use crate::{Failure, VerifyError};

/// Checks the certificate, its log entries and timestamps, whom it names, and the signature.
pub(super) fn verify(
    bundle: &Bundle,
    keyless: &Keyless,
    limits: &Limits,
    now: SystemTime,
    mut report: Report,
) -> Result<(Signer, Report), Box<Failure>> {
    let input = KeylessInput { bundle, limits, root: &keyless.root, identities: &keyless.identities, now };
    let (found, vouched) = match sigstore::verify(&input) {
        Ok(found) => found,
        Err(error) => {
            let step = if error.code() == "E-SIGNATURE-INVALID" { Step::Signature } else { Step::Signer };
            return Err(report.fail(step, error));
        }
    };
    let KeylessSigner { identity, issuer, algorithm, key, spki, .. } = found;
    let (Ok(algorithm), Ok(public)) = (algorithm.parse(), PublicKey::from_der(&spki)) else {
        let detail = format!("a certificate with a key of {algorithm}");
        return Err(report.fail(Step::Signer, VerifyError::UnsupportedEvidence { detail }));
    };
    let (who, by) = (escape(&identity), escape(&issuer));
    report.pass(Step::Signer, format!("{who}, as {by} knows them"));
    let logs = vouched.logs.len();
    report.pass(Step::Signature, format!("{algorithm}, in {logs} transparency logs"));
    let signer = Signer {
        kind: SignerKind::Keyless,
        algorithm,
        key: key.to_string(),
        named_by: NamedBy::Certificate,
        names: vec![identity.clone()],
        identity: Some(identity),
        issuer: Some(issuer),
        public,
    };
    report.signed_at = SignedAt::proven(vouched.signed_at.iter().map(|time| time.time));
    report.logs = vouched.logs;
    report.timestamp_authorities = vouched.authorities;
    report.signer = Some(signer.clone());
    Ok((signer, report))
}
