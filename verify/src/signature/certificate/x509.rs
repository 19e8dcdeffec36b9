//! One certificate, read strictly: DER in its one form, no extension twice, and what is needed of it taken out.

use std::collections::HashSet;
use std::time::SystemTime;

use lacre_hash::Sha256Digest;
use x509_cert::TbsCertificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use x509_cert::der::{self, Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName};
use x509_cert::name::Name;

use super::algorithm::{IssuerKey, SignatureAlgorithm};
use super::names::shown;
use super::problem::CertificateProblem;

/// The longest certificate that is read, in bytes. Those in use have one to four thousand.
const LIMIT: usize = 32 * 1024;

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");

/// A certificate that is well-formed. Nothing about it is believed yet.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    tbs: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// Issuer, subject and `SubjectPublicKeyInfo` in DER, as they stand in the certificate.
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    /// The content octets of the serial number.
    pub(crate) serial: Vec<u8>,
    pub(crate) version: Version,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    pub(crate) subject_name: Name,
    pub(crate) issuer_name: Name,
    pub(crate) extensions: Known,
}

/// The extensions that are understood.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) basic: Option<BasicConstraints>,
    pub(crate) usage: Option<KeyUsage>,
    pub(crate) purposes: Option<Purposes>,
    pub(crate) alternative_names: Vec<GeneralName>,
    pub(crate) constraints: Option<NameConstraints>,
    pub(crate) key_id: Option<Vec<u8>>,
    /// The first critical extension that is not understood.
    pub(crate) unknown_critical: Option<ObjectIdentifier>,
}

/// An extended key usage.
#[derive(Debug, Clone)]
pub(crate) struct Purposes {
    pub(crate) critical: bool,
    pub(crate) list: Vec<ObjectIdentifier>,
}

impl Certificate {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CertificateProblem> {
        if der.len() > LIMIT {
            return Err(CertificateProblem::TooLarge { size: der.len(), limit: LIMIT });
        }
        let outer = Signed::parse(der)?;
        let body = TbsCertificate::from_der(&outer.content)?;
        // Two encodings of one certificate are what makes two programs read two certificates.
        if body.to_der()? != outer.content {
            return Err(malformed("it is not in the one form that DER allows"));
        }
        let fields = Fields::read(&outer.content)?;
        if fields.algorithm != outer.algorithm {
            return Err(CertificateProblem::AlgorithmMismatch);
        }
        if body.version() != Version::V3 && body.extensions().is_some() {
            return Err(malformed("it has extensions, and is not of version 3"));
        }
        let extensions = Known::read(body.extensions().map_or(&[], Vec::as_slice))?;
        Ok(Self {
            der: der.to_vec(),
            algorithm: outer.algorithm,
            signature: outer.signature,
            issuer: fields.issuer,
            subject: fields.subject,
            spki: fields.spki,
            serial: body.serial_number().as_bytes().to_vec(),
            version: body.version(),
            not_before: body.validity().not_before.to_system_time(),
            not_after: body.validity().not_after.to_system_time(),
            subject_name: body.subject().clone(),
            issuer_name: body.issuer().clone(),
            extensions,
            tbs: outer.content,
        })
    }

    /// Whether `issuer` signed this, by its key alone: names and rules are another matter.
    pub(crate) fn is_signed_by(&self, issuer: &Self) -> Result<(), CertificateProblem> {
        let algorithm = SignatureAlgorithm::read(&self.algorithm)?;
        let key = IssuerKey::read(&issuer.spki)?;
        key.verify(algorithm, &self.tbs, &self.signature)
            .ok_or_else(|| CertificateProblem::Signature { issuer: shown(&issuer.subject_name) })
    }

    /// Subject and issuer have the same name. That the key is the same, too, is not said by it.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    pub(crate) fn fingerprint(&self) -> Sha256Digest {
        Sha256Digest::of(&self.der)
    }

    /// The subject, safe for a terminal.
    pub(crate) fn shown(&self) -> String {
        shown(&self.subject_name)
    }
}

