//! How many distinct signers there are, over all kinds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_testkit::pki::{Draft, Ext, TestKey, general};
use lacre_testkit::{ModelDir, Seal, Sealed, edit_bundle};
use lacre_verify::{
    Anchors, CertificateIdentity, Claim, Endorsement, Failure, KeyStatus, Limits, Requirements, Trust,
    TrustedKey, Unverified, Verified,
};
use serde_json::json;

const RELEASE: &str = "https://example.com/release";
const OTHER: &str = "https://example.com/other";

/// Two models alike, signed with two keys.
fn two() -> (Sealed, Sealed) {
    let one = Sealed::sample();
    let name = one.statement()["subject"][0]["name"].as_str().unwrap().to_owned();
    (one, Seal::of(ModelDir::sample()).name(&name).sign())
}

/// An authority: its key and its certificate.
fn authority(name: &str) -> (TestKey, Vec<u8>) {
    let key = TestKey::p256(name);
    let root = Draft::root(name, &key).sign(&key);
    (key, root)
}

fn anchors(root: &[u8]) -> Anchors {
    Anchors::from_der([root]).unwrap()
}

/// The bundle of `sealed`, with a certificate for its key in the place of the key's name.
fn certified(sealed: &Sealed, by: &str, subject: &str, names: &[&str]) -> Vec<u8> {
    let (key, _) = authority(by);
    let mut leaf = Draft::leaf(by, subject, &key);
    leaf.spki = sealed.public_key().to_der().to_vec();
    leaf.put(Ext::alternative_names(&names.iter().map(|name| general::uri(name)).collect::<Vec<_>>()));
    let leaf = STANDARD.encode(leaf.sign(&key));
    edit_bundle(sealed.bundle(), |bundle| {
        bundle["verificationMaterial"] =
            json!({"x509CertificateChain": {"certificates": [{"rawBytes": leaf}]}, "tlogEntries": []});
    })
}

fn unite(bundles: &[&[u8]], trust: &Trust) -> Result<Verified<Claim>, Box<Failure>> {
    let requirements = Requirements::new(trust.clone().signers(NonZeroUsize::new(2).unwrap()));
    let endorsed = bundles.iter().map(|bundle| {
        let one = Unverified::<Endorsement>::parse(bundle, &Limits::default())?.verify(&requirements);
        // Each of them is accepted: it is the counting that is looked at.
        assert!(one.is_ok(), "{one:?}");
        one
    });
    Verified::unite(endorsed, &requirements)
}

#[track_caller]
fn count_as_one(bundles: &[&[u8]], trust: &Trust) {
    let failure = unite(bundles, trust).unwrap_err();
    assert_eq!(failure.code(), "E-TOO-FEW-SIGNERS");
    assert!(failure.to_string().starts_with("1 of 2"), "{failure}");
}

fn sans(names: &[&str]) -> Vec<CertificateIdentity> {
    names.iter().map(|name| CertificateIdentity::San((*name).to_owned())).collect()
}

#[test]
fn two_are_two() {
    let (one, other) = two();
    let (_, root) = authority("One");
    let trust = Trust::keys([one.public_key().clone()])
        .unwrap()
        .and_authority(anchors(&root), None, sans(&[RELEASE, OTHER]))
        .unwrap();
    let by_certificate = certified(&other, "One", "Other", &[OTHER]);
    assert_eq!(unite(&[one.bundle(), &by_certificate], &trust).unwrap().signers().len(), 2);
    let release = certified(&one, "One", "Release", &[RELEASE]);
    assert_eq!(unite(&[&release, &by_certificate], &trust).unwrap().signers().len(), 2);
}

#[test]
fn a_key_is_one_signer_in_whatever_form_it_comes() {
    let (one, _) = two();
    let (_, root) = authority("One");
    let trust = Trust::keys([one.public_key().clone(), one.public_key().clone()])
        .unwrap()
        .and_authority(anchors(&root), None, sans(&[RELEASE, OTHER]))
        .unwrap();
    count_as_one(&[one.bundle(), one.bundle()], &trust);
    // Under the hint of cosign, which is another text.
    let cosign = edit_bundle(one.bundle(), |bundle| {
        bundle["verificationMaterial"]["publicKey"]["hint"] = one.public_key().cosign_hint().into();
    });
    count_as_one(&[one.bundle(), &cosign], &trust);
    let release = certified(&one, "One", "Release", &[RELEASE]);
    count_as_one(&[one.bundle(), &release], &trust);
    count_as_one(&[&release, one.bundle()], &trust);
    // Under two names.
    count_as_one(&[&release, &certified(&one, "One", "Other", &[OTHER])], &trust);
}

