//! Who may claim something, and that nothing is looked at before that is known.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use lacre_attest::KeyAlgorithm;
use lacre_testkit::{Forge, ModelDir, Seal, Sealed, edit_bundle, tamper};
use lacre_verify::{
    Claim, Hold, Limits, Links, NoProgress, Outcome, PublicKey, Requirements, Step, Trust, Unverified,
    VerifyError,
};
use serde_json::{Value, json};

use verifying::{Watch, code, payload, trusting, verify, verify_with, with_bundle};

#[test]
fn expectations() {
    let sealed = Sealed::sample();
    let expecting = |edit: fn(Requirements) -> Requirements| {
        verify_with(&sealed, &edit(trusting(sealed.public_key())), &Hold::Nothing, &NoProgress)
    };
    expecting(|requirements| requirements.expect_name("org/mini-lm").expect_version("1.0.0")).unwrap();
    assert_eq!(code(expecting(|requirements| requirements.expect_name("org/mini"))), "E-NAME-MISMATCH");
    assert_eq!(code(expecting(|requirements| requirements.expect_name("org/mini-lm "))), "E-NAME-MISMATCH");
    assert_eq!(code(expecting(|requirements| requirements.expect_name("ORG/mini-lm"))), "E-NAME-MISMATCH");
    assert_eq!(code(expecting(|requirements| requirements.expect_version("1.0"))), "E-VERSION-MISMATCH");
    let unversioned = Seal::of(ModelDir::sample()).version(None).sign();
    let requirements = trusting(unversioned.public_key()).expect_version("1.0.0");
    assert_eq!(
        code(verify_with(&unversioned, &requirements, &Hold::Nothing, &NoProgress)),
        "E-VERSION-MISMATCH"
    );
}

#[test]
fn the_folder_of_another_model_by_the_same_key() {
    let sealed = Sealed::sample();
    let other = Seal::of(ModelDir::sample()).name("org/other").key(sealed.key()).sign();
    let requirements = trusting(sealed.public_key()).expect_name("org/mini-lm");
    verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress).unwrap();
    assert_eq!(code(verify_with(&other, &requirements, &Hold::Nothing, &NoProgress)), "E-NAME-MISMATCH");
    assert_eq!(
        verify(&other).unwrap().claim().name(),
        "org/other",
        "without an expectation any model passes"
    );
}

#[test]
fn names_in_messages_are_safe_for_a_terminal() {
    let sealed = Seal::of(ModelDir::sample()).name("\u{202e}evil").sign();
    let requirements = trusting(sealed.public_key()).expect_name("org/mini-lm");
    let failure = verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress).unwrap_err();
    assert_eq!(failure.to_string(), r"the signature is for \u{202e}evil, not for org/mini-lm");
}

#[test]
fn the_wrong_key_is_not_trusted() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    verify(&sealed).unwrap();
    let requirements = trusting(stranger.public_key());
    let failure = verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress).unwrap_err();
    assert_eq!(failure.code(), "E-SIGNER-UNTRUSTED");
    assert!(
        failure.report.signer.is_none() && failure.report.model.is_none(),
        "nothing of it may be repeated"
    );
    assert!(
        matches!(&failure.error, VerifyError::SignerUntrusted { hint } if *hint == sealed.public_key().hint())
    );
}

#[test]
fn a_signature_by_another_key_than_the_one_it_names() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    let forged = Forge::new(payload(&sealed), stranger.key()).hint(sealed.public_key().hint()).to_json();
    assert_eq!(with_bundle(&sealed, &forged), "E-SIGNATURE-INVALID");
}

#[test]
fn the_right_key_with_a_wrong_hint() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    let hints = [
        stranger.public_key().hint(),
        stranger.public_key().cosign_hint(),
        "release key".to_owned(),
        sealed.public_key().hint().to_uppercase(),
        format!(" {}", sealed.public_key().hint()),
    ];
    for hint in hints {
        let forged = Forge::new(payload(&sealed), sealed.key()).hint(hint.clone()).to_json();
        assert_eq!(with_bundle(&sealed, &forged), "E-SIGNER-UNTRUSTED", "{hint}");
    }
}

