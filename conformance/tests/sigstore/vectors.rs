//! What the suite demands, and for which reason it is refused here.

use std::process::Command;

use serde_json::json;

use crate::cases::{self, Case};
use crate::edit;

/// Every case that must be refused, and why it is. Nothing else may be.
const REFUSED: &[(&str, &str)] = &[
    ("bundle-empty-certificate-chain_fail", "E-BUNDLE"),
    ("bundle-invalid-base64-signature_fail", "E-BUNDLE"),
    ("bundle-negative-log-index_fail", "E-BUNDLE"),
    ("bundle-with-root-cert_fail", "E-CERTIFICATE"),
    ("checkpoint-bad-keyhint_fail", "E-LOG"),
    ("dsse-invalid-sig_fail", "E-SIGNATURE-INVALID"),
    ("dsse-mismatch-sig_fail", "E-LOG"),
    ("inclusion-proof-corrupted-hash_fail", "E-LOG"),
    // The time lies behind the end of the certificate, and before now.
    ("integrated-time-in-future_fail", "E-CERTIFICATE-EXPIRED"),
    ("intoto-log-entry-mismatch_fail", "E-LOG"),
    ("intoto-set-outside-signing-cert-validity_fail", "E-CERTIFICATE-EXPIRED"),
    ("invalid-ct-key_fail", "E-LOG"),
    ("managed-key-no-key_fail", "E-UNSUPPORTED"),
    ("message-digest-mismatch_fail", "E-SIGNATURE-INVALID"),
    ("rekor2-checkpoint-missing-log-signature_fail", "E-LOG"),
    ("rekor2-checkpoint-missing-root-hash_fail", "E-LOG"),
    ("rekor2-dsse-invalid-sig_fail", "E-SIGNATURE-INVALID"),
    ("rekor2-dsse-mismatch-sig_fail", "E-LOG"),
    ("rekor2-no-inclusion-proof_fail", "E-LOG"),
    ("rekor2-timestamp-outside-trust-root-tsa-validity_fail", "E-TIMESTAMP"),
    ("rekor2-timestamp-payload-mismatch_fail", "E-TIMESTAMP"),
    ("rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail", "E-TIMESTAMP"),
    ("signature-mismatch_fail", "E-SIGNATURE-INVALID"),
    ("wrong-hashedrekord-artifact_fail", "E-LOG"),
    ("wrong-hashedrekord-entry_fail", "E-LOG"),
];

#[test]
fn every_case_is_decided_as_its_name_says_and_for_its_reason() {
    let cases = cases::conformance();
    if cases.is_empty() {
        return;
    }
    for case in &cases {
        let wanted = REFUSED.iter().find(|(name, _)| *name == case.name).map(|(_, code)| *code);
        assert_eq!(wanted.is_some(), case.name.ends_with("_fail"), "{}", case.name);
        assert_eq!(case.outcome(), wanted.unwrap_or("accepted"), "{}", case.name);
    }
    assert_eq!(cases.len(), 35, "none was left out");
}

#[test]
fn the_program_speaks_the_protocol() {
    let Some(vectors) = lacre_testkit::places::vectors() else { return };
    let suite = vectors.join("sigstore-conformance");
    let run = |case: &str, identity: &str, file: &str| {
        let folder = suite.join("bundle-verify").join(case);
        let output = Command::new(env!("CARGO_BIN_EXE_sigstore-conformance"))
            .args(["verify-bundle", "--bundle"])
            .arg(folder.join("bundle.sigstore.json"))
            .args(["--certificate-identity", identity])
            .args(["--certificate-oidc-issuer", "https://token.actions.githubusercontent.com"])
            .arg(file)
            .current_dir(&suite)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let identity = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
    let digest =
        format!("sha256:{}", lacre_hash::Sha256Digest::of(&std::fs::read(suite.join("a.txt")).unwrap()));
    assert_eq!(run("happy-path-v0.1", identity, "a.txt").0, Some(0));
    assert_eq!(run("happy-path-v0.1", identity, &digest).0, Some(0));
    for (case, identity, file, code) in [
        ("happy-path-v0.1", "somebody@example.com", "a.txt", "[E-IDENTITY-MISMATCH]"),
        ("happy-path-v0.1", identity, "statement.json", "[E-SIGNATURE-INVALID]"),
        ("happy-path-v0.1", identity, "missing", "[E-UNREADABLE]"),
        ("signature-mismatch_fail", identity, "a.txt", "[E-SIGNATURE-INVALID]"),
    ] {
        let (status, said) = run(case, identity, file);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(code), "{said}");
    }
}

/// A good case, changed as the name of a bad one says, and nothing else wrong with it.
fn twin(name: &str, change: impl FnOnce(&mut serde_json::Value) -> edit::Edited) -> Option<&'static str> {
    let case = cases::named(name)?;
    assert_eq!(case.outcome(), "accepted");
    let mut bundle = case.json();
    change(&mut bundle).expect("the change applies");
    Some(case.outcome_of(&serde_json::to_vec(&bundle).unwrap()))
}

