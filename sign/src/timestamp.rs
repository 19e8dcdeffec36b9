//! RFC 3161 timestamps: a service's word that a signature existed at a time.
//!
//! Whether a service is to be believed is decided where the timestamp is verified. What is checked here, before
//! anything is written, is that the answer is one to this question.

use std::time::{SystemTime, UNIX_EPOCH};

use lacre_hash::Sha256Digest;
use lacre_manifest::escape;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{DateTime, Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

use crate::SignError;

/// The longest answer of a service, in bytes.
pub(crate) const ANSWER_LIMIT: usize = 64 * 1024;

/// `id-signedData` (RFC 5652, section 5.1).
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `id-ct-TSTInfo` (RFC 3161, section 2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// `id-sha256` (RFC 5754, section 2.2).
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// The same as an `AlgorithmIdentifier` in DER, with the parameters NULL that older services insist on.
const SHA256_ALGORITHM: [u8; 15] = [0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0];

/// A timestamp that answers a [`TimestampQuery`]. Its signature is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    response: Vec<u8>,
    time: SystemTime,
}

impl Timestamp {
    /// The whole `TimeStampResp` in DER, as bundles carry it.
    pub fn response(&self) -> &[u8] {
        &self.response
    }

    /// The time that it states, in whole seconds.
    pub fn time(&self) -> SystemTime {
        self.time
    }
}

/// A question to a timestamp authority: SHA-256 of the signature, and a number that the answer must repeat.
#[derive(Debug, Clone)]
pub struct TimestampQuery {
    imprint: Sha256Digest,
    nonce: u64,
}

impl TimestampQuery {
    /// The question for `signature`, the bytes that stand in the DSSE envelope.
    pub fn new(signature: &[u8]) -> Result<Self, SignError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| SignError::Random { detail: error.to_string() })?;
        Ok(Self::with_nonce(signature, u64::from_be_bytes(random)))
    }

    /// The same with a nonce that is not random; its highest bit is not used.
    pub fn with_nonce(signature: &[u8], nonce: u64) -> Self {
        // Positive in eight bytes, for services that read a signed number.
        Self { imprint: Sha256Digest::of(signature), nonce: nonce >> 1 }
    }

    /// `TimeStampReq` in DER (RFC 3161, section 2.4.1), with `certReq`: who verifies has the service's root at most.
    pub fn to_der(&self) -> Vec<u8> {
        let imprint = sequence(&[&SHA256_ALGORITHM, &element(0x04, self.imprint.as_bytes())]);
        sequence(&[&[2, 1, 1], &imprint, &element(0x02, &integer(self.nonce)), &[1, 1, 0xff]])
    }

    /// Takes an answer, if it is one to this question: granted, over the same imprint, with the same nonce, and with
    /// the certificates that were asked for.
    ///
    /// The error says in a few words what the service did instead.
    pub fn accept(&self, response: &[u8]) -> Result<Timestamp, String> {
        if response.len() > ANSWER_LIMIT {
            return Err(format!("answered with more than {ANSWER_LIMIT} bytes"));
        }
        let malformed = || "answered with something that is no timestamp in DER".to_owned();
        let answer = AnyRef::from_der(response).map_err(|_| malformed())?;
        let answer = children(answer, Tag::Sequence).ok_or_else(malformed)?;
        let (status, token) = match answer.as_slice() {
            [status] => (*status, None),
            [status, token] => (*status, Some(*token)),
            _ => return Err(malformed()),
        };
        granted(status).ok_or_else(malformed)??;
        let info = signed_info(token.ok_or_else(malformed)?).ok_or_else(malformed)?;
        if !info.has_certificates {
            return Err("left out its certificates, without which nobody can verify the timestamp".to_owned());
        }
        if info.algorithm != SHA256 || info.imprint != self.imprint.as_bytes() {
            return Err("stamped something else than it was asked to".to_owned());
        }
        if info.nonce != Some(self.nonce) {
            return Err("answered another question: its nonce is not ours".to_owned());
        }
        Ok(Timestamp { response: response.to_vec(), time: info.time })
    }
}

/// What counts in a token.
struct Info<'a> {
    algorithm: ObjectIdentifier,
    imprint: &'a [u8],
    nonce: Option<u64>,
    time: SystemTime,
    has_certificates: bool,
}

