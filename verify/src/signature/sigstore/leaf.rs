//! What a signing certificate may look like, beyond what path validation asks.

use std::collections::BTreeSet;
use std::time::SystemTime;

use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{KeyUsage, SubjectAltName};

use crate::VerifyError;

/// How a certificate names somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityKind {
    /// An e-mail address: a person, or a service account.
    Email,
    /// A URI: a CI workflow, or another workload.
    Uri,
}

impl IdentityKind {
    /// The name: `email` or `uri`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uri => "uri",
        }
    }
}

/// Demands that the certificate says everything once, names exactly one somebody, and is made for signing and not for
/// issuing. The name is the whole identity: were there two, two programs could take different ones.
pub(super) fn check(der: &[u8]) -> Result<(String, IdentityKind), VerifyError> {
    let certificate =
        Certificate::from_der(der).map_err(|error| unacceptable(format!("it cannot be read: {error}")))?;
    let tbs = certificate.tbs_certificate();
    let mut seen = BTreeSet::new();
    for extension in tbs.extensions().into_iter().flatten() {
        if !seen.insert(extension.extn_id) {
            return Err(unacceptable(format!("it has the extension {} twice", extension.extn_id)));
        }
    }
    let unreadable =
        |what: &'static str| move |error| unacceptable(format!("its {what} cannot be read: {error}"));
    let usage = tbs.get_extension::<KeyUsage>().map_err(unreadable("key usage"))?;
    match usage {
        Some((_, usage)) if usage.key_cert_sign() => {
            return Err(unacceptable("its key usage is that of an authority"));
        }
        Some((_, usage)) if usage.digital_signature() => {}
        _ => return Err(unacceptable("its key usage is not digital signature")),
    }
    let names = tbs.get_extension::<SubjectAltName>().map_err(unreadable("subject alternative name"))?;
    match names.as_ref().map(|(_, names)| names.0.as_slice()) {
        Some([GeneralName::Rfc822Name(name)]) => Ok((name.to_string(), IdentityKind::Email)),
        Some([GeneralName::UniformResourceIdentifier(name)]) => Ok((name.to_string(), IdentityKind::Uri)),
        Some([_]) => Err(unacceptable("it names neither an e-mail address nor a URI")),
        Some(names) => Err(unacceptable(format!("it has {} names, not one", names.len()))),
        None => Err(unacceptable("it names nobody")),
    }
}

/// Demands that what stands above the leaf is no root: whoever takes a root from a bundle trusts its signer.
pub(super) fn check_above(above: &[Vec<u8>]) -> Result<(), VerifyError> {
    for der in above {
        let certificate = Certificate::from_der(der)
            .map_err(|error| unacceptable(format!("one above it cannot be read: {error}")))?;
        let tbs = certificate.tbs_certificate();
        if tbs.subject() == tbs.issuer() {
            return Err(unacceptable("the bundle brings along a root"));
        }
    }
    Ok(())
}

/// Why path validation found nothing for these certificates, leaf first. With each time come the certificates of the
/// authorities that were in office then.
pub(super) fn why_no_path<'a>(
    chain: &[&[u8]],
    times: impl IntoIterator<Item = (SystemTime, Vec<&'a [u8]>)>,
    detail: String,
) -> VerifyError {
    let read = |der: &[u8]| Certificate::from_der(der).ok();
    let Some(chain) = chain.iter().map(|der| read(der)).collect::<Option<Vec<_>>>() else {
        return unacceptable(detail);
    };
    for (time, authorities) in times {
        let is_valid = |certificate: &Certificate| {
            let validity = certificate.tbs_certificate().validity();
            (validity.not_before.to_system_time()..=validity.not_after.to_system_time()).contains(&time)
        };
        if !chain.iter().all(is_valid) {
            return VerifyError::KeylessExpired { detail };
        }
        let above: Vec<Certificate> = authorities.into_iter().filter_map(read).collect();
        let is_issued = |certificate: &Certificate| {
            let issuer = certificate.tbs_certificate().issuer();
            above.iter().any(|authority| authority.tbs_certificate().subject() == issuer)
        };
        if !chain.iter().any(is_issued) {
            return VerifyError::KeylessUntrusted { detail };
        }
    }
    unacceptable(detail)
}

fn unacceptable(detail: impl Into<String>) -> VerifyError {
    VerifyError::KeylessCertificate { detail: detail.into() }
}

#[cfg(test)]
mod tests;
