//! Bundles of keys that the verifier has, with evidence or without.

use std::fs;
use std::time::SystemTime;

use lacre_attest::{Bundle, PublicKey};
use lacre_verify::VerifyError;
use lacre_verify::sigstore_layer_that_proves_no_model::{TrustedRoot, Vouched, verify_managed};
use serde_json::Value;

use crate::{LIMITS, bundles, code, oms, verify_json};

fn signed_by_key() -> Option<(Value, PublicKey)> {
    let tests = oms()?.join("model-transparency/scripts/tests");
    let text = fs::read(tests.join("v1.1.0-elliptic-key/model.sig")).unwrap();
    let pem = fs::read_to_string(tests.join("keys/certificate/signing-key-pub.pem")).unwrap();
    Some((serde_json::from_slice(&text).unwrap(), PublicKey::from_pem(&pem).unwrap()))
}

fn check(bundle: &Value, key: &PublicKey) -> Result<Vouched, VerifyError> {
    let bundle = Bundle::parse(&serde_json::to_vec(bundle).unwrap(), &LIMITS)?;
    verify_managed(&bundle, key, &TrustedRoot::public_good()?, &LIMITS, SystemTime::now())
}

fn refusal(bundle: &Value, key: &PublicKey) -> &'static str {
    check(bundle, key).map_or_else(|error| error.code(), |_| "accepted")
}

#[test]
fn a_signature_without_evidence_proves_no_time_and_no_log() {
    let Some((bundle, key)) = signed_by_key() else { return };
    let vouched = check(&bundle, &key).unwrap();
    assert!(vouched.signed_at.is_empty() && vouched.logs.is_empty() && vouched.authorities.is_empty());
}

#[test]
fn evidence_of_another_signature_is_refused_and_not_left_aside() {
    let (Some((bundle, key)), Some(keyless)) = (signed_by_key(), bundles().pop()) else { return };
    let with = |member: &str| {
        let mut bundle = bundle.clone();
        bundle["verificationMaterial"][member] = keyless["verificationMaterial"][member].clone();
        refusal(&bundle, &key)
    };
    assert_eq!(with("tlogEntries"), "E-LOG");
    assert_eq!(with("timestampVerificationData"), "E-TIMESTAMP");
}

#[test]
fn another_key_is_refused_before_anything_else() {
    let (Some((mut bundle, _)), Some(first)) = (signed_by_key(), bundles().pop()) else { return };
    bundle["verificationMaterial"]["tlogEntries"] = first["verificationMaterial"]["tlogEntries"].clone();
    let other = oms().unwrap().join("conformance/assets/keys");
    let mut tried = 0;
    for folder in fs::read_dir(other).unwrap() {
        let file = folder.unwrap().path().join("signing-key-pub.pem");
        if file.to_string_lossy().contains("/certificate/") {
            continue;
        }
        if let Some(key) = fs::read_to_string(file).ok().and_then(|pem| PublicKey::from_pem(&pem).ok()) {
            assert_eq!(refusal(&bundle, &key), "E-SIGNATURE-INVALID");
            tried += 1;
        }
    }
    assert!(tried > 0);
}

#[test]
fn a_key_is_no_certificate() {
    let Some((bundle, _)) = signed_by_key() else { return };
    assert_eq!(code(verify_json(&bundle)), "E-UNSUPPORTED");
}
