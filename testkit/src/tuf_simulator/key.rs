//! Keys of TUF metadata, which sign.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_hash::Sha256Digest;
use serde_json::{Value, json};

use super::canonical;

#[derive(Clone)]
enum Secret {
    Ed25519(Arc<Ed25519KeyPair>),
    Ecdsa(Arc<EcdsaKeyPair>),
    Rsa(Arc<RsaKeyPair>),
}

/// A key with an id.
#[derive(Clone)]
pub struct TufKey {
    /// What metadata calls it.
    pub id: String,
    /// What metadata says of it.
    pub public: Value,
    secret: Secret,
}

impl TufKey {
    /// A new Ed25519 key, written as hexadecimal digits.
    pub fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = hex(pair.public_key().as_ref());
        Self::named("ed25519", "ed25519", &public, Secret::Ed25519(Arc::new(pair)))
    }

    /// A new key on P-256, written as PEM.
    pub fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public = pem(&pair.public_key().as_der().unwrap());
        Self::named("ecdsa", "ecdsa-sha2-nistp256", &public, Secret::Ecdsa(Arc::new(pair)))
    }

    /// A new key on P-384, written as PEM.
    pub fn p384() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
        let public = pem(&pair.public_key().as_der().unwrap());
        Self::named("ecdsa", "ecdsa-sha2-nistp384", &public, Secret::Ecdsa(Arc::new(pair)))
    }

    /// A new RSA key of 2048 bits, written as PEM.
    pub fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pem(&pair.public_key().as_der().unwrap());
        Self::named("rsa", "rsassa-pss-sha256", &public, Secret::Rsa(Arc::new(pair)))
    }

    fn named(keytype: &str, scheme: &str, public: &str, secret: Secret) -> Self {
        let public = json!({ "keytype": keytype, "scheme": scheme, "keyval": { "public": public } });
        Self { id: Sha256Digest::of(&canonical(&public)).to_string(), public, secret }
    }

    /// The same key, called something else.
    pub fn called(&self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self.clone() }
    }

    /// The same key, of which metadata says something else.
    pub fn described(&self, edit: impl FnOnce(&mut Value)) -> Self {
        let mut other = self.clone();
        edit(&mut other.public);
        other
    }

    /// Signs, and writes the signature as metadata does.
    pub fn sign(&self, text: &[u8]) -> Value {
        let signature = match &self.secret {
            Secret::Ed25519(pair) => pair.sign(text).as_ref().to_vec(),
            Secret::Ecdsa(pair) => pair.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec(),
            Secret::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
                signature
            }
        };
        json!({ "keyid": self.id, "sig": hex(&signature) })
    }
}

fn pem(der: &PublicKeyX509Der<'_>) -> String {
    let text = STANDARD.encode(der.as_ref());
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).unwrap());
        pem.push('\n');
    }
    pem + "-----END PUBLIC KEY-----\n"
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