impl Known {
    fn read(all: &[Extension]) -> Result<Self, CertificateProblem> {
        refuse_duplicates(all)?;
        let mut known = Self::default();
        for Extension { extn_id, critical, extn_value } in all {
            let value = extn_value.as_bytes();
            match *extn_id {
                BASIC_CONSTRAINTS => known.basic = Some(canonical(value)?),
                KEY_USAGE => known.usage = Some(canonical(value)?),
                EXTENDED_KEY_USAGE => {
                    let list = canonical::<ExtendedKeyUsage>(value)?.0;
                    known.purposes = Some(Purposes { critical: *critical, list });
                }
                SUBJECT_ALT_NAME => known.alternative_names = canonical::<SubjectAltName>(value)?.0,
                NAME_CONSTRAINTS => known.constraints = Some(canonical(value)?),
                SUBJECT_KEY_ID => {
                    let octets = AnyRef::from_der(value)?;
                    octets.tag().assert_eq(Tag::OctetString)?;
                    known.key_id = Some(octets.value().to_vec());
                    if *critical {
                        known.unknown_critical.get_or_insert(*extn_id);
                    }
                }
                other if *critical => {
                    known.unknown_critical.get_or_insert(other);
                }
                _ => {}
            }
        }
        Ok(known)
    }
}

/// Refuses a list in which an extension stands twice: two readers would take different ones.
pub(super) fn refuse_duplicates(all: &[Extension]) -> Result<(), CertificateProblem> {
    let mut seen = HashSet::new();
    match all.iter().find(|extension| !seen.insert(extension.extn_id)) {
        Some(again) => Err(CertificateProblem::DuplicateExtension { oid: again.extn_id.to_string() }),
        None => Ok(()),
    }
}

/// A value that is written as it would be written anew.
fn canonical<'a, T>(value: &'a [u8]) -> Result<T, CertificateProblem>
where
    T: Decode<'a, Error = der::Error> + Encode,
{
    let read = T::from_der(value)?;
    if read.to_der()? == value {
        Ok(read)
    } else {
        Err(malformed("an extension is not in the one form that DER allows"))
    }
}

/// What certificates and revocation lists have in common: content, algorithm, signature.
pub(super) struct Signed {
    /// What is signed, in DER.
    pub(super) content: Vec<u8>,
    /// The `AlgorithmIdentifier`, in DER.
    pub(super) algorithm: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl Signed {
    pub(super) fn parse(der: &[u8]) -> Result<Self, der::Error> {
        AnyRef::from_der(der)?.sequence(|reader| {
            let content = raw(reader)?;
            let algorithm = raw(reader)?;
            let signature: BitStringRef<'_> = reader.decode()?;
            let signature =
                signature.as_bytes().ok_or_else(|| Tag::BitString.value_error().to_error())?.to_vec();
            Ok(Self { content, algorithm, signature })
        })
    }
}

/// The fields of a certificate that are compared byte for byte.
struct Fields {
    algorithm: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    spki: Vec<u8>,
}

impl Fields {
    fn read(tbs: &[u8]) -> Result<Self, der::Error> {
        AnyRef::from_der(tbs)?.sequence(|reader| {
            const VERSION: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
            if Tag::peek(reader)? == VERSION {
                raw(reader)?;
            }
            let _serial = raw(reader)?;
            let algorithm = raw(reader)?;
            let issuer = raw(reader)?;
            let _validity = raw(reader)?;
            let fields = Self { algorithm, issuer, subject: raw(reader)?, spki: raw(reader)? };
            while !reader.is_finished() {
                raw(reader)?;
            }
            Ok(fields)
        })
    }
}

/// The next value with its tag and length, as it stands there: DER has one way to write a length.
pub(crate) fn raw(reader: &mut SliceReader<'_>) -> Result<Vec<u8>, der::Error> {
    AnyRef::decode(reader)?.to_der()
}

fn malformed(detail: &str) -> CertificateProblem {
    CertificateProblem::Malformed { detail: detail.to_owned() }
}

impl From<der::Error> for CertificateProblem {
    fn from(error: der::Error) -> Self {
        Self::Malformed { detail: error.to_string() }
    }
}