#[test]
fn a_self_made_certificate_adds_no_signer() {
    let one = Sealed::sample();
    let key = TestKey::p256("self-made");
    let mut own = Draft::leaf("Me", "Me", &key);
    own.put(Ext::alternative_names(&[general::uri(RELEASE)]));
    let der = own.sign(&key);
    let spki = lacre_hash::Sha256Digest::of(&key.spki());
    let public = lacre_verify::PublicKey::from_der(&key.spki()).unwrap();
    // Signed by a key of the testkit: over the same claim.
    let payload = serde_json::to_vec(&one.statement()).unwrap();
    let pae =
        [format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len()).as_bytes(), &payload].concat();
    let signature = STANDARD.encode(key.sign(key.scheme(), &pae));
    let signed = |material: serde_json::Value| {
        edit_bundle(one.bundle(), |bundle| {
            bundle["dsseEnvelope"]["payload"] = STANDARD.encode(&payload).into();
            bundle["dsseEnvelope"]["signatures"][0]["sig"] = signature.clone().into();
            bundle["verificationMaterial"] = material;
        })
    };
    let raw = signed(json!({"publicKey": {"hint": public.hint()}, "tlogEntries": []}));
    let chain = json!({"certificates": [{"rawBytes": STANDARD.encode(&der)}]});
    let own = signed(json!({"x509CertificateChain": chain, "tlogEntries": []}));
    let trust = Trust::keys([public])
        .unwrap()
        .and_authority(anchors(&der), None, vec![CertificateIdentity::Spki(spki)])
        .unwrap();
    count_as_one(&[&raw, &own], &trust);
}

#[test]
fn an_identity_is_one_signer_whoever_vouches_for_it() {
    let (one, other) = two();
    let ((_, first), (_, second)) = (authority("One"), authority("Two"));
    let trust = Trust::authority(anchors(&first), None, sans(&[RELEASE, OTHER]))
        .unwrap()
        .and_authority(anchors(&second), None, sans(&[RELEASE, OTHER]))
        .unwrap();
    let by_one = certified(&one, "One", "Release", &[RELEASE]);
    count_as_one(&[&by_one, &certified(&other, "One", "Again", &[RELEASE])], &trust);
    count_as_one(&[&by_one, &certified(&other, "Two", "Again", &[RELEASE])], &trust);
    // Behind another name that is trusted as well.
    count_as_one(&[&by_one, &certified(&other, "Two", "Again", &[OTHER, RELEASE])], &trust);
    let apart = certified(&other, "Two", "Again", &[OTHER]);
    assert_eq!(unite(&[&by_one, &apart], &trust).unwrap().signers().len(), 2);
}

#[test]
fn a_revoked_key_does_not_come_back_with_a_certificate() {
    let (one, _) = two();
    let (_, root) = authority("One");
    let release = certified(&one, "One", "Release", &[RELEASE]);
    let trust = |status| {
        Trust::keys([TrustedKey::new(one.public_key().clone()).status(status)])
            .unwrap()
            .and_authority(anchors(&root), None, sans(&[RELEASE]))
            .unwrap()
    };
    let verify = |status| {
        let bundle = Unverified::<Claim>::parse(&release, &Limits::default()).unwrap();
        bundle.verify(&Requirements::new(trust(status))).map_or_else(|failure| failure.code(), |_| "accepted")
    };
    assert_eq!(verify(KeyStatus::Active), "accepted");
    assert_eq!(verify(KeyStatus::Revoked), "E-KEY-REVOKED");
}

#[test]
fn of_several_authorities_the_refusal_that_came_furthest_is_told() {
    let (one, _) = two();
    let ((_, first), (_, second)) = (authority("One"), authority("Two"));
    let release = certified(&one, "One", "Release", &[RELEASE]);
    let refusal = |trust: Trust| {
        let bundle = Unverified::<Claim>::parse(&release, &Limits::default()).unwrap();
        bundle.verify(&Requirements::new(trust)).unwrap_err().code()
    };
    let (knows, stranger) = ((anchors(&first), sans(&[OTHER])), (anchors(&second), sans(&[RELEASE])));
    for [one, other] in [[&knows, &stranger], [&stranger, &knows]] {
        let trust = Trust::authority(one.0.clone(), None, one.1.clone()).unwrap();
        let trust = trust.and_authority(other.0.clone(), None, other.1.clone()).unwrap();
        assert_eq!(refusal(trust), "E-IDENTITY-MISMATCH");
    }
    assert_eq!(refusal(Trust::authority(stranger.0, None, stranger.1).unwrap()), "E-SIGNER-UNTRUSTED");
}
