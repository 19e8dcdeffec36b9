//! Certificates written by hand, with any flaw.

use super::der::{Truth, bits, boolean, context, integer, name, octets, oid, sequence, time, value};
use super::key::TestKey;

/// Extended key usages.
pub mod purpose {
    /// `id-kp-codeSigning`
    pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
    /// `id-kp-serverAuth`
    pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    /// `id-kp-timeStamping`
    pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
    /// `anyExtendedKeyUsage`
    pub const ANY: &str = "2.5.29.37.0";
}

/// Bits of a key usage, as RFC 5280 numbers them.
pub mod usage {
    /// `digitalSignature`
    pub const DIGITAL_SIGNATURE: u8 = 0;
    /// `nonRepudiation`
    pub const NON_REPUDIATION: u8 = 1;
    /// `keyEncipherment`
    pub const KEY_ENCIPHERMENT: u8 = 2;
    /// `keyCertSign`
    pub const KEY_CERT_SIGN: u8 = 5;
    /// `cRLSign`
    pub const CRL_SIGN: u8 = 6;
}

/// An extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ext {
    /// Its object identifier.
    pub oid: String,
    /// Whether it must be understood. Absent stands for `FALSE`, as DER wants.
    pub critical: Option<Truth>,
    /// Its content in DER.
    pub content: Vec<u8>,
}

impl Ext {
    /// Any extension.
    pub fn new(oid: &str, content: Vec<u8>) -> Self {
        Self { oid: oid.to_owned(), critical: None, content }
    }

    /// One that must be understood.
    pub fn critical(mut self) -> Self {
        self.critical = Some(Truth::True);
        self
    }

    /// `basicConstraints` with `CA:TRUE`.
    pub fn authority(path_length: Option<u64>) -> Self {
        let mut parts = vec![boolean(Truth::True)];
        parts.extend(path_length.map(integer));
        Self::new("2.5.29.19", sequence(&parts)).critical()
    }

    /// `basicConstraints` without anything.
    pub fn no_authority() -> Self {
        Self::new("2.5.29.19", sequence(&[])).critical()
    }

    /// `keyUsage` with these bits.
    pub fn usage(numbers: &[u8]) -> Self {
        let set = numbers.iter().fold(0_u8, |set, number| set | (0x80 >> number));
        let content = if set == 0 { vec![0] } else { vec![u8::try_from(set.trailing_zeros()).unwrap(), set] };
        Self::new("2.5.29.15", value(0x03, &content)).critical()
    }

    /// `extendedKeyUsage` with these purposes.
    pub fn purposes(list: &[&str]) -> Self {
        Self::new("2.5.29.37", sequence(&list.iter().map(|purpose| oid(purpose)).collect::<Vec<_>>()))
    }

    /// `subjectAltName`.
    pub fn alternative_names(names: &[Vec<u8>]) -> Self {
        Self::new("2.5.29.17", sequence(names))
    }

    /// `subjectKeyIdentifier`.
    pub fn key_id(id: &[u8]) -> Self {
        Self::new("2.5.29.14", octets(id))
    }

    /// `nameConstraints` of these general names.
    pub fn constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Self {
        let trees = |number, bases: &[Vec<u8>]| {
            let trees: Vec<Vec<u8>> = bases.iter().map(|base| sequence(std::slice::from_ref(base))).collect();
            if trees.is_empty() { Vec::new() } else { context(number, &trees.concat()) }
        };
        Self::new("2.5.29.30", sequence(&[trees(0, permitted), trees(1, excluded)])).critical()
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        let critical = self.critical.map(boolean).unwrap_or_default();
        sequence(&[oid(&self.oid), critical, octets(&self.content)])
    }
}

/// `GeneralName`s.
pub mod general {
    use super::super::der::{context, value};

    /// `dNSName`
    pub fn dns(text: &str) -> Vec<u8> {
        value(0x82, text.as_bytes())
    }

    /// `rfc822Name`
    pub fn email(text: &str) -> Vec<u8> {
        value(0x81, text.as_bytes())
    }

    /// `uniformResourceIdentifier`
    pub fn uri(text: &str) -> Vec<u8> {
        value(0x86, text.as_bytes())
    }

    /// `iPAddress`
    pub fn address(bytes: &[u8]) -> Vec<u8> {
        value(0x87, bytes)
    }

    /// `directoryName` of a `Name` in DER.
    pub fn directory(name: &[u8]) -> Vec<u8> {
        context(4, name)
    }
}

