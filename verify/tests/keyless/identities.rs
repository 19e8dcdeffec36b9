//! Whom a bundle proves to have signed, and who was expected.

use std::time::SystemTime;

use lacre_verify::sigstore_layer_that_proves_no_model::TrustedRoot;
use lacre_verify::{KeylessIdentity, SubjectMatch};

use crate::{ISSUER, SUBJECT, bundles, code, signer, verify_with};

fn outcome(identities: &[KeylessIdentity]) -> Vec<&'static str> {
    let root = TrustedRoot::public_good().unwrap();
    bundles()
        .iter()
        .map(|bundle| {
            let text = serde_json::to_vec(bundle).unwrap();
            verify_with(&text, &root, identities, SystemTime::now())
                .map_or_else(|error| error.code(), |_| "accepted")
        })
        .collect()
}

fn all(identities: &[KeylessIdentity], expected: &str) {
    assert!(outcome(identities).iter().all(|code| *code == expected), "{identities:?}");
}

fn expecting(subject: &str, issuer: &str) -> KeylessIdentity {
    KeylessIdentity::new(SubjectMatch::Exact(subject.to_owned()), issuer).unwrap()
}

#[test]
fn any_other_identity_is_refused() {
    for subject in [
        "stefanb@us.ibm.co",
        "tefanb@us.ibm.com",
        "stefanb@us.ibm.com.evil.test",
        "Stefanb@us.ibm.com",
        "stefanb@us.ibm.com ",
        "mailto:stefanb@us.ibm.com",
        ".*",
    ] {
        all(&[expecting(subject, ISSUER)], "E-IDENTITY-MISMATCH");
    }
}

#[test]
fn any_other_issuer_is_refused() {
    for issuer in [
        "https://sigstore.verify.ibm.com/oauth2/",
        "https://sigstore.verify.ibm.com",
        "http://sigstore.verify.ibm.com/oauth2",
        "https://accounts.google.com",
        ".*",
    ] {
        all(&[expecting(SUBJECT, issuer)], "E-IDENTITY-MISMATCH");
        // Anybody, but not by anybody's word.
        all(&[KeylessIdentity::new(SubjectMatch::AnyDanger, issuer).unwrap()], "E-IDENTITY-MISMATCH");
    }
}

#[test]
fn patterns_match_the_whole_identity() {
    let pattern = |text: &str| [KeylessIdentity::new(SubjectMatch::pattern(text).unwrap(), ISSUER).unwrap()];
    for good in [r"stefanb@us\.ibm\.com", r"[a-z]+@(us|de)\.ibm\.com", ".*", r"(?i)STEFANB@US\.IBM\.COM"] {
        all(&pattern(good), "accepted");
    }
    for bad in ["stefanb", r"ibm\.com", r"stefanb@us\.ibm\.co", "", r"stefanb|ibm\.com"] {
        all(&pattern(bad), "E-IDENTITY-MISMATCH");
    }
}

#[test]
fn a_demanded_claim_that_the_certificate_does_not_make_is_refused() {
    let demanding = signer().with_ci("repository", "https://github.com/ibm/models").unwrap();
    all(std::slice::from_ref(&demanding), "E-IDENTITY-MISMATCH");
    all(&[demanding, signer()], "accepted");
}

#[test]
fn nobody_is_expected_unless_somebody_is() {
    all(&[], "E-IDENTITY-MISMATCH");
}

#[test]
fn the_expectation_that_was_met_is_told_and_the_nearest_miss() {
    let Some(bundle) = bundles().first().map(|bundle| serde_json::to_vec(bundle).unwrap()) else { return };
    let root = TrustedRoot::public_good().unwrap();
    let other = expecting("somebody@example.com", ISSUER);
    let (found, _) = verify_with(&bundle, &root, &[other.clone(), signer()], SystemTime::now()).unwrap();
    assert_eq!(found.expected, 1);
    let said = |identities: &[KeylessIdentity]| {
        verify_with(&bundle, &root, identities, SystemTime::now()).unwrap_err().to_string()
    };
    let elsewhere = expecting(SUBJECT, "https://accounts.google.com");
    assert!(said(std::slice::from_ref(&other)).contains("nobody of this name"));
    assert!(said(&[elsewhere.clone(), other.clone()]).contains("another issuer"));
    let demanding = signer().with_ci("ref", "refs/heads/main").unwrap();
    let message = said(&[demanding, elsewhere, other]);
    assert!(message.contains("CI claim ref is absent, not refs/heads/main"), "{message}");
    assert!(message.contains(SUBJECT) && message.contains(ISSUER), "{message}");
}

#[test]
fn a_refusal_for_the_identity_comes_after_the_proof() {
    // A forged bundle in the right name, or in another, is a forgery first.
    let Some(mut bundle) = bundles().first().cloned() else { return };
    crate::change_bytes(&mut bundle, "/dsseEnvelope/payload", |payload| payload[20] ^= 1);
    let text = serde_json::to_vec(&bundle).unwrap();
    let root = TrustedRoot::public_good().unwrap();
    let outcome = verify_with(&text, &root, &[expecting("a", "b")], SystemTime::now());
    assert_eq!(code(outcome), "E-SIGNATURE-INVALID");
}
