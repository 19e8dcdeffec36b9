//! Who is expected to have signed.

use lacre_hash::Sha256Digest;

/// Who is expected to hold the certificate that signed. Texts are compared exactly, never as a part or a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateIdentity {
    /// A subject alternative name: a URI, an e-mail address or a DNS name, as the certificate writes it.
    San(String),
    /// The subject, as RFC 4514 writes it (`CN=Release,O=Example,C=CH`).
    Subject(String),
    /// SHA-256 of the public key (`SubjectPublicKeyInfo` in DER).
    Spki(Sha256Digest),
    /// Whoever an anchor vouches for. Every holder of any certificate below the anchor can sign.
    AnyDanger,
}