/// A certificate before it is signed. Every field may be changed to anything.
#[derive(Debug, Clone)]
pub struct Draft {
    /// `0` for version 1, `2` for version 3; `0` is not written, as DER wants.
    pub version: u64,
    /// The serial number.
    pub serial: u64,
    /// `Name` in DER.
    pub issuer: Vec<u8>,
    /// `Name` in DER.
    pub subject: Vec<u8>,
    /// `YYYYMMDDhhmmssZ`
    pub not_before: String,
    /// `YYYYMMDDhhmmssZ`
    pub not_after: String,
    /// `SubjectPublicKeyInfo` in DER.
    pub spki: Vec<u8>,
    /// The extensions.
    pub extensions: Vec<Ext>,
    /// `AlgorithmIdentifier` inside, if it is not that of the issuer's key.
    pub inner: Option<Vec<u8>>,
    /// `AlgorithmIdentifier` outside, if it is not that of the issuer's key.
    pub outer: Option<Vec<u8>>,
    /// The scheme that it is signed with, if it is not the usual one of the issuer's key.
    pub scheme: Option<super::Scheme>,
}

impl Draft {
    fn new(issuer: &str, subject: &str, key: &TestKey, years: (&str, &str), extensions: Vec<Ext>) -> Self {
        let subject_bytes = name(subject);
        let serial =
            subject_bytes.iter().fold(7_u64, |sum, byte| (sum * 31 + u64::from(*byte)) % 1_000_000_007);
        Self {
            version: 2,
            serial,
            issuer: name(issuer),
            subject: subject_bytes,
            not_before: format!("{}0101000000Z", years.0),
            not_after: format!("{}0101000000Z", years.1),
            spki: key.spki(),
            extensions,
            inner: None,
            outer: None,
            scheme: None,
        }
    }

    /// A root, good from 2020 to 2045.
    pub fn root(subject: &str, key: &TestKey) -> Self {
        let extensions = vec![Ext::authority(None), Ext::usage(&[usage::KEY_CERT_SIGN, usage::CRL_SIGN])];
        Self::new(subject, subject, key, ("2020", "2045"), extensions)
    }

    /// An authority below `issuer`, good from 2021 to 2040.
    pub fn authority(issuer: &str, subject: &str, key: &TestKey) -> Self {
        let extensions = vec![Ext::authority(None), Ext::usage(&[usage::KEY_CERT_SIGN, usage::CRL_SIGN])];
        Self::new(issuer, subject, key, ("2021", "2040"), extensions)
    }

    /// A leaf for signing code, good from 2024 to 2030.
    pub fn leaf(issuer: &str, subject: &str, key: &TestKey) -> Self {
        let extensions = vec![
            Ext::no_authority(),
            Ext::usage(&[usage::DIGITAL_SIGNATURE]),
            Ext::purposes(&[purpose::CODE_SIGNING]),
            Ext::alternative_names(&[general::email("release@example.test")]),
        ];
        Self::new(issuer, subject, key, ("2024", "2030"), extensions)
    }

    /// The certificate of a timestamp authority, good from 2024 to 2030.
    pub fn timestamp_authority(issuer: &str, subject: &str, key: &TestKey) -> Self {
        let extensions = vec![
            Ext::usage(&[usage::DIGITAL_SIGNATURE]),
            Ext::purposes(&[purpose::TIME_STAMPING]).critical(),
        ];
        Self::new(issuer, subject, key, ("2024", "2030"), extensions)
    }

    /// Replaces the extension of the same kind, or adds it.
    pub fn put(&mut self, extension: Ext) -> &mut Self {
        match self.extensions.iter_mut().find(|known| known.oid == extension.oid) {
            Some(known) => *known = extension,
            None => self.extensions.push(extension),
        }
        self
    }

    /// Takes the extension of this kind away.
    pub fn remove(&mut self, oid: &str) -> &mut Self {
        let before = self.extensions.len();
        self.extensions.retain(|known| known.oid != oid);
        assert!(self.extensions.len() < before, "there is no {oid}");
        self
    }

    /// Signs with the key of the issuer.
    pub fn sign(&self, issuer: &TestKey) -> Vec<u8> {
        let scheme = self.scheme.unwrap_or_else(|| issuer.scheme());
        let identifier = scheme.identifier();
        let version = if self.version == 0 { Vec::new() } else { context(0, &integer(self.version)) };
        let extensions: Vec<Vec<u8>> = self.extensions.iter().map(Ext::to_der).collect();
        let extensions = if extensions.is_empty() { Vec::new() } else { context(3, &sequence(&extensions)) };
        let body = sequence(&[
            version,
            integer(self.serial),
            self.inner.clone().unwrap_or_else(|| identifier.clone()),
            self.issuer.clone(),
            sequence(&[time(&self.not_before), time(&self.not_after)]),
            self.subject.clone(),
            self.spki.clone(),
            extensions,
        ]);
        signed(body, self.outer.clone().unwrap_or(identifier), issuer, scheme)
    }
}

/// Content, algorithm and signature, as certificates and revocation lists have them.
pub(super) fn signed(body: Vec<u8>, identifier: Vec<u8>, issuer: &TestKey, scheme: super::Scheme) -> Vec<u8> {
    let signature = bits(&issuer.sign(scheme, &body));
    sequence(&[body, identifier, signature])
}
