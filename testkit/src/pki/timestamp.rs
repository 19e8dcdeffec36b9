//! Timestamps (RFC 3161) written by hand, with any flaw.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::certificate::Ext;
use super::der::{context, generalized, integer, null, octets, oid, sequence, set, value};
use super::key::{Scheme, TestKey};

/// SHA-256 by its object identifier.
const SHA256: &str = "2.16.840.1.101.3.4.2.1";

/// A timestamp before it is signed. Every field may be changed to anything.
#[derive(Debug, Clone)]
pub struct TimestampDraft {
    /// Version of `TSTInfo`.
    pub version: u64,
    /// Object identifier of the hash of the imprint.
    pub imprint_hash: String,
    /// What the timestamp is of.
    pub over: Vec<u8>,
    /// `YYYYMMDDhhmmss[.f]Z`
    pub time: String,
    /// The number of the question, if it had one.
    pub nonce: Option<u64>,
    /// Extensions of `TSTInfo`.
    pub extensions: Vec<Ext>,
    /// Content type inside `SignedData`.
    pub content_type: String,
    /// Content type in the signed attributes.
    pub signed_content_type: String,
    /// Certificates that lie in the token, in this order.
    pub certificates: Vec<Vec<u8>>,
    /// Issuer (`Name` in DER) and serial number of the signer's certificate.
    pub signer: (Vec<u8>, u64),
    /// Its `subjectKeyIdentifier`, instead.
    pub signer_key_id: Option<Vec<u8>>,
    /// The certificate that `signingCertificateV2` names, if it is written.
    pub names: Option<Vec<u8>>,
    /// Object identifier of the signer's digest algorithm.
    pub digest: String,
    /// `AlgorithmIdentifier` of the signature, if it is not that of the key.
    pub algorithm: Option<Vec<u8>>,
    /// Added to the signed attributes.
    pub more_attributes: Vec<Vec<u8>>,
    /// How often the signer stands there.
    pub signers: usize,
}

impl TimestampDraft {
    /// A timestamp of `over`, made on 1 June 2025 with `certificate`, whose issuer and serial are these.
    pub fn new(over: &[u8], certificate: &[u8], issuer: &[u8], serial: u64) -> Self {
        Self {
            version: 1,
            imprint_hash: SHA256.to_owned(),
            over: over.to_vec(),
            time: "20250601120000Z".to_owned(),
            nonce: None,
            extensions: Vec::new(),
            content_type: "1.2.840.113549.1.9.16.1.4".to_owned(),
            signed_content_type: "1.2.840.113549.1.9.16.1.4".to_owned(),
            certificates: vec![certificate.to_vec()],
            signer: (issuer.to_vec(), serial),
            signer_key_id: None,
            names: Some(certificate.to_vec()),
            digest: SHA256.to_owned(),
            algorithm: None,
            more_attributes: Vec::new(),
            signers: 1,
        }
    }

    /// One signed attribute.
    pub fn attribute(kind: &str, content: Vec<u8>) -> Vec<u8> {
        sequence(&[oid(kind), set(vec![content])])
    }

    /// `TimeStampResp` with the status `granted`.
    pub fn answer(&self, key: &TestKey) -> Vec<u8> {
        sequence(&[sequence(&[integer(0)]), self.sign(key)])
    }

    /// The token, signed.
    pub fn sign(&self, key: &TestKey) -> Vec<u8> {
        self.sign_with(
            key,
            match self.digest.as_str() {
                SHA256 => match key.scheme() {
                    Scheme::EcdsaSha384 | Scheme::EcdsaSha512 => Scheme::EcdsaSha256,
                    usual => usual,
                },
                _ => key.scheme(),
            },
        )
    }

    fn sign_with(&self, key: &TestKey, scheme: Scheme) -> Vec<u8> {
        let info = self.info();
        let mut attributes = vec![
            Self::attribute("1.2.840.113549.1.9.3", oid(&self.signed_content_type)),
            Self::attribute("1.2.840.113549.1.9.4", octets(&digest(&self.digest, &info))),
        ];
        if let Some(certificate) = &self.names {
            let id = sequence(&[octets(&Sha256::digest(certificate))]);
            attributes.push(Self::attribute("1.2.840.113549.1.9.16.2.47", sequence(&[sequence(&[id])])));
        }
        attributes.extend(self.more_attributes.iter().cloned());
        let to_sign = set(attributes);
        let attributes = [&[0xa0], &to_sign[1..]].concat();
        let signer = match &self.signer_key_id {
            Some(id) => value(0x80, id),
            None => sequence(&[self.signer.0.clone(), integer(self.signer.1)]),
        };
        let signer = sequence(&[
            integer(1),
            signer,
            sequence(&[oid(&self.digest), null()]),
            attributes,
            self.algorithm.clone().unwrap_or_else(|| scheme.identifier()),
            octets(&key.sign(scheme, &to_sign)),
        ]);
        let certificates =
            if self.certificates.is_empty() { Vec::new() } else { context(0, &self.certificates.concat()) };
        let signed_data = sequence(&[
            integer(3),
            set(vec![sequence(&[oid(&self.digest), null()])]),
            sequence(&[oid(&self.content_type), context(0, &octets(&info))]),
            certificates,
            set(vec![signer; self.signers]),
        ]);
        sequence(&[oid("1.2.840.113549.1.7.2"), context(0, &signed_data)])
    }

    /// `TSTInfo`.
    fn info(&self) -> Vec<u8> {
        let imprint = sequence(&[
            sequence(&[oid(&self.imprint_hash), null()]),
            octets(&digest(&self.imprint_hash, &self.over)),
        ]);
        let extensions: Vec<u8> = self.extensions.iter().flat_map(Ext::to_der).collect();
        sequence(&[
            integer(self.version),
            oid("1.2.3.4.1"),
            imprint,
            integer(42),
            generalized(&self.time),
            self.nonce.map(integer).unwrap_or_default(),
            if extensions.is_empty() { Vec::new() } else { context(1, &extensions) },
        ])
    }
}

/// The digest by object identifier; of a hash that is not known, twenty bytes that are no digest.
fn digest(hash: &str, bytes: &[u8]) -> Vec<u8> {
    match hash {
        SHA256 => Sha256::digest(bytes).to_vec(),
        "2.16.840.1.101.3.4.2.2" => Sha384::digest(bytes).to_vec(),
        "2.16.840.1.101.3.4.2.3" => Sha512::digest(bytes).to_vec(),
        _ => vec![0x5a; 20],
    }
}
