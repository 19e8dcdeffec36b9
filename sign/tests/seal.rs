//! From a claim to a bundle, and what happens when a signer answers with nonsense.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lacre_attest::{
    Bundle, IN_TOTO_PAYLOAD_TYPE, KeyAlgorithm, KeyHint, Limits, Material, ModelClaim, PublicKey, Statement,
    pae,
};
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
use lacre_sign::{FileKey, SignError, Signer, seal};

fn claim() -> ModelClaim {
    let entries = [("config.json", "{}"), ("model.safetensors", "weights"), ("x/ü.txt", "")]
        .into_iter()
        .map(|(path, content)| Entry {
            path: EntryPath::parse(path).unwrap(),
            size: Some(content.len() as u64),
            digests: Digests::Sha256 {
                sha256: Sha256Digest::of(content.as_bytes()),
                blake3: Some(Blake3Digest::of(content.as_bytes())),
            },
        })
        .collect();
    ModelClaim::new("org/mini-lm", Some("1.0.0".to_owned()), Manifest::new(entries).unwrap(), Vec::new())
        .unwrap()
}

#[test]
fn a_sealed_claim_is_read_back_and_its_signature_verifies() {
    for algorithm in KeyAlgorithm::ALL {
        let key = FileKey::generate(algorithm).unwrap();
        let text = seal(&claim(), &key, &Limits::default()).unwrap().to_json();

        let bundle = Bundle::parse(&text, &Limits::default()).unwrap();
        let Material::PublicKey(hint) = bundle.material() else { panic!("{:?}", bundle.material()) };
        assert!(matches!(hint, KeyHint::OmsHex(_)), "{hint:?}");
        assert_eq!(hint.names(key.public_key()), Some(true));
        let envelope = bundle.envelope();
        key.public_key()
            .verify(&pae(IN_TOTO_PAYLOAD_TYPE, envelope.payload()), envelope.signature())
            .unwrap();
        let statement = Statement::parse(envelope.payload(), &Limits::default()).unwrap();
        assert_eq!(ModelClaim::from_statement(&statement).unwrap(), claim());
    }
}

#[test]
fn the_same_claim_and_key_give_the_same_bytes() {
    for algorithm in KeyAlgorithm::ALL {
        let key = FileKey::generate(algorithm).unwrap();
        assert_eq!(
            seal(&claim(), &key, &Limits::default()).unwrap().to_json(),
            seal(&claim(), &key, &Limits::default()).unwrap().to_json(),
            "{algorithm}"
        );
    }
}

/// A signer whose answers are made by `answer`.
struct Faulty<F> {
    key: FileKey,
    answer: F,
}

impl<F: Fn(&FileKey, &[u8]) -> Result<Vec<u8>, SignError> + Send + Sync> Signer for Faulty<F> {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        (self.answer)(&self.key, message)
    }
}

fn sealed_by(
    algorithm: KeyAlgorithm,
    answer: impl Fn(&FileKey, &[u8]) -> Result<Vec<u8>, SignError> + Send + Sync,
) -> Result<Bundle, SignError> {
    seal(&claim(), &Faulty { key: FileKey::generate(algorithm).unwrap(), answer }, &Limits::default())
}

#[test]
fn a_signature_that_does_not_verify_never_leaves() {
    for algorithm in KeyAlgorithm::ALL {
        assert!(sealed_by(algorithm, Signer::sign).is_ok(), "the double itself works");
        for (name, outcome) in [
            ("by another key", sealed_by(algorithm, move |_, m| FileKey::generate(algorithm)?.sign(m))),
            ("of another message", sealed_by(algorithm, |key, _| key.sign(b"another"))),
            (
                "of the message's hash",
                sealed_by(algorithm, |key, m| key.sign(Sha256Digest::of(m).as_bytes())),
            ),
            ("empty", sealed_by(algorithm, |_, _| Ok(Vec::new()))),
            ("with a byte more", sealed_by(algorithm, |key, m| Ok([key.sign(m)?, vec![0]].concat()))),
        ] {
            let error = outcome.expect_err(name);
            assert!(matches!(error, SignError::SelfCheck), "{algorithm} {name}: {error:?}");
            assert_eq!(error.code(), "E-SIGNATURE-INVALID");
        }
    }
}

#[test]
fn a_signer_that_fails_is_passed_on() {
    let error = sealed_by(KeyAlgorithm::Ed25519, |_, _| Err(SignError::Random { detail: "none".to_owned() }));
    assert!(matches!(error, Err(SignError::Random { .. })), "{error:?}");
}

#[test]
fn a_signer_can_say_what_the_bundle_carries() {
    struct Unnamed(FileKey);
    impl Signer for Unnamed {
        fn public_key(&self) -> &PublicKey {
            self.0.public_key()
        }
        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
            self.0.sign(message)
        }
        fn material(&self) -> Material {
            Material::PublicKey(KeyHint::Missing)
        }
    }
    let bundle =
        seal(&claim(), &Unnamed(FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap()), &Limits::default())
            .unwrap();
    assert!(matches!(bundle.material(), Material::PublicKey(KeyHint::Missing)));
}
