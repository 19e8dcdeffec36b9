//! What model-signing 0.2 made: refused by its name, and accepted where somebody says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fmt::Write as _;

use lacre_attest::KeyAlgorithm;
use lacre_testkit::{Forge, ModelDir, Seal, Sealed, edit_bundle, tamper};
use lacre_verify::{Hold, NoProgress, Requirements};
use serde_json::{Value, json};

use verifying::{Outcome, code, payload, trusting, verify, verify_with};

/// The statement of that release about the same files.
fn old_statement(sealed: &Sealed) -> Vec<u8> {
    let current = sealed.statement();
    let subjects: Vec<Value> = current["predicate"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| {
            json!({
                "name": resource["name"],
                "digest": {"sha256": resource["digest"]},
                "annotations": {"actual_hash_algorithm": "file-sha256"},
            })
        })
        .collect();
    serde_json::to_vec_pretty(&json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": {"unused": "Unused, just passed due to API requirements"},
    }))
    .unwrap()
}

/// Signed over the encoding of that release. The payload holds line feeds and what is not ASCII, and no backslash.
fn old_encoding(sealed: &Sealed, payload: &[u8]) -> Vec<u8> {
    let mut text = format!("DSSEV1 28 application/vnd.in-toto+json {} b'", payload.len());
    for byte in payload {
        match byte {
            b'\n' => text.push_str("\\n"),
            b' '..=b'~' => text.push(char::from(*byte)),
            other => write!(text, "\\x{other:02x}").unwrap(),
        }
    }
    text.push('\'');
    assert!(!payload.contains(&b'\\') && !payload.contains(&b'\''));
    Forge::new(payload, sealed.key()).over(text).to_json()
}

fn allowing(sealed: &Sealed) -> Requirements {
    trusting(sealed.public_key()).allow_legacy_danger()
}

fn with(sealed: &Sealed, bundle: &[u8], requirements: &Requirements) -> Outcome {
    sealed.write_bundle(bundle);
    verify_with(sealed, requirements, &Hold::Nothing, &NoProgress)
}

#[test]
fn an_old_statement_is_accepted_only_where_it_is_allowed() {
    let sealed = Sealed::sample();
    let bundle = Forge::new(old_statement(&sealed), sealed.key()).to_json();
    assert_eq!(code(with(&sealed, &bundle, &trusting(sealed.public_key()))), "E-LEGACY");
    let model = with(&sealed, &bundle, &allowing(&sealed)).unwrap();
    assert!(model.claim().is_legacy());
    assert_eq!(model.manifest().len(), verify_current(&sealed));
    let [warning] = &model.report().warnings[..] else { panic!("{:?}", model.report().warnings) };
    assert!(warning.starts_with("the statement is of model-signing 0.2"), "{warning}");
    // What is signed is compared as strictly as ever, and what is not signed cannot be demanded.
    let bundle = &bundle;
    for name in ["org/mini-lm", "", "model"] {
        let outcome = with(&sealed, bundle, &allowing(&sealed).expect_name(name));
        assert_eq!(code(outcome), "E-NAME-MISMATCH", "{name:?}");
    }
    assert_eq!(code(with(&sealed, bundle, &allowing(&sealed).expect_version("1.0.0"))), "E-VERSION-MISMATCH");
    assert_eq!(code(with(&sealed, bundle, &allowing(&sealed).strict())), "E-MODES-NOT-SIGNED");
    tamper::plant(&sealed.model().entry("extra"), "x");
    assert_eq!(code(with(&sealed, bundle, &allowing(&sealed))), "E-FILE-EXTRA");
    tamper::remove(&sealed.model().entry("extra"));
    tamper::flip(&sealed.model().entry("blob.bin"), 7);
    assert_eq!(code(with(&sealed, bundle, &allowing(&sealed))), "E-FILE-CHANGED");
}

fn verify_current(sealed: &Sealed) -> usize {
    sealed.write_bundle(sealed.bundle());
    verify(sealed).unwrap().manifest().len()
}

#[test]
fn an_old_encoding_is_accepted_only_where_it_is_allowed() {
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521] {
        let sealed = Seal::of(ModelDir::sample()).algorithm(algorithm).sign();
        for payload in [payload(&sealed), old_statement(&sealed)] {
            let bundle = old_encoding(&sealed, &payload);
            assert_eq!(code(with(&sealed, &bundle, &trusting(sealed.public_key()))), "E-LEGACY");
            let model = with(&sealed, &bundle, &allowing(&sealed)).unwrap();
            let warning = &model.report().warnings[0];
            assert!(
                warning.starts_with("the signature is over the encoding of model-signing 0.2"),
                "{warning}"
            );
            // A key that nobody named is found as well.
            let unnamed = edit_bundle(&bundle, |bundle| {
                bundle["verificationMaterial"]["publicKey"].as_object_mut().unwrap().remove("hint");
            });
            assert_eq!(code(with(&sealed, &unnamed, &trusting(sealed.public_key()))), "E-LEGACY");
            with(&sealed, &unnamed, &allowing(&sealed)).unwrap();
        }
    }
}

#[test]
fn an_old_encoding_is_a_signature_all_the_same() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    let good = old_encoding(&sealed, &payload(&sealed));
    with(&sealed, &good, &allowing(&sealed)).unwrap();
    let by_stranger = Forge::new(payload(&sealed), sealed.key())
        .signature(signature_of(&old_encoding(&stranger, &payload(&sealed))))
        .to_json();
    let over_another =
        Forge::new(old_statement(&sealed), sealed.key()).signature(signature_of(&good)).to_json();
    for bundle in [by_stranger, over_another] {
        for requirements in [trusting(sealed.public_key()), allowing(&sealed)] {
            assert_eq!(code(with(&sealed, &bundle, &requirements)), "E-SIGNATURE-INVALID");
        }
    }
    // That release had no Ed25519.
    let edwards = Seal::of(ModelDir::sample()).algorithm(KeyAlgorithm::Ed25519).sign();
    let bundle = old_encoding(&edwards, &payload(&edwards));
    assert_eq!(code(with(&edwards, &bundle, &allowing(&edwards))), "E-SIGNATURE-INVALID");
}

fn signature_of(bundle: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let value: Value = serde_json::from_slice(bundle).unwrap();
    let text = value["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn what_is_current_is_accepted_as_before_where_old_things_are_allowed() {
    let sealed = Sealed::sample();
    let requirements = allowing(&sealed).expect_name("org/mini-lm").expect_version("1.0.0").strict();
    let model = with(&sealed, sealed.bundle(), &requirements).unwrap();
    assert!(model.report().warnings.is_empty() && !model.claim().is_legacy());
}