#[test]
fn a_wrong_hint_leads_to_the_key_that_it_names_and_no_other() {
    let (sealed, second) = (Sealed::sample(), Sealed::sample());
    let both =
        Requirements::new(Trust::keys([second.public_key().clone(), sealed.public_key().clone()]).unwrap());
    verify_with(&sealed, &both, &Hold::Nothing, &NoProgress).unwrap();
    sealed
        .write_bundle(&Forge::new(payload(&sealed), sealed.key()).hint(second.public_key().hint()).to_json());
    assert_eq!(code(verify_with(&sealed, &both, &Hold::Nothing, &NoProgress)), "E-SIGNATURE-INVALID");
}

#[test]
fn no_hint_is_tried_with_every_trusted_key_and_reported() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    sealed.write_bundle(&Forge::new(payload(&sealed), sealed.key()).no_hint().to_json());
    let model = verify(&sealed).unwrap();
    let [warning] = model.report().warnings.as_slice() else { panic!("{:?}", model.report().warnings) };
    assert!(warning.contains("does not say which key"), "{warning}");
    let both =
        Requirements::new(Trust::keys([stranger.public_key().clone(), sealed.public_key().clone()]).unwrap());
    let model = verify_with(&sealed, &both, &Hold::Nothing, &NoProgress).unwrap();
    assert_eq!(model.signers()[0].key(), sealed.public_key().hint());
    let wrong = trusting(stranger.public_key());
    assert_eq!(code(verify_with(&sealed, &wrong, &Hold::Nothing, &NoProgress)), "E-SIGNATURE-INVALID");
    sealed.write_bundle(&Forge::new(payload(&sealed), sealed.key()).hint("").to_json());
    assert_eq!(verify(&sealed).unwrap().report().warnings.len(), 1, "an empty hint is none");
}

#[test]
fn cosigns_hint_names_the_key_too() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    let bundle = Forge::new(payload(&sealed), sealed.key()).cosign_hint().to_json();
    assert_eq!(with_bundle(&sealed, &bundle), "accepted");
    sealed.write_bundle(&bundle);
    let requirements = trusting(stranger.public_key());
    assert_eq!(code(verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress)), "E-SIGNER-UNTRUSTED");
    assert!(verify(&sealed).unwrap().report().warnings.is_empty());
}

#[test]
fn every_algorithm_signs_and_no_signature_passes_for_another() {
    for algorithm in KeyAlgorithm::ALL {
        let sealed = Seal::of(ModelDir::sample()).algorithm(algorithm).sign();
        assert_eq!(verify(&sealed).unwrap().signers()[0].algorithm(), algorithm);
        let earlier = Seal::of(ModelDir::sample()).name("org/other").key(sealed.key()).sign();
        let other = edit_bundle(sealed.bundle(), |bundle| {
            let signature: Value = serde_json::from_slice(earlier.bundle()).unwrap();
            bundle["dsseEnvelope"]["signatures"] = signature["dsseEnvelope"]["signatures"].clone();
        });
        assert_eq!(with_bundle(&sealed, &other), "E-SIGNATURE-INVALID", "a signature over another statement");
        for garbage in [&[0_u8; 64][..], &[0x30, 6, 2, 1, 0, 2, 1, 0], &[0xff; 200], &[1]] {
            let forged = Forge::new(payload(&sealed), sealed.key()).signature(garbage).to_json();
            assert_eq!(with_bundle(&sealed, &forged), "E-SIGNATURE-INVALID", "{algorithm} {garbage:?}");
        }
    }
}

#[test]
fn a_certificate_is_never_taken_for_a_key() {
    let sealed = Sealed::sample();
    for material in [
        json!({"certificate": {"rawBytes": "MAA="}, "tlogEntries": []}),
        json!({"x509CertificateChain": {"certificates": [{"rawBytes": "MAA="}]}, "tlogEntries": []}),
    ] {
        let bundle = edit_bundle(sealed.bundle(), |bundle| bundle["verificationMaterial"] = material.clone());
        assert_eq!(with_bundle(&sealed, &bundle), "E-SIGNER-UNTRUSTED");
    }
    let both = edit_bundle(sealed.bundle(), |bundle| {
        bundle["verificationMaterial"]["certificate"] = json!({"rawBytes": "MAA="});
    });
    assert_eq!(with_bundle(&sealed, &both), "E-BUNDLE");
}

