//! The token itself: CMS `SignedData` (RFC 5652) around `TSTInfo` (RFC 3161), read strictly.

use std::time::{Duration, SystemTime};

use x509_cert::der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier};
use x509_cert::der::{
    self, Decode, DecodeValue, Encode, Length, Reader, SliceReader, Tag, TagNumber, Tagged,
};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierRef;

use crate::signature::certificate::{
    Certificate, Hash, IssuerKey, SignatureAlgorithm, TimestampProblem, raw,
};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = oid("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.47");

const fn context(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific { constructed, number: TagNumber(number) }
}

/// A token that is well-formed, covers its content, and is of a time. Nothing in it is believed yet.
pub(super) struct Token {
    time: SystemTime,
    imprint_hash: Hash,
    imprint: Vec<u8>,
    embedded: Vec<Vec<u8>>,
    signer: SignerId,
    /// The first `ESSCertIDv2`: hash and digest of the signer's certificate.
    signer_hash: Hash,
    signer_digest: Vec<u8>,
    /// The signed attributes as they are signed: as a SET (RFC 5652, section 5.4).
    attributes: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
}

/// How a token names the certificate of its signer, unsigned.
pub(super) enum SignerId {
    IssuerAndSerial { issuer: Vec<u8>, serial: Vec<u8> },
    KeyId(Vec<u8>),
}

impl Token {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, TimestampProblem> {
        let content_info = granted(bytes)?;
        let signed_data = content_info
            .sequence(|reader| {
                let kind: ObjectIdentifier = reader.decode()?;
                let content = AnyRef::decode(reader)?;
                content.tag().assert_eq(context(0, true))?;
                Ok::<_, der::Error>((kind == SIGNED_DATA).then_some(content))
            })
            .map_err(malformed)?
            .ok_or(TimestampProblem::Malformed { detail: "it is not signed data" })?;
        let parts = SignedData::read(signed_data.value()).map_err(malformed)?;
        if parts.content_type != TST_INFO {
            return Err(TimestampProblem::Malformed { detail: "what is signed is no timestamp" });
        }
        let [signer] = parts.signers.as_slice() else {
            return Err(TimestampProblem::Malformed { detail: "it has not exactly one signer" });
        };
        let signer = SignerInfo::read(*signer)?;
        let info = TstInfo::read(parts.content)?;
        if signer.content_type != TST_INFO || signer.hash.of(parts.content) != signer.message_digest {
            return Err(TimestampProblem::Malformed {
                detail: "its signed attributes are of another content",
            });
        }
        Ok(Self {
            time: info.time,
            imprint_hash: info.hash,
            imprint: info.imprint,
            embedded: parts.certificates,
            signer: signer.id,
            signer_hash: signer.certificate_hash,
            signer_digest: signer.certificate_digest,
            attributes: signer.attributes,
            algorithm: signer.algorithm,
            signature: signer.signature,
        })
    }

    pub(super) fn time(&self) -> SystemTime {
        self.time
    }

    pub(super) fn is_of(&self, over: &[u8]) -> bool {
        self.imprint_hash.of(over) == self.imprint
    }

    /// The certificates that lie in the token. Those of other kinds than X.509 are skipped.
    pub(super) fn certificates(&self, limit: usize) -> Result<Vec<Certificate>, TimestampProblem> {
        if self.embedded.len() > limit {
            return Err(TimestampProblem::Malformed { detail: "it holds too many certificates" });
        }
        // One that cannot be read cannot be the signer's; another authority's may be of a form that is refused.
        Ok(self.embedded.iter().filter_map(|der| Certificate::parse(der).ok()).collect())
    }

    /// Whether the token names this certificate as that of its signer.
    pub(super) fn is_signer(&self, certificate: &Certificate) -> bool {
        match &self.signer {
            SignerId::IssuerAndSerial { issuer, serial } => {
                *issuer == certificate.issuer && *serial == certificate.serial
            }
            SignerId::KeyId(id) => certificate.extensions.key_id.as_ref() == Some(id),
        }
    }

    /// Whether the signed attributes name this very certificate.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        self.signer_hash.of(&certificate.der) == self.signer_digest
    }

    pub(super) fn verify(&self, signer: &Certificate) -> Result<(), TimestampProblem> {
        IssuerKey::read(&signer.spki)
            .ok()
            .and_then(|key| key.verify(self.algorithm, &self.attributes, &self.signature))
            .ok_or_else(|| TimestampProblem::Signature { authority: signer.shown() })
    }
}

