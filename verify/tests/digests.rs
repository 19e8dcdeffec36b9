//! Which of the signed digests prove the content.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use lacre_testkit::Sealed;
use lacre_verify::{
    Hold, Links, Model, NoProgress, Prove, ProvenBy, Requirements, Trust, Unverified, Verified,
};

fn verify(sealed: &Sealed, prove: Prove) -> Result<Verified<Model>, &'static str> {
    let trust = Trust::keys([sealed.public_key().clone()]).unwrap();
    let requirements = Requirements::new(trust).prove(prove);
    Unverified::open(&sealed.path(), None, Links::Refuse, &requirements)
        .and_then(|model| model.verify(&requirements, &Hold::Nothing, &NoProgress))
        .map_err(|failure| failure.code())
}

fn proven_by(sealed: &Sealed, prove: Prove) -> Result<Option<ProvenBy>, &'static str> {
    verify(sealed, prove).map(|model| model.report().proven_by)
}

#[test]
fn the_quickest_signed_digest_or_the_demanded_ones() {
    let sealed = Sealed::sample();
    assert_eq!(proven_by(&sealed, Prove::Quickest), Ok(Some(ProvenBy::Blake3)));
    assert_eq!(proven_by(&sealed, Prove::Blake3), Ok(Some(ProvenBy::Blake3)));
    assert_eq!(proven_by(&sealed, Prove::Sha256), Ok(Some(ProvenBy::Sha256)));
    assert_eq!(proven_by(&sealed, Prove::Both), Ok(Some(ProvenBy::Both)));
}

#[test]
fn a_signature_without_blake3_proves_by_sha256_and_nothing_else() {
    let sealed = Sealed::sample();
    let bundle = sealed.resigned(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            let resource = resource.as_object_mut().unwrap();
            resource.remove("blake3");
            resource.remove("size");
        }
    });
    sealed.write_bundle(&bundle);
    for prove in [Prove::Quickest, Prove::Sha256, Prove::Both] {
        assert_eq!(proven_by(&sealed, prove), Ok(Some(ProvenBy::Sha256)), "{prove:?}");
    }
    assert_eq!(proven_by(&sealed, Prove::Blake3), Err("E-DIGEST-NOT-SIGNED"));
}

/// One signature, two contents: the SHA-256 of the file at hand beside the BLAKE3 of another one, and the other way
/// round. Each digest alone is satisfied by its own content; both together by none.
#[test]
fn two_digests_of_two_contents_are_told_apart_by_who_asks_for_both() {
    let other = "0".repeat(64);
    for (digest, satisfied, refused) in
        [("blake3", Prove::Sha256, Prove::Blake3), ("digest", Prove::Blake3, Prove::Sha256)]
    {
        let sealed = Sealed::sample();
        let bundle = sealed.restated(|statement| {
            statement["predicate"]["resources"][0][digest] = other.as_str().into();
        });
        sealed.write_bundle(&bundle);
        assert!(verify(&sealed, satisfied).is_ok(), "{digest}");
        assert_eq!(verify(&sealed, refused).err(), Some("E-FILE-CHANGED"), "{digest}");
        assert_eq!(verify(&sealed, Prove::Both).err(), Some("E-FILE-CHANGED"), "{digest}");
    }
}

/// What is read later is proven by the same digests: a model that passed by its SHA-256 does not come to be read by a
/// BLAKE3 that nobody looked at.
#[test]
fn what_is_read_again_is_proven_by_the_same_digests() {
    let sealed = Sealed::sample();
    let other = "0".repeat(64);
    let bundle = sealed.restated(|statement| {
        statement["predicate"]["resources"][0]["blake3"] = other.as_str().into();
    });
    sealed.write_bundle(&bundle);
    let model = verify(&sealed, Prove::Sha256).unwrap();
    let name = model.manifest().entries()[0].path.as_str().to_owned();
    assert_eq!(*model.read(&name).unwrap(), *sealed.model().read(&name));
}