#[test]
fn trust_in_nobody_is_refused() {
    assert_eq!(Trust::keys(Vec::<PublicKey>::new()).unwrap_err().code(), "E-USAGE");
}

/// A tampered model, whose files would betray being opened: one is a FIFO, another is gone.
fn spoilt(sealed: &Sealed) {
    verify(sealed).unwrap();
    tamper::flip(&sealed.model().entry("config.json"), 0);
    tamper::replace_by_fifo(&sealed.model().entry("blob.bin"));
    tamper::remove(&sealed.model().entry("x.json"));
}

/// The refusal, its last step, and that no file was begun.
#[track_caller]
fn before_content(sealed: &Sealed, requirements: &Requirements) -> (&'static str, Step) {
    let watch = Watch::new(|_| ());
    let failure = verify_with(sealed, requirements, &Hold::Everything, &watch).unwrap_err();
    assert!(watch.begun.lock().unwrap().is_empty(), "no file of the model is opened");
    assert!(
        failure.report.excluded.is_empty() && failure.report.empty_folders.is_empty(),
        "nor is it listed"
    );
    let last = failure.report.checks.last().unwrap();
    assert_eq!(last.outcome, Outcome::Failed);
    (failure.code(), last.step)
}

#[test]
fn no_file_is_looked_at_for_a_bundle_that_is_not_accepted() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    spoilt(&sealed);
    assert_eq!(code(verify(&sealed)), "E-FILE-TYPE", "what is found once it is looked at");
    let trusted = trusting(sealed.public_key());
    assert_eq!(
        before_content(&sealed, &trusting(stranger.public_key())),
        ("E-SIGNER-UNTRUSTED", Step::Signer)
    );
    let named = trusted.clone().expect_name("org/other");
    assert_eq!(before_content(&sealed, &named), ("E-NAME-MISMATCH", Step::Expectations));
    sealed.write_bundle(
        &Forge::new(payload(&sealed), stranger.key()).hint(sealed.public_key().hint()).to_json(),
    );
    assert_eq!(before_content(&sealed, &trusted), ("E-SIGNATURE-INVALID", Step::Signature));
    sealed
        .write_bundle(&sealed.resigned(|statement| statement["subject"][0]["digest"]["sha256"] = "0".into()));
    assert_eq!(before_content(&sealed, &trusted), ("E-ROOT", Step::Claim));
    // Refused before there is anything to verify.
    sealed.write_bundle(b"{}");
    let opened = Unverified::open(&sealed.path(), None, Links::Refuse, &trusted);
    assert_eq!(code(opened), "E-BUNDLE");
}

#[test]
fn no_byte_of_the_payload_is_interpreted_before_the_signature_holds() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    for payload in ["not json", "{\"a\":1,\"a\":2}", "[]"] {
        let forged = Forge::new(payload, stranger.key()).hint(sealed.public_key().hint()).to_json();
        assert_eq!(with_bundle(&sealed, &forged), "E-SIGNATURE-INVALID");
    }
}

#[test]
fn no_flipped_bit_of_a_bundle_changes_what_is_claimed() {
    let sealed = Seal::of(ModelDir::new().file("a", "b").file("c", "d")).sign();
    let requirements = trusting(sealed.public_key());
    let read = |bundle: &[u8]| {
        Unverified::<Claim>::parse(bundle, &Limits::default()).and_then(|claim| claim.verify(&requirements))
    };
    let honest = read(sealed.bundle()).unwrap();
    let mut refused = 0_usize;
    for at in 0..sealed.bundle().len() {
        let mut bundle = sealed.bundle().to_vec();
        bundle[at] ^= 1 << (at % 7);
        match read(&bundle) {
            Err(_) => refused += 1,
            Ok(claim) => assert_eq!(claim.claim(), honest.claim(), "byte {at}"),
        }
    }
    assert!(refused * 100 > sealed.bundle().len() * 99, "{refused} of {}", sealed.bundle().len());
}
