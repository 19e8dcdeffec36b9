//! Known failures of other verifiers, each by its name: the same attack on this one, where keys and trust decide. What
//! concerns certificates, timestamps and logs stands with them; docs/ADVISORIES.md lists all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs;
use std::time::{Duration, SystemTime};

use lacre_testkit::{Forge, Sealed, resign};
use lacre_verify::{
    Endorsement, Hold, Limits, NoProgress, PublicKey, Requirements, Trust, TrustedKey, Unverified, Verified,
};

use verifying::{code, payload, verify, verify_with, with_bundle};

/// A statement of another predicate type by a trusted key says something else, however much it looks like a model's.
#[test]
fn cve_2022_35929_a_statement_of_another_type() {
    let sealed = Sealed::sample();
    for kind in [
        "https://slsa.dev/provenance/v1",
        "https://sigstore.dev/cosign/sign/v1",
        "https://model_signing/signature/v1.0/",
        "https://MODEL_SIGNING/signature/v1.0",
        "https://model_signing/signature/v1.1",
        "",
    ] {
        let bundle = sealed.resigned(|statement| statement["predicateType"] = kind.into());
        assert_eq!(with_bundle(&sealed, &bundle), "E-PREDICATE-TYPE", "{kind}");
    }
    let none = sealed.resigned(|statement| drop(statement.as_object_mut().unwrap().remove("predicateType")));
    assert_eq!(with_bundle(&sealed, &none), "E-STATEMENT");
}

/// A good signature over something that is no statement.
#[test]
fn cve_2026_39395_a_signed_payload_that_is_malformed() {
    let sealed = Sealed::sample();
    let whole = payload(&sealed);
    let signed = |payload: &[u8]| with_bundle(&sealed, &resign(payload, sealed.key()));
    assert_eq!(signed(b""), "E-ENVELOPE");
    assert_eq!(signed(b"a model"), "E-JSON");
    assert_eq!(signed(b"\0\x01\xff\xfe"), "E-JSON");
    assert_eq!(signed(&whole[..whole.len() - 1]), "E-JSON");
    assert_eq!(signed(b"null"), "E-STATEMENT");
    assert_eq!(signed(b"{}"), "E-STATEMENT");
    assert_eq!(signed(&[b"[", whole.as_slice(), b"]"].concat()), "E-STATEMENT");
    for other in ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v2", "Statement"] {
        let bundle = sealed.resigned(|statement| statement["_type"] = other.into());
        assert_eq!(with_bundle(&sealed, &bundle), "E-STATEMENT-TYPE", "{other}");
    }
    let plain = Forge::new(&whole, sealed.key()).payload_type("application/json").to_json();
    assert_eq!(with_bundle(&sealed, &plain), "E-PAYLOAD-TYPE");
}

/// Trust that names nobody, or forgets half of what it should name, is an error when it is read, and never a pass.
#[test]
fn cve_2022_35930_trust_without_a_signer() {
    assert_eq!(Trust::keys(Vec::<PublicKey>::new()).unwrap_err().code(), "E-USAGE");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.toml");
    for (text, expected) in [
        ("", "E-TRUST-FILE"),
        ("version = 1\n", "E-USAGE"),
        ("version = 1\nsigners = 0\n", "E-TRUST-FILE"),
        ("version = 1\n[[key]]\n", "E-TRUST-FILE"),
        ("version = 1\n[[key]]\nstatus = \"active\"\n", "E-TRUST-FILE"),
        ("version = 1\n[[key]]\npublic-key = \"\"\n", "E-TRUST-FILE"),
        ("version = 1\n[[keys]]\npublic-key = \"x\"\n", "E-TRUST-FILE"),
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(Trust::read(&path).unwrap_err().code(), expected, "{text}");
    }
}

#[cfg(all(feature = "sigstore", feature = "x509"))]
#[test]
fn cve_2022_35930_an_authority_or_a_root_without_an_identity() {
    use lacre_testkit::pki::{Draft, TestKey};
    use lacre_verify::{Anchors, TrustedRoot};

    let key = TestKey::p256("root");
    let anchors = Anchors::from_der([Draft::root("Root", &key).sign(&key)]).unwrap();
    assert_eq!(Trust::authority(anchors, None, Vec::new()).unwrap_err().code(), "E-USAGE");
    let root = TrustedRoot::public_good().unwrap();
    assert_eq!(Trust::keyless(root, Vec::new()).unwrap_err().code(), "E-USAGE");
}

