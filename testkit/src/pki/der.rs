//! DER written by hand, so that it can say what no program would write.

use p256::pkcs8::ObjectIdentifier;

/// One value: tag, length, content.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(u8::try_from(length).unwrap()),
        0x80..0x100 => out.extend([0x81, u8::try_from(length).unwrap()]),
        0x100..0x1_0000 => {
            out.extend([0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 0xff).unwrap()]);
        }
        _ => {
            let bytes = u32::try_from(length).unwrap().to_be_bytes();
            out.push(0x84);
            out.extend(bytes);
        }
    }
    out.extend(content);
    out
}

/// `SEQUENCE`.
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

/// `SET OF`, in the order that DER wants.
pub fn set(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    value(0x31, &parts.concat())
}

/// `[number] EXPLICIT`, or a constructed `IMPLICIT` one.
pub fn context(number: u8, content: &[u8]) -> Vec<u8> {
    value(0xa0 | number, content)
}

/// `OBJECT IDENTIFIER`.
pub fn oid(text: &str) -> Vec<u8> {
    value(0x06, ObjectIdentifier::new_unwrap(text).as_bytes())
}

/// `INTEGER` that is not negative.
pub fn integer(number: u64) -> Vec<u8> {
    unsigned(&number.to_be_bytes())
}

/// `INTEGER` that is not negative, of any length.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    value(0x02, &bytes)
}

/// `BOOLEAN`.
pub fn boolean(truth: Truth) -> Vec<u8> {
    value(
        0x01,
        &[match truth {
            Truth::True => 0xff,
            Truth::False => 0x00,
        }],
    )
}

/// What a `BOOLEAN` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// `TRUE`
    True,
    /// `FALSE`
    False,
}

/// `OCTET STRING`.
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    value(0x04, bytes)
}

/// `BIT STRING` of whole bytes.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    value(0x03, &[&[0], bytes].concat())
}

/// `NULL`.
pub fn null() -> Vec<u8> {
    value(0x05, &[])
}

/// `UTF8String`.
pub fn utf8(text: &str) -> Vec<u8> {
    value(0x0c, text.as_bytes())
}

/// `Name` with one common name.
pub fn name(common: &str) -> Vec<u8> {
    named(&[("2.5.4.3", utf8(common))])
}

/// `Name` of these attributes, each in a part of its own.
pub fn named(attributes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> =
        attributes.iter().map(|(kind, text)| set(vec![sequence(&[oid(kind), text.clone()])])).collect();
    sequence(&parts)
}

/// Time of a certificate or a list (RFC 5280, section 4.1.2.5): `UTCTime` until 2049. The text is `YYYYMMDDhhmmssZ`.
pub fn time(text: &str) -> Vec<u8> {
    assert_eq!(text.len(), 15, "{text}");
    if ("1950".."2050").contains(&text) { value(0x17, &text.as_bytes()[2..]) } else { generalized(text) }
}

/// `GeneralizedTime`.
pub fn generalized(text: &str) -> Vec<u8> {
    value(0x18, text.as_bytes())
}

/// One PEM block (RFC 7468).
pub fn pem(label: &str, content: &[u8]) -> String {
    p256::pkcs8::der::pem::encode_string(label, p256::pkcs8::LineEnding::LF, content).unwrap()
}

/// The moment that `YYYYMMDDhhmmssZ` names.
pub fn moment(text: &str) -> std::time::SystemTime {
    assert!(text.len() == 15 && text.ends_with('Z'), "{text}");
    let number = |from: usize, to: usize| text[from..to].parse::<u64>().unwrap();
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (year, month) = (number(0, 4), number(4, 6));
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum::<u64>()
        + lengths[..usize::try_from(month).unwrap() - 1].iter().sum::<u64>()
        + number(6, 8)
        - 1;
    let seconds = ((days * 24 + number(8, 10)) * 60 + number(10, 12)) * 60 + number(12, 14);
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
}

/// What the one PEM block of a text holds.
pub fn unpem(text: &str) -> Vec<u8> {
    p256::pkcs8::der::pem::decode_vec(text.as_bytes()).unwrap().1
}