/// `PKIStatusInfo` (RFC 3161, section 2.4.2): granted, or why not. `None` if it is none.
fn granted(status: AnyRef<'_>) -> Option<Result<(), String>> {
    let members = children(status, Tag::Sequence)?;
    let code = members.first()?.decode_as::<u32>().ok()?;
    if code <= 1 {
        return Some(Ok(()));
    }
    let words: Vec<String> = members
        .get(1)
        .and_then(|texts| children(*texts, Tag::Sequence))
        .unwrap_or_default()
        .iter()
        .filter_map(|text| text.decode_as::<String>().ok())
        .map(|text| escape(&text))
        .collect();
    let words = words.join(" ");
    let words: String = words.chars().take(200).collect();
    Some(Err(if words.is_empty() {
        format!("refused (PKIStatus {code})")
    } else {
        format!("refused (PKIStatus {code}): {words}")
    }))
}

/// `ContentInfo` with `SignedData` (RFC 5652, sections 3 and 5.1) over `TSTInfo`.
fn signed_info(token: AnyRef<'_>) -> Option<Info<'_>> {
    let content = children(token, Tag::Sequence)?;
    let [kind, wrapped] = content.as_slice() else { return None };
    if kind.decode_as::<ObjectIdentifier>().ok()? != SIGNED_DATA {
        return None;
    }
    let signed = children(only(*wrapped)?, Tag::Sequence)?;
    let [_version, _digests, encapsulated, rest @ ..] = signed.as_slice() else { return None };
    let has_certificates = rest.iter().any(|member| member.tag() == context(0));
    let encapsulated = children(*encapsulated, Tag::Sequence)?;
    let [kind, wrapped] = encapsulated.as_slice() else { return None };
    if kind.decode_as::<ObjectIdentifier>().ok()? != TST_INFO {
        return None;
    }
    let octets = only(*wrapped)?;
    if octets.tag() != Tag::OctetString {
        return None;
    }
    let info = children(AnyRef::from_der(octets.value()).ok()?, Tag::Sequence)?;
    let [_version, _policy, imprint, _serial, time, optional @ ..] = info.as_slice() else { return None };
    let imprint = children(*imprint, Tag::Sequence)?;
    let [algorithm, digest] = imprint.as_slice() else { return None };
    if digest.tag() != Tag::OctetString {
        return None;
    }
    let nonce = optional.iter().find(|member| member.tag() == Tag::Integer);
    Some(Info {
        algorithm: children(*algorithm, Tag::Sequence)?.first()?.decode_as().ok()?,
        imprint: digest.value(),
        // One that does not fit is not ours.
        nonce: nonce.and_then(|nonce| nonce.decode_as().ok()),
        time: generalized_time(*time)?,
        has_certificates,
    })
}

/// `GeneralizedTime` with or without a fraction of a second, which is dropped (RFC 3161, section 2.4.2).
fn generalized_time(time: AnyRef<'_>) -> Option<SystemTime> {
    if time.tag() != Tag::GeneralizedTime {
        return None;
    }
    let text = std::str::from_utf8(time.value()).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let two = |at: usize| whole[at..at + 2].parse::<u8>().ok();
    let year = whole[..4].parse().ok()?;
    let moment = DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?).ok()?;
    UNIX_EPOCH.checked_add(moment.unix_duration())
}

/// The members of a constructed value; `None` if it has another tag or is not DER.
fn children(value: AnyRef<'_>, tag: Tag) -> Option<Vec<AnyRef<'_>>> {
    if value.tag() != tag {
        return None;
    }
    let mut reader = SliceReader::new(value.value()).ok()?;
    let mut members = Vec::new();
    while !reader.is_finished() {
        members.push(reader.decode().ok()?);
    }
    Some(members)
}

/// What stands in the explicit tag of number 0.
fn only(value: AnyRef<'_>) -> Option<AnyRef<'_>> {
    match children(value, context(0))?.as_slice() {
        [member] => Some(*member),
        _ => None,
    }
}

const fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

/// An element of less than 128 bytes in DER.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    debug_assert!(length < 0x80, "a query is short");
    [&[tag, length], value].concat()
}

fn sequence(members: &[&[u8]]) -> Vec<u8> {
    element(0x30, &members.concat())
}

/// The value of a positive INTEGER: as few bytes as hold it and its sign.
fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let mut value = bytes[first..].to_vec();
    if value[0] & 0x80 != 0 {
        value.insert(0, 0);
    }
    value
}