/// The token of a `TimeStampResp` that grants one, or the token that stands alone.
fn granted(bytes: &[u8]) -> Result<AnyRef<'_>, TimestampProblem> {
    let whole = AnyRef::from_der(bytes).map_err(malformed)?;
    let (status, token) = whole
        .sequence(|reader| {
            let first = AnyRef::decode(reader)?;
            if first.tag() == Tag::ObjectIdentifier {
                AnyRef::decode(reader)?;
                return Ok((0, Some(whole)));
            }
            let status: u8 = first.sequence(|reader| {
                let status = reader.decode()?;
                rest(reader)?;
                Ok::<_, der::Error>(status)
            })?;
            let token = if reader.is_finished() { None } else { Some(AnyRef::decode(reader)?) };
            Ok::<_, der::Error>((status, token))
        })
        .map_err(malformed)?;
    match (status, token) {
        // granted, grantedWithMods
        (0 | 1, Some(token)) => Ok(token),
        (0 | 1, None) => Err(TimestampProblem::Malformed { detail: "it grants a timestamp, and holds none" }),
        (status, _) => Err(TimestampProblem::NotGranted { status }),
    }
}

/// `SignedData` (RFC 5652, section 5.1).
struct SignedData<'a> {
    content_type: ObjectIdentifier,
    content: &'a [u8],
    certificates: Vec<Vec<u8>>,
    signers: Vec<AnyRef<'a>>,
}

impl<'a> SignedData<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, der::Error> {
        AnyRef::from_der(bytes)?.sequence(|reader| {
            let _version: u8 = reader.decode()?;
            AnyRef::decode(reader)?.tag().assert_eq(Tag::Set)?;
            let (content_type, content) = AnyRef::decode(reader)?.sequence(|reader| {
                let kind: ObjectIdentifier = reader.decode()?;
                let outer = AnyRef::decode(reader)?;
                outer.tag().assert_eq(context(0, true))?;
                let inner = AnyRef::from_der(outer.value())?;
                inner.tag().assert_eq(Tag::OctetString)?;
                Ok::<_, der::Error>((kind, inner.value()))
            })?;
            let mut certificates = Vec::new();
            let mut next = AnyRef::decode(reader)?;
            if next.tag() == context(0, true) {
                for certificate in members(next.value())? {
                    if certificate.tag() == Tag::Sequence {
                        certificates.push(certificate.to_der()?);
                    }
                }
                next = AnyRef::decode(reader)?;
            }
            if next.tag() == context(1, true) {
                next = AnyRef::decode(reader)?;
            }
            next.tag().assert_eq(Tag::Set)?;
            Ok(Self { content_type, content, certificates, signers: members(next.value())? })
        })
    }
}

/// `SignerInfo` (RFC 5652, section 5.3) with the signed attributes that RFC 3161 and 5816 demand, each exactly once.
struct SignerInfo {
    id: SignerId,
    hash: Hash,
    attributes: Vec<u8>,
    content_type: ObjectIdentifier,
    message_digest: Vec<u8>,
    certificate_hash: Hash,
    certificate_digest: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
}

