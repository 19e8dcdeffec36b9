//! The one interface to everything that can sign.

use lacre_attest::{KeyHint, Material, PublicKey};
use lacre_hash::Sha256Digest;

use crate::SignError;

/// Something that holds a private key and signs with it.
///
/// A backend has to do two things: say which public key it signs for, and sign a message. What a verifier is told
/// about the key in the bundle follows from the public key; a backend that signs with a certificate overrides
/// [`Signer::material`]. The private key itself never passes through this interface, so that it can stay in a
/// token, a key service or an agent.
pub trait Signer: Send + Sync {
    /// The public half of the key that [`Signer::sign`] uses.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message`, the DSSE pre-authentication encoding of a statement.
    ///
    /// ECDSA hashes the message with the curve's hash (P-256 SHA-256, P-384 SHA-384, P-521 SHA-512) and returns
    /// the DER form; Ed25519 is pure (RFC 8032, section 5.1.6) and returns 64 bytes.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;

    /// What the bundle carries to identify the key: by default the OMS hint, the SHA-256 of the
    /// public key's PEM text.
    fn material(&self) -> Material {
        Material::PublicKey(KeyHint::OmsHex(Sha256Digest::of(self.public_key().to_pem().as_bytes())))
    }
}
