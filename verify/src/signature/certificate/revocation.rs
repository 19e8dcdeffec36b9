//! Revocation lists (RFC 5280, section 5). Only complete, direct lists are read; of every other kind (delta, indirect,
//! partitioned) it cannot be told what it leaves out, so it is refused where it is loaded.

use std::collections::HashMap;
use std::time::SystemTime;

use x509_cert::certificate::Version;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::der::asn1::{GeneralizedTime, ObjectIdentifier};
use x509_cert::der::{self, Decode, Encode, Reader as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::CrlReason;

use super::algorithm::{IssuerKey, SignatureAlgorithm};
use super::names::shown;
use super::path::Path;
use super::pem;
use super::problem::CertificateProblem;
use super::times::{TrustedTime, rfc3339};
use super::x509::{Certificate, Signed, raw, refuse_duplicates};
use crate::VerifyError;

/// The longest revocation list, in bytes.
const LIMIT: usize = 48 * 1024 * 1024;
/// At most this many lists.
const LISTS: usize = 256;

const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const DELTA: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
const REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");
const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");

/// Revocation lists. Nothing in them is believed before their signature is checked with the key of the issuer.
#[derive(Debug, Clone)]
pub struct Crls {
    lists: Vec<List>,
}

impl Crls {
    /// Reads every list of a PEM text.
    ///
    /// # Errors
    /// `E-REVOCATION-UNKNOWN` when the text holds none, holds something else, or a list is malformed or of a kind that
    /// does not say everything (delta, indirect, partitioned).
    pub fn from_pem(text: &str) -> Result<Self, VerifyError> {
        let blocks = pem::blocks(text, "X509 CRL").map_err(|detail| unreadable("anything", detail))?;
        Self::from_der(blocks)
    }

    /// Takes lists in DER.
    ///
    /// # Errors
    /// As [`Crls::from_pem`].
    pub fn from_der(lists: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, VerifyError> {
        let lists = lists.into_iter().map(|der| List::parse(der.as_ref())).collect::<Result<Vec<_>, _>>()?;
        match lists.len() {
            0 => Err(unreadable("anything", "no revocation list".to_owned())),
            1..=LISTS => Ok(Self { lists }),
            more => Err(unreadable("anything", format!("{more} revocation lists, more than {LISTS}"))),
        }
    }

    /// These and those.
    pub fn and(mut self, others: Self) -> Self {
        self.lists.extend(others.lists);
        self
    }
}

/// Checks every certificate of the path below the anchor; gives what is to be reported.
pub(super) fn check(
    path: &Path<'_>,
    crls: &Crls,
    at: &[TrustedTime],
    now: SystemTime,
) -> Result<Vec<String>, VerifyError> {
    let mut warnings = Vec::new();
    for pair in path.windows(2) {
        let [certificate, issuer] = pair else { continue };
        let unknown =
            |detail: String| VerifyError::RevocationUnknown { certificate: certificate.shown(), detail };
        let mut current = None;
        let mut why = format!("there is no revocation list of {}", issuer.shown());
        for list in crls.lists.iter().filter(|list| list.issuer == issuer.subject) {
            match list.usable(issuer, now) {
                // Every current list counts: what one of them revokes is revoked.
                Ok(()) => {
                    list.refuse_revoked(certificate, at, &mut warnings)?;
                    current = Some(list);
                }
                Err(detail) => why = detail,
            }
        }
        let list = current.ok_or_else(|| unknown(why))?;
        // RFC 5280, section 3.3: what has expired may be dropped from the next list.
        if list.this_update > certificate.not_after {
            warnings.push(format!(
                "the revocation list is of {}, after {} expired: it need not list it any more",
                rfc3339(list.this_update),
                certificate.shown()
            ));
        }
    }
    Ok(warnings)
}

#[derive(Debug, Clone)]
struct List {
    tbs: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// The name of the issuer in DER, as it stands in the list.
    issuer: Vec<u8>,
    this_update: SystemTime,
    next_update: SystemTime,
    revoked: HashMap<Vec<u8>, Revocation>,
}

#[derive(Debug, Clone, Copy)]
struct Revocation {
    since: SystemTime,
    reason: CrlReason,
}

impl List {
    fn parse(der: &[u8]) -> Result<Self, VerifyError> {
        if der.len() > LIMIT {
            let detail =
                format!("the revocation list has {} bytes, more than the limit of {LIMIT}", der.len());
            return Err(unreadable("anything", detail));
        }
        let malformed =
            |error: der::Error| unreadable("anything", format!("not a revocation list in DER: {error}"));
        let outer = Signed::parse(der).map_err(malformed)?;
        let body =
            TbsCertList::<x509_cert::certificate::Rfc5280>::from_der(&outer.content).map_err(malformed)?;
        let issuer = shown(&body.issuer);
        let refused = |detail: &str| unreadable(&format!("a certificate of {issuer}"), detail.to_owned());
        if body.to_der().map_err(malformed)? != outer.content {
            return Err(refused("the revocation list is not in the one form that DER allows"));
        }
        let fields = Fields::read(&outer.content).map_err(malformed)?;
        if fields.algorithm != outer.algorithm {
            return Err(refused("the revocation list names two signature algorithms"));
        }
        if body.version != Version::V2 {
            return Err(refused("the revocation list is not of version 2"));
        }
        check_extensions(body.crl_extensions.as_deref().unwrap_or_default())
            .map_err(|detail| refused(&detail))?;
        let next_update = body.next_update.ok_or_else(|| refused("the revocation list has no nextUpdate"))?;
        let mut revoked = HashMap::new();
        for entry in body.revoked_certificates.iter().flatten() {
            let revocation = Revocation::read(entry).map_err(|detail| refused(&detail))?;
            if revoked.insert(entry.serial_number.as_bytes().to_vec(), revocation).is_some() {
                return Err(refused("the revocation list has a certificate twice"));
            }
        }
        Ok(Self {
            algorithm: outer.algorithm,
            signature: outer.signature,
            issuer: fields.issuer,
            this_update: body.this_update.to_system_time(),
            next_update: next_update.to_system_time(),
            revoked,
            tbs: outer.content,
        })
    }

    /// Whether it is signed by this issuer, and current.
    fn usable(&self, issuer: &Certificate, now: SystemTime) -> Result<(), String> {
        let name = issuer.shown();
        if issuer.extensions.usage.is_some_and(|usage| !usage.crl_sign()) {
            return Err(format!("the keyUsage of {name} does not let it sign revocation lists (cRLSign)"));
        }
        let verified = SignatureAlgorithm::read(&self.algorithm).and_then(|algorithm| {
            let key = IssuerKey::read(&issuer.spki)?;
            key.verify(algorithm, &self.tbs, &self.signature)
                .ok_or_else(|| CertificateProblem::Signature { issuer: name.clone() })
        });
        if let Err(problem) = verified {
            return Err(format!("the revocation list of {name} is not acceptable: {problem}"));
        }
        if now < self.this_update {
            return Err(format!(
                "the revocation list of {name} is not valid before {}",
                rfc3339(self.this_update)
            ));
        }
        if now >= self.next_update {
            return Err(format!(
                "the revocation list of {name} is stale since {}",
                rfc3339(self.next_update)
            ));
        }
        Ok(())
    }

    /// A revoked certificate still counts for what was proven to exist before, unless its key may have been stolen:
    /// nobody knows since when the thief had it.
    fn refuse_revoked(
        &self,
        certificate: &Certificate,
        at: &[TrustedTime],
        warnings: &mut Vec<String>,
    ) -> Result<(), VerifyError> {
        let Some(Revocation { since, reason }) = self.revoked.get(&certificate.serial) else { return Ok(()) };
        let stolen = matches!(reason, CrlReason::KeyCompromise | CrlReason::CaCompromise);
        let all_before = at.iter().all(|time| time.is_proven() && time.time() < *since);
        let (name, date, reason) = (certificate.shown(), rfc3339(*since), reason_name(*reason));
        if stolen || !all_before {
            return Err(VerifyError::CertificateRevoked { certificate: name, since: date, reason });
        }
        warnings.push(format!("{name} is revoked since {date} ({reason}), after the time that counts"));
        Ok(())
    }
}

/// The fields of a list that are compared byte for byte.
struct Fields {
    algorithm: Vec<u8>,
    issuer: Vec<u8>,
}

impl Fields {
    fn read(tbs: &[u8]) -> Result<Self, der::Error> {
        der::asn1::AnyRef::from_der(tbs)?.sequence(|reader| {
            let _version = raw(reader)?;
            let fields = Self { algorithm: raw(reader)?, issuer: raw(reader)? };
            while !reader.is_finished() {
                raw(reader)?;
            }
            Ok(fields)
        })
    }
}

fn check_extensions(extensions: &[Extension]) -> Result<(), String> {
    refuse_duplicates(extensions).map_err(|problem| format!("the revocation list: {problem}"))?;
    for extension in extensions {
        match extension.extn_id {
            DELTA => return Err("it is a delta list, which does not say everything".to_owned()),
            ISSUING_DISTRIBUTION_POINT => {
                return Err("it is a partitioned or indirect list, which does not say everything".to_owned());
            }
            AUTHORITY_KEY_ID | CRL_NUMBER => {}
            other if extension.critical => {
                return Err(format!(
                    "the critical extension {other} of the revocation list is not understood"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Revocation {
    fn read(entry: &RevokedCert) -> Result<Self, String> {
        let mut revocation =
            Self { since: entry.revocation_date.to_system_time(), reason: CrlReason::Unspecified };
        let extensions = entry.crl_entry_extensions.as_deref().unwrap_or_default();
        refuse_duplicates(extensions)
            .map_err(|problem| format!("an entry of the revocation list: {problem}"))?;
        for Extension { extn_id, critical, extn_value } in extensions {
            let value = extn_value.as_bytes();
            let malformed = |_| format!("the extension {extn_id} of an entry is malformed");
            match *extn_id {
                REASON => revocation.reason = CrlReason::from_der(value).map_err(malformed)?,
                INVALIDITY_DATE => {
                    let date = GeneralizedTime::from_der(value).map_err(malformed)?.to_system_time();
                    revocation.since = revocation.since.min(date);
                }
                CERTIFICATE_ISSUER => return Err("it is an indirect list".to_owned()),
                other if *critical => {
                    return Err(format!("the critical extension {other} of an entry is not understood"));
                }
                _ => {}
            }
        }
        // RFC 5280, section 5.3.1: only delta lists have it.
        if revocation.reason == CrlReason::RemoveFromCRL {
            return Err("an entry has the reason removeFromCRL, which only delta lists have".to_owned());
        }
        Ok(revocation)
    }
}

/// The reason as RFC 5280 names it.
const fn reason_name(reason: CrlReason) -> &'static str {
    match reason {
        CrlReason::Unspecified => "unspecified",
        CrlReason::KeyCompromise => "keyCompromise",
        CrlReason::CaCompromise => "cACompromise",
        CrlReason::AffiliationChanged => "affiliationChanged",
        CrlReason::Superseded => "superseded",
        CrlReason::CessationOfOperation => "cessationOfOperation",
        CrlReason::CertificateHold => "certificateHold",
        CrlReason::RemoveFromCRL => "removeFromCRL",
        CrlReason::PrivilegeWithdrawn => "privilegeWithdrawn",
        CrlReason::AaCompromise => "aACompromise",
    }
}

fn unreadable(about: &str, detail: String) -> VerifyError {
    VerifyError::RevocationUnknown { certificate: about.to_owned(), detail }
}