impl SignerInfo {
    fn read(info: AnyRef<'_>) -> Result<Self, TimestampProblem> {
        let (id, hash, attributes, algorithm, signature) = info
            .sequence(|reader| {
                let _version: u8 = reader.decode()?;
                let id = SignerId::read(AnyRef::decode(reader)?)?;
                let hash: AlgorithmIdentifierRef<'_> = reader.decode()?;
                let attributes = AnyRef::decode(reader)?;
                attributes.tag().assert_eq(context(0, true))?;
                let algorithm: AlgorithmIdentifierRef<'_> = reader.decode()?;
                let signature = AnyRef::decode(reader)?;
                signature.tag().assert_eq(Tag::OctetString)?;
                // Unsigned attributes say nothing.
                if !reader.is_finished() {
                    AnyRef::decode(reader)?.tag().assert_eq(context(1, true))?;
                }
                Ok::<_, der::Error>((id, hash, attributes, algorithm, signature.value().to_vec()))
            })
            .map_err(malformed)?;
        let hash = hash_of(hash)?;
        let algorithm = SignatureAlgorithm::of_cms(algorithm, hash)
            .ok_or_else(|| TimestampProblem::Algorithm { oid: algorithm.oid.to_string() })?;
        let content_type = attribute(attributes, CONTENT_TYPE)?
            .and_then(|value| value.decode_as::<ObjectIdentifier>().ok())
            .ok_or(TimestampProblem::Malformed { detail: "its content type is not signed" })?;
        let message_digest = attribute(attributes, MESSAGE_DIGEST)?
            .filter(|value| value.tag() == Tag::OctetString)
            .ok_or(TimestampProblem::Malformed { detail: "its content is not signed" })?
            .value()
            .to_vec();
        let (certificate_hash, certificate_digest) =
            certificate_id(attribute(attributes, SIGNING_CERTIFICATE_V2)?)?;
        let attributes = AnyRef::new(Tag::Set, attributes.value())
            .and_then(|attributes| attributes.to_der())
            .map_err(malformed)?;
        Ok(Self {
            id,
            hash,
            attributes,
            content_type,
            message_digest,
            certificate_hash,
            certificate_digest,
            algorithm,
            signature,
        })
    }
}

impl SignerId {
    fn read(id: AnyRef<'_>) -> Result<Self, der::Error> {
        if id.tag() == context(0, false) {
            return Ok(Self::KeyId(id.value().to_vec()));
        }
        id.sequence(|reader| {
            let issuer = raw(reader)?;
            let serial: SerialNumber = reader.decode()?;
            Ok(Self::IssuerAndSerial { issuer, serial: serial.as_bytes().to_vec() })
        })
    }
}

/// The one value of a signed attribute. One that stands twice, or has several values, is refused: two readers would
/// take different ones.
fn attribute(
    attributes: AnyRef<'_>,
    wanted: ObjectIdentifier,
) -> Result<Option<AnyRef<'_>>, TimestampProblem> {
    let mut found = None;
    for attribute in members(attributes.value()).map_err(malformed)? {
        let (kind, values) = attribute
            .sequence(|reader| {
                let kind: ObjectIdentifier = reader.decode()?;
                let values = AnyRef::decode(reader)?;
                values.tag().assert_eq(Tag::Set)?;
                Ok::<_, der::Error>((kind, members(values.value())?))
            })
            .map_err(malformed)?;
        if kind == wanted {
            let [value] = values.as_slice() else {
                return Err(TimestampProblem::Malformed {
                    detail: "a signed attribute has not exactly one value",
                });
            };
            if found.replace(*value).is_some() {
                return Err(TimestampProblem::Malformed { detail: "a signed attribute stands twice" });
            }
        }
    }
    Ok(found)
}

/// The first certificate of `SigningCertificateV2` (RFC 5035, section 3), which is the signer's.
fn certificate_id(value: Option<AnyRef<'_>>) -> Result<(Hash, Vec<u8>), TimestampProblem> {
    let value = value.ok_or(TimestampProblem::WrongCertificate)?;
    let (algorithm, digest) = value
        .sequence(|reader| {
            let first = AnyRef::decode(reader)?.sequence(|reader| {
                let first = AnyRef::decode(reader)?;
                rest(reader)?;
                Ok::<_, der::Error>(first)
            })?;
            rest(reader)?;
            first.sequence(|reader| {
                let mut field = AnyRef::decode(reader)?;
                let mut algorithm = None;
                if field.tag() == Tag::Sequence {
                    algorithm = Some(AlgorithmIdentifierRef::decode_value(
                        &mut SliceReader::new(field.value())?,
                        field.header(),
                    )?);
                    field = AnyRef::decode(reader)?;
                }
                field.tag().assert_eq(Tag::OctetString)?;
                rest(reader)?;
                Ok::<_, der::Error>((algorithm, field.value().to_vec()))
            })
        })
        .map_err(malformed)?;
    // SHA-256 unless said otherwise.
    Ok((algorithm.map_or(Ok(Hash::Sha256), hash_of)?, digest))
}

/// `TSTInfo` (RFC 3161, section 2.4.2).
struct TstInfo {
    hash: Hash,
    imprint: Vec<u8>,
    time: SystemTime,
}

