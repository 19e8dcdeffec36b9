//! Names as texts: subjects as RFC 4514 writes them, subject alternative names as they stand.

use std::fmt::Write as _;

use lacre_manifest::escape;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, Ia5StringRef, ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Encode, Tag, Tagged};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

/// The short names that are written: those of RFC 4514, section 3, and four that certificates of companies and people
/// have and everybody knows by these names. Every other type is written as its number.
const TYPES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.97", "organizationIdentifier"),
];

/// What kind of name a subject alternative name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SanKind {
    /// A DNS name.
    Dns,
    /// An e-mail address (RFC 822).
    Email,
    /// A URI.
    Uri,
}

/// A subject alternative name of a verified certificate (RFC 5280, section 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct San {
    /// Its kind.
    pub kind: SanKind,
    /// Its text, exactly as certified. Not yet safe for a terminal.
    pub value: String,
}

impl San {
    /// The names among `names` that are texts; the others (addresses, other names) identify nobody here.
    pub(super) fn among(names: &[GeneralName]) -> Vec<Self> {
        let texts = names.iter().filter_map(|name| match name {
            GeneralName::DnsName(text) => Some((SanKind::Dns, text)),
            GeneralName::Rfc822Name(text) => Some((SanKind::Email, text)),
            GeneralName::UniformResourceIdentifier(text) => Some((SanKind::Uri, text)),
            _ => None,
        });
        texts.map(|(kind, text)| Self { kind, value: text.as_str().to_owned() }).collect()
    }
}

/// A name as RFC 4514 writes it, last part first.
pub(super) fn rfc4514(name: &Name) -> String {
    let parts: Vec<&x509_cert::name::RelativeDistinguishedName> = name.iter_rdn().collect();
    let mut text = String::new();
    for (number, part) in parts.into_iter().rev().enumerate() {
        if number > 0 {
            text.push(',');
        }
        for (number, attribute) in part.iter().enumerate() {
            if number > 0 {
                text.push('+');
            }
            write_attribute(&mut text, attribute);
        }
    }
    text
}

/// A name for an error or a report, safe for a terminal.
pub(super) fn shown(name: &Name) -> String {
    // The backslashes of RFC 4514 stay single where nothing hides behind them.
    let text = if name.is_empty() { "(no subject)".to_owned() } else { rfc4514(name) };
    format!("\"{}\"", escape(&text))
}

fn write_attribute(text: &mut String, AttributeTypeAndValue { oid, value }: &AttributeTypeAndValue) {
    match (short_name(oid), string_of(value)) {
        (Some(short), Some(string)) => {
            text.push_str(short);
            text.push('=');
            write_escaped(text, string);
        }
        (Some(short), None) => write_hex(text, short, value),
        (None, _) => write_hex(text, &oid.to_string(), value),
    }
}

fn short_name(oid: &ObjectIdentifier) -> Option<&'static str> {
    let number = oid.to_string();
    TYPES.iter().find(|(known, _)| *known == number).map(|(_, short)| *short)
}

/// The text of a value, if it is of a type whose characters are certain.
pub(super) fn string_of(value: &Any) -> Option<&str> {
    match value.tag() {
        Tag::Utf8String => Utf8StringRef::try_from(value).ok().map(|text| text.as_str()),
        Tag::PrintableString => PrintableStringRef::try_from(value).ok().map(|text| text.as_str()),
        Tag::Ia5String => Ia5StringRef::try_from(value).ok().map(|text| text.as_str()),
        _ => None,
    }
}

/// RFC 4514, section 2.4.
fn write_escaped(text: &mut String, string: &str) {
    let last = string.char_indices().next_back().map_or(0, |(at, _)| at);
    for (at, character) in string.char_indices() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', character]),
            '#' if at == 0 => text.push_str("\\#"),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            control if control.is_ascii_control() => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\{:02X}", u32::from(control));
            }
            plain => text.push(plain),
        }
    }
}

fn write_hex(text: &mut String, name: &str, value: &Any) {
    text.push_str(name);
    text.push_str("=#");
    for byte in value.to_der().unwrap_or_default() {
        let _ = write!(text, "{byte:02X}");
    }
}
