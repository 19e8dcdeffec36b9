//! Keyless bundles of models, below the pipeline: who signed, and when, by whose word.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod advisories;
mod identities;
mod managed;
mod roots;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_testkit::places;
use lacre_verify::sigstore_layer_that_proves_no_model::{
    IdentityKind, KeylessInput, KeylessSigner, SignedTime, TimeSource, TrustedRoot, Vouched, verify,
};
use lacre_verify::{KeylessIdentity, Limits, SubjectMatch, VerifyError};
use serde_json::Value;

const SUBJECT: &str = "stefanb@us.ibm.com";
const ISSUER: &str = "https://sigstore.verify.ibm.com/oauth2";
const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
const LIMITS: Limits = Limits { statement: 1 << 20, depth: 32 };

type Outcome = Result<(KeylessSigner, Vouched), VerifyError>;

fn oms() -> Option<PathBuf> {
    places::vectors().map(|vectors| vectors.join("oms"))
}

/// The bundles of releases of the reference implementation, all of one signer.
fn bundles() -> Vec<Value> {
    let Some(oms) = oms() else { return Vec::new() };
    ["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"]
        .map(|release| {
            let file = oms.join(format!("model-transparency/scripts/tests/{release}-sigstore/model.sig"));
            serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
        })
        .into()
}

fn root_json() -> Value {
    let file = oms().unwrap().join("sigstore-trust/prod_trusted_root.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn root_of(json: &Value) -> Result<TrustedRoot, VerifyError> {
    TrustedRoot::from_json(&serde_json::to_vec(json).unwrap(), &LIMITS)
}

fn signer() -> KeylessIdentity {
    KeylessIdentity::new(SubjectMatch::Exact(SUBJECT.to_owned()), ISSUER).unwrap()
}

fn verify_with(
    bundle: &[u8],
    root: &TrustedRoot,
    identities: &[KeylessIdentity],
    now: SystemTime,
) -> Outcome {
    let bundle = lacre_attest::Bundle::parse(bundle, &LIMITS)?;
    verify(&KeylessInput { bundle: &bundle, limits: &LIMITS, root, identities, now })
}

fn verify_text(text: &[u8]) -> Outcome {
    verify_with(text, &TrustedRoot::public_good().unwrap(), &[signer()], SystemTime::now())
}

fn verify_json(bundle: &Value) -> Outcome {
    verify_text(&serde_json::to_vec(bundle).unwrap())
}

/// The code of a refusal.
#[track_caller]
fn code(outcome: Outcome) -> &'static str {
    match outcome {
        Ok(_) => panic!("accepted"),
        Err(error) => error.code(),
    }
}

/// What becomes of each good bundle after `change`.
#[track_caller]
fn changed(change: impl Fn(&mut Value), expected: &str) {
    for mut bundle in bundles() {
        verify_json(&bundle).unwrap();
        let before = bundle.clone();
        change(&mut bundle);
        assert_ne!(bundle, before, "nothing was changed");
        assert_eq!(code(verify_json(&bundle)), expected);
    }
}

fn member<'a>(bundle: &'a mut Value, place: &str) -> &'a mut Value {
    bundle.pointer_mut(place).unwrap_or_else(|| panic!("there is no {place}"))
}

fn change_bytes(bundle: &mut Value, place: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let value = member(bundle, place);
    let mut bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
    change(&mut bytes);
    *value = STANDARD.encode(bytes).into();
}

#[test]
fn bundles_of_every_release_of_the_reference_implementation_are_accepted() {
    let Some(first) = bundles().first().cloned() else { return };
    let (signer, vouched) = verify_json(&first).unwrap();
    assert_eq!((signer.identity.as_str(), signer.identity_kind), (SUBJECT, IdentityKind::Email));
    assert_eq!(signer.issuer, ISSUER);
    assert_eq!((signer.algorithm, signer.expected), ("ecdsa-p256", 0));
    assert!(signer.ci.is_empty(), "{:?}", signer.ci);
    assert_eq!(vouched.logs, ["rekor.sigstore.dev".to_owned()].into());
    assert!(vouched.authorities.is_empty());
    // `integratedTime` of the entry.
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_746_234_602);
    let source = TimeSource::Log("rekor.sigstore.dev".to_owned());
    assert_eq!(vouched.signed_at, [SignedTime { time, source }]);
    for bundle in bundles() {
        let (signer, vouched) = verify_json(&bundle).unwrap();
        assert_eq!(signer.identity, SUBJECT);
        assert_eq!(vouched.logs.len(), 1);
    }
}

#[test]
fn a_timestamp_is_told_with_its_authority_and_the_earliest_time_first() {
    let Some(last) = bundles().last().cloned() else { return };
    let (_, vouched) = verify_json(&last).unwrap();
    assert_eq!(vouched.authorities, ["timestamp.sigstore.dev/api/v1/timestamp".to_owned()].into());
    assert_eq!(vouched.signed_at.len(), 2);
    assert!(vouched.signed_at.is_sorted_by_key(|signed| signed.time));
}

#[test]
fn the_key_is_that_of_the_certificate() {
    let Some(bundle) = bundles().first().cloned() else { return };
    let (signer, _) = verify_json(&bundle).unwrap();
    // openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum
    assert_eq!(signer.key.to_string(), KEY_OF_FIRST);
}

/// Of the bundle of v0.3.1, by openssl.
const KEY_OF_FIRST: &str = "8d0b4818814fef787aef944f9d4b9ce497458de941927d35b6fe2b69f6368181";

#[test]
fn what_is_proven_to_be_signed_in_the_future_is_refused() {
    let root = TrustedRoot::public_good().unwrap();
    let early = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for bundle in bundles() {
        let text = serde_json::to_vec(&bundle).unwrap();
        assert_eq!(code(verify_with(&text, &root, &[signer()], early)), "E-LOG");
    }
}