#[test]
fn twins_of_cases_that_the_suite_refuses_for_something_else() {
    // managed-key-wrong-key_fail: the key itself is malformed there.
    if let Some(case) = cases::named("managed-key-and-trusted-root") {
        let key = testing_key();
        let wrong = Case { expected: lacre_conformance::sigstore::Expected::Key(key), ..case };
        assert_eq!(wrong.outcome(), "E-SIGNATURE-INVALID");
    }
    // rekor2-timestamp-with-incorrect-time_fail: its base64 has newlines.
    let time = |bundle: &mut serde_json::Value| {
        edit::bytes(bundle, edit::TOKEN, |token| {
            let at = token.windows(4).position(|part| part == b"\x18\x0f20").expect("genTime") + 2;
            token[at + 3] ^= 1;
        })
    };
    assert!(matches!(twin("rekor2-timestamp-without-embedded-cert", time), None | Some("E-TIMESTAMP")));
    // intoto-log-entry-mismatch_fail: the signature in the entry is no base64.
    let mismatch = |bundle: &mut serde_json::Value| {
        edit::body(bundle, |body| edit::flip_twice(body, "/spec/content/envelope/signatures/0/sig"))
    };
    assert!(matches!(twin("intoto-with-custom-trust-root", mismatch), None | Some("E-LOG")));
    // bundle-empty-certificate-chain_fail, bundle-with-root-cert_fail and invalid-inclusion-proof_fail: their proofs
    // have no checkpoint.
    let empty = |bundle: &mut serde_json::Value| {
        edit::set(bundle, "/verificationMaterial/x509CertificateChain/certificates", json!([]))
    };
    assert!(matches!(twin("happy-path-v0.1", empty), None | Some("E-BUNDLE")));
    let proof = |bundle: &mut serde_json::Value| edit::flip_hash(bundle);
    assert!(matches!(twin("happy-path-v0.1", proof), None | Some("E-LOG")));
    if let (Some(bad), Some(good)) =
        (cases::named("bundle-with-root-cert_fail"), cases::named("happy-path-v0.1"))
    {
        let place = "/verificationMaterial/x509CertificateChain/certificates";
        let bad = bad.json();
        let above = &bad.pointer(place).unwrap().as_array().unwrap()[1..];
        assert!(!above.is_empty());
        let mut bundle = good.json();
        for certificate in above {
            edit::push(&mut bundle, place, certificate.clone()).unwrap();
        }
        assert_eq!(good.outcome_of(&serde_json::to_vec(&bundle).unwrap()), "E-CERTIFICATE");
    }
}

/// A digest beside the signature is compared, and not taken for the message's.
#[test]
fn sigstore_python_4_2_0_a_digest_that_is_not_the_messages() {
    let mut tried = 0;
    for case in cases::valid() {
        let mut bundle = case.json();
        if edit::flip(&mut bundle, "/messageSignature/messageDigest/digest", 0).is_some() {
            let found = case.outcome_of(&serde_json::to_vec(&bundle).unwrap());
            assert_eq!(found, "E-SIGNATURE-INVALID", "{}", case.name);
            tried += 1;
        }
    }
    assert!(tried >= 5 || cases::valid().is_empty(), "{tried}");
    if let Some(case) = cases::named("message-digest-mismatch_fail") {
        assert_eq!(case.outcome(), "E-SIGNATURE-INVALID");
    }
}

/// A key that signed other things.
fn testing_key() -> lacre_attest::PublicKey {
    let folder = lacre_testkit::places::vectors().unwrap();
    let pem = folder.join("oms/model-transparency/scripts/tests/keys/certificate/signing-key-pub.pem");
    lacre_attest::PublicKey::from_pem(&std::fs::read_to_string(pem).unwrap()).unwrap()
}

#[test]
fn an_entry_counts_for_the_log_whose_key_signed_its_checkpoint() {
    // Nothing signs the name of the log in an entry of the second generation. Under the name of another trusted log,
    // one log would count for two.
    let mut tried = 0;
    for case in cases::valid().iter().filter(|case| case.name.starts_with("rekor2-")) {
        let root = std::fs::read(
            lacre_testkit::places::vectors()
                .unwrap()
                .join("sigstore-conformance/bundle-verify")
                .join(&case.name)
                .join("trusted_root.json"),
        );
        let root: serde_json::Value = serde_json::from_slice(&root.unwrap()).unwrap();
        let mut bundle = case.json();
        let own = bundle.pointer("/verificationMaterial/tlogEntries/0/logId/keyId").unwrap().clone();
        for log in root["tlogs"].as_array().unwrap() {
            if log["logId"]["keyId"] != own {
                let place = format!("{}/logId/keyId", edit::ENTRY);
                edit::set(&mut bundle, &place, log["logId"]["keyId"].clone()).unwrap();
                assert_eq!(case.outcome_of(&serde_json::to_vec(&bundle).unwrap()), "E-LOG", "{}", case.name);
                tried += 1;
            }
        }
    }
    assert!(tried > 0 || cases::valid().is_empty());
}