/// The window of a key holds for its signatures too, not for certificates alone.
#[test]
fn cve_2026_54787_a_key_outside_of_its_time() {
    let sealed = Sealed::sample();
    let now = SystemTime::now();
    let outcome = |key: TrustedKey| {
        let requirements = Requirements::new(Trust::keys([key]).unwrap());
        verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress)
            .map_or_else(|failure| failure.code(), |_| "accepted")
    };
    let key = || TrustedKey::new(sealed.public_key().clone());
    let hour = Duration::from_hours(1);
    assert_eq!(outcome(key().valid_from(now - hour).valid_until(now + hour)), "accepted");
    assert_eq!(outcome(key().valid_until(now - hour)), "E-KEY-EXPIRED");
    assert_eq!(outcome(key().valid_from(now + hour)), "E-KEY-EXPIRED");
}

/// One key counts once: named twice, and with as many signatures as there is room for.
#[test]
fn cve_2020_15093_one_key_is_one_signer() {
    let (sealed, other) = (Sealed::sample(), Sealed::sample());
    let keys = [sealed.public_key().clone(), sealed.public_key().clone(), other.public_key().clone()];
    let trust = Trust::keys(keys).unwrap().signers(2.try_into().unwrap());
    let requirements = Requirements::new(trust);
    let own = || Forge::new(payload(&sealed), sealed.key());
    let unite = |bundles: &[Vec<u8>]| {
        let endorsements = bundles.iter().map(|bundle| {
            Unverified::<Endorsement>::parse(bundle, &Limits::default())
                .and_then(|bundle| bundle.verify(&requirements))
        });
        Verified::unite(endorsements, &requirements)
    };
    // The same key under its OMS hint, cosign's hint and none: three bundles, one signer.
    let same = [own().to_json(), own().cosign_hint().to_json(), own().no_hint().to_json()];
    assert_eq!(code(unite(&same)), "E-TOO-FEW-SIGNERS");
    let distinct = [same[0].clone(), Forge::new(payload(&sealed), other.key()).to_json()];
    assert_eq!(unite(&distinct).unwrap().signers().len(), 2);
}

/// Whoever can write beside a model cannot keep its verifier busy for ever.
#[test]
fn cve_2023_33957_countless_signatures_beside_a_model() {
    let (sealed, stranger) = (Sealed::sample(), Sealed::sample());
    let trust = Trust::keys([sealed.public_key().clone(), Sealed::sample().public_key().clone()]).unwrap();
    let two = Requirements::new(trust.signers(2.try_into().unwrap()));
    let folder = sealed.path().with_extension("signatures");
    fs::create_dir(&folder).unwrap();
    let bundle = Forge::new(payload(&sealed), stranger.key()).to_json();
    for number in 0..64 {
        fs::write(folder.join(format!("{number}.sig")), &bundle).unwrap();
    }
    assert_eq!(code(verify_with(&sealed, &two, &Hold::Nothing, &NoProgress)), "E-TOO-FEW-SIGNERS");
    fs::write(folder.join("64.sig"), &bundle).unwrap();
    assert_eq!(code(verify_with(&sealed, &two, &Hold::Nothing, &NoProgress)), "E-LIMIT");
}

/// Each statement counts for its own subject and its own signer.
#[test]
fn ghsa_r2xv_vpr2_42m9_every_statement_is_checked() {
    let (sealed, second, stranger) = (Sealed::sample(), Sealed::sample(), Sealed::sample());
    let keys = [sealed.public_key().clone(), second.public_key().clone()];
    let requirements = Requirements::new(Trust::keys(keys).unwrap().signers(2.try_into().unwrap()));
    let folder = sealed.path().with_extension("signatures");
    fs::create_dir(&folder).unwrap();
    let with = |bundle: Vec<u8>| {
        fs::write(folder.join("second.sig"), bundle).unwrap();
        verify_with(&sealed, &requirements, &Hold::Nothing, &NoProgress)
            .map_or_else(|failure| failure.code(), |_| "accepted")
    };
    assert_eq!(with(Forge::new(payload(&sealed), second.key()).to_json()), "accepted");
    // By a stranger, in the second signer's name, or about another model.
    assert_eq!(with(Forge::new(payload(&sealed), stranger.key()).to_json()), "E-TOO-FEW-SIGNERS");
    let borrowed = Forge::new(payload(&sealed), stranger.key()).hint(second.public_key().hint());
    assert_eq!(with(borrowed.to_json()), "E-TOO-FEW-SIGNERS");
    let mut other = sealed.statement();
    other["subject"][0]["name"] = "org/other".into();
    assert_eq!(with(resign(other.to_string(), second.key())), "E-TOO-FEW-SIGNERS");
    assert!(verify(&sealed).is_ok());
}