impl TstInfo {
    fn read(bytes: &[u8]) -> Result<Self, TimestampProblem> {
        let (version, imprint, time, has_critical) = AnyRef::from_der(bytes)
            .and_then(|info| {
                info.sequence(|reader| {
                    let version: u8 = reader.decode()?;
                    let _policy: ObjectIdentifier = reader.decode()?;
                    let imprint = AnyRef::decode(reader)?;
                    AnyRef::decode(reader)?.tag().assert_eq(Tag::Integer)?;
                    let time = AnyRef::decode(reader)?;
                    let mut has_critical = false;
                    while !reader.is_finished() {
                        let field = AnyRef::decode(reader)?;
                        if field.tag() == context(1, true) {
                            has_critical |= holds_critical(field)?;
                        }
                    }
                    Ok::<_, der::Error>((version, imprint, time, has_critical))
                })
            })
            .map_err(malformed)?;
        if version != 1 {
            return Err(TimestampProblem::Malformed { detail: "it is not of version 1" });
        }
        if has_critical {
            return Err(TimestampProblem::Malformed { detail: "it has a critical extension" });
        }
        let (algorithm, imprint) = imprint
            .sequence(|reader| {
                let algorithm: AlgorithmIdentifierRef<'_> = reader.decode()?;
                let imprint = AnyRef::decode(reader)?;
                imprint.tag().assert_eq(Tag::OctetString)?;
                Ok::<_, der::Error>((algorithm, imprint.value().to_vec()))
            })
            .map_err(malformed)?;
        let time = moment(time).ok_or(TimestampProblem::Malformed { detail: "its time is malformed" })?;
        Ok(Self { hash: hash_of(algorithm)?, imprint, time })
    }
}

fn holds_critical(extensions: AnyRef<'_>) -> Result<bool, der::Error> {
    let mut found = false;
    for extension in members(extensions.value())? {
        let extension: x509_cert::ext::Extension = Decode::from_der(&extension.to_der()?)?;
        found |= extension.critical;
    }
    Ok(found)
}

/// `GeneralizedTime`, UTC, with a fraction of a second or without one (RFC 3161, section 2.4.2).
fn moment(value: AnyRef<'_>) -> Option<SystemTime> {
    const WHOLE: usize = 14;
    (value.tag() == Tag::GeneralizedTime).then_some(())?;
    let (whole, rest) = value.value().split_at_checked(WHOLE)?;
    let fraction = match rest.strip_suffix(b"Z")? {
        [] => Duration::ZERO,
        // DER: no point without digits, no zero at the end.
        [b'.', digits @ .., last @ b'1'..=b'9']
            if digits.len() < 9 && digits.iter().all(u8::is_ascii_digit) =>
        {
            let written =
                digits.iter().chain([last]).fold(0, |sum: u32, digit| sum * 10 + u32::from(digit - b'0'));
            let missing = u32::try_from(8 - digits.len()).ok()?;
            Duration::from_nanos(u64::from(written) * 10_u64.pow(missing))
        }
        _ => return None,
    };
    let seconds = [whole, b"Z"].concat();
    let header = der::Header::new(Tag::GeneralizedTime, Length::try_from(seconds.len()).ok()?);
    let time = GeneralizedTime::decode_value(&mut SliceReader::new(&seconds).ok()?, header).ok()?;
    Some(time.to_system_time() + fraction)
}

fn hash_of(algorithm: AlgorithmIdentifierRef<'_>) -> Result<Hash, TimestampProblem> {
    Hash::named(algorithm).ok_or_else(|| TimestampProblem::Algorithm { oid: algorithm.oid.to_string() })
}

/// The members of a SET or a SEQUENCE, in the order in which they stand there.
fn members(bytes: &[u8]) -> Result<Vec<AnyRef<'_>>, der::Error> {
    let mut reader = SliceReader::new(bytes)?;
    let mut members = Vec::new();
    while !reader.is_finished() {
        members.push(AnyRef::decode(&mut reader)?);
    }
    Ok(members)
}

/// Skips what follows.
fn rest(reader: &mut SliceReader<'_>) -> Result<(), der::Error> {
    while !reader.is_finished() {
        AnyRef::decode(reader)?;
    }
    Ok(())
}

fn malformed(_: der::Error) -> TimestampProblem {
    TimestampProblem::Malformed { detail: "its structure is not that of RFC 3161" }
}
